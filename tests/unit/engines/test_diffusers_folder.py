"""What is accepted of a folder with a pipeline; nothing heavy is installed for it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from aigc.engines import diffusers_folder, registry
from aigc.errors import EngineMissing, InvalidModelFile


def safetensors(path: Path, **shapes: list[int]) -> None:
    """A file of zeros in 32 bits."""
    header, place = {}, 0
    for name, shape in shapes.items():
        size = 4
        for side in shape:
            size *= side
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [place, place + size]}
        place += size
    text = json.dumps(header).encode()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(len(text).to_bytes(8, "little") + text + bytes(place))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    index = {
        "_class_name": "StableDiffusionPipeline",
        "unet": ["diffusers", "UNet2DConditionModel"],
        "text_encoder": ["transformers", "CLIPTextModel"],
        "safety_checker": [None, None],
        "requires_safety_checker": False,
    }
    (tmp_path / "model_index.json").write_text(json.dumps(index))
    safetensors(tmp_path / "unet" / "diffusion_pytorch_model.safetensors", a=[3, 5], b=[10])
    safetensors(tmp_path / "text_encoder" / "model.safetensors", c=[100])
    return tmp_path


def changed(folder: Path, **fields: object) -> Path:
    index = json.loads((folder / "model_index.json").read_text())
    (folder / "model_index.json").write_text(json.dumps({**index, **fields}))
    return folder


def test_a_folder_says_what_it_can_do_and_how_large_it_is(folder: Path) -> None:
    found = diffusers_folder.read(folder)
    assert (found.pipeline, found.capabilities, found.parameters) == (
        "StableDiffusionPipeline",
        ("image", "image_edit"),
        125,
    )
    assert registry.engines_for(folder) == ["diffusers"]
    assert registry.engines_for(folder / "unet") == []
    made = diffusers_folder.prepare(folder, folder, lambda share: None)
    assert (made.engine, made.path, made.memory_bytes) == ("diffusers", str(folder), 900 * 2**20 + 500)


def test_weights_in_halves_are_taken_where_there_are_no_others(folder: Path) -> None:
    safetensors(folder / "unet" / "diffusion_pytorch_model.fp16.safetensors", a=[3, 5], b=[10])
    assert (diffusers_folder.read(folder).variant, diffusers_folder.read(folder).parameters) == (None, 125)
    safetensors(folder / "text_encoder" / "model.fp16.safetensors", c=[100])
    (folder / "text_encoder" / "model.safetensors").unlink()
    (folder / "unet" / "diffusion_pytorch_model.safetensors").unlink()
    assert (diffusers_folder.read(folder).variant, diffusers_folder.read(folder).parameters) == ("fp16", 125)


@pytest.mark.parametrize("name", ["unet/diffusion_pytorch_model.bin", "v1-5.ckpt", "pipeline.py", "vae/model.PT"])
def test_what_could_run_code_is_refused_by_name(folder: Path, name: str) -> None:
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_bytes(b"")
    with pytest.raises(InvalidModelFile, match=f"{name} can run code when it is opened"):
        diffusers_folder.read(folder)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (
            {"_class_name": ["pipeline", "MyPipeline"]},
            r"names the pipeline \['pipeline', 'MyPipeline'\]; accepted: Stable",
        ),
        ({"_class_name": "MyPipeline"}, "names the pipeline 'MyPipeline'"),
        ({"_class_name": None}, "names the pipeline None"),
        ({"unet": ["my_unet", "MyUNet"]}, r"the component 'unet' is \['my_unet', 'MyUNet'\]"),
        ({"unet": ["diffusers", 3]}, "the component 'unet' is"),
    ],
)
def test_pipelines_and_components_of_its_own_are_refused(folder: Path, fields: dict[str, object], message: str) -> None:
    with pytest.raises(InvalidModelFile, match=message):
        diffusers_folder.read(changed(folder, **fields))


def test_damaged_files_are_said_so(folder: Path) -> None:
    path = folder / "unet" / "diffusion_pytorch_model.safetensors"
    whole = path.read_bytes()
    for content, message in (
        (whole[:-1], "unet/diffusion_pytorch_model.safetensors is cut off"),
        (b"\xff" * 20, "is no safetensors file: its header would have 18446744073709551615 bytes"),
        (b"\x02" + bytes(7) + b"[]", "is no safetensors file"),
        (b"", "is no safetensors file"),
    ):
        path.write_bytes(content)
        with pytest.raises(InvalidModelFile, match=message):
            diffusers_folder.read(folder)
    (folder / "model_index.json").write_text("{")
    with pytest.raises(InvalidModelFile, match=r"model_index\.json can't be read"):
        diffusers_folder.read(folder)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ('{"schedular": "x"}', "unknown field `schedular`"),
        ('{"steps": 0}', "steps"),
        ('{"loras": [{"file": "../x.safetensors"}]}', "matching regex"),
        ('{"loras": [{"file": "lora/x.bin"}]}', "matching regex"),
        (
            '{"loras": [{"file": "lora/x.safetensors"}]}',
            "names the LoRA 'lora/x.safetensors', which isn't in the folder",
        ),
    ],
)
def test_settings_are_checked_before_anything_is_loaded(folder: Path, settings: str, message: str) -> None:
    (folder / "aigc.json").write_text(settings)
    with pytest.raises(InvalidModelFile, match=message):
        diffusers_folder.read(folder)


def test_16_bits_take_half_of_the_memory(folder: Path) -> None:
    (folder / "aigc.json").write_text('{"dtype": "bfloat16"}')
    assert diffusers_folder.prepare(folder, folder, lambda share: None).memory_bytes == 900 * 2**20 + 250


def test_without_the_extra_a_pull_says_what_to_install(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(EngineMissing, match="the engine diffusers is not installed") as caught:
        registry.prepare("diffusers", folder, folder)
    assert caught.value.hint == "pip install 'aigc-studio[diffusers]'"
