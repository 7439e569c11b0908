"""A folder with a diffusion pipeline, as diffusers writes it: what ``model_index.json`` says, and what we accept of it.

Beside it may lie ``aigc.json``, which says how the pipeline is to be used: scheduler, LoRA files of the folder, default
steps and guidance, precision, device.

Only data is accepted: safetensors and JSON, components of diffusers and transformers by name. Whatever would run code
of the folder (pickles, Python files, pipelines or components of its own) is refused by name, before a library opens it.

Knows: the files' form, the families of pipelines. Does not know: torch, diffusers; nothing of them is imported.
Source: diffusers' documentation, "Understanding pipelines, models and schedulers"; safetensors, "Format".
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from aigc.engines.diffusers_weights import PICKLES, common, precision_of
from aigc.errors import InvalidModelFile
from aigc.types import Capability, EngineFile

INDEX, SETTINGS = "model_index.json", "aigc.json"
_MAX_JSON_BYTES = 2**20
_MAX_HEADER_BYTES = 2**27
_BASE_BYTES = 900 * 2**20
"""Python and the libraries (430 MiB with a tiny pipeline), and room for the working memory of one picture."""
_LIBRARIES = ("diffusers", "transformers")

_FAMILIES: dict[str, frozenset[Capability]] = {
    **dict.fromkeys(
        (
            "StableDiffusionPipeline",
            "StableDiffusionXLPipeline",
            "StableDiffusion3Pipeline",
            "FluxPipeline",
            "QwenImagePipeline",
            "ZImagePipeline",
        ),
        frozenset({"image", "image_edit"}),
    ),
    **dict.fromkeys(
        (
            "AuraFlowPipeline",
            "ChromaPipeline",
            "CogView4Pipeline",
            "Lumina2Pipeline",
        ),
        frozenset({"image"}),
    ),
}
"""Pipelines that begin with words, and what their families can do: those that edit have siblings for pictures and for
masks, which share their networks. Left out: those that quietly make another size than was asked for (PixArt, Sana)."""


class Lora(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A small change of the networks, kept in a file of its own."""

    file: Annotated[str, msgspec.Meta(pattern=r"(?a)^(?!.*\.\.)\w[\w.+-]*(/\w[\w.+-]*)*\.safetensors$")]
    """Path in the folder."""
    scale: Annotated[float, msgspec.Meta(ge=-4, le=4)] = 1.0


class PipelineSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``aigc.json``; what is left out is the pipeline's own default."""

    scheduler: str | None = None
    """Name of a class of diffusers, like ``DPMSolverMultistepScheduler``."""
    loras: tuple[Lora, ...] = ()
    steps: Annotated[int, msgspec.Meta(ge=1, le=1000)] | None = None
    guidance: Annotated[float, msgspec.Meta(ge=0, le=100)] | None = None
    dtype: Literal["float32", "bfloat16", "float16"] | None = None
    """None: float32 on a CPU, bfloat16 on CUDA."""
    device: Literal["cpu", "cuda"] | None = None
    """None: CUDA where there is one."""


class PipelineFolder(msgspec.Struct, frozen=True, kw_only=True):
    """A folder that was looked through."""

    pipeline: str
    """Name of the class."""
    capabilities: tuple[Capability, ...]
    settings: PipelineSettings
    variant: str | None
    """``fp16`` or ``bf16`` where the weights are there in that precision only."""
    parameters: int


def is_pipeline(folder: Path) -> bool:
    """Whether it says of itself that it is one."""
    return (folder / INDEX).is_file()


def read(folder: Path) -> PipelineFolder:
    """Look through a folder; no weights are read, but the headers of their files.

    Raises: InvalidModelFile: a file or a component that could run code, a pipeline that isn't known, damaged JSON.
    """
    _refuse_code(folder)
    index = read_json(folder / INDEX)
    pipeline = check_index(index)
    parts = [sorted((folder / name).glob("*.safetensors")) for name in components(index)]
    precision = next(iter(common([path.name for path in paths] for paths in parts)), "full")
    variant = None if precision == "full" else precision
    used = [path for paths in parts for path in paths if precision_of(path.name) == precision]
    settings = settings_of(folder)
    for lora in settings.loras:
        if not (folder / lora.file).is_file():
            raise InvalidModelFile(f"{SETTINGS} names the LoRA {lora.file!r}, which isn't in the folder")
    return PipelineFolder(
        pipeline=pipeline,
        capabilities=tuple(sorted(_FAMILIES[pipeline])),
        settings=settings,
        variant=variant,
        parameters=sum(_parameters(path) for path in used),
    )


def prepare(weights: Path, folder: Path, on_progress: Callable[[float], None]) -> EngineFile:
    """The folder as the engine opens it; nothing is converted. Raises: InvalidModelFile."""
    found = read(weights)
    on_progress(1.0)
    # On a CPU it is computed in 32 bits, whatever the file has; settings for 16 bits halve it.
    size = 4 if found.settings.dtype in (None, "float32") else 2
    memory = _BASE_BYTES + size * found.parameters
    return EngineFile(engine="diffusers", path=str(weights.absolute()), memory_bytes=memory)


def check_index(index: dict[str, object]) -> str:
    """The name of the pipeline that ``model_index.json`` describes.

    Raises:
        InvalidModelFile: one that isn't known, or a component that isn't of diffusers or transformers.
    """
    pipeline = index.get("_class_name")
    if not isinstance(pipeline, str) or pipeline not in _FAMILIES:
        raise InvalidModelFile(
            f"{INDEX} names the pipeline {pipeline!r}; accepted: {', '.join(_FAMILIES)}",
            hint="pipelines with code of their own are refused",
        )
    for name, stated in _stated(index):
        library = stated[0] if stated else None
        if library is not None and (library not in _LIBRARIES or len(stated) != 2 or not isinstance(stated[1], str)):
            raise InvalidModelFile(
                f"the component {name!r} is {stated!r}; accepted: classes of {' and '.join(_LIBRARIES)}",
                hint="components with code of their own are refused",
            )
    return pipeline


def components(index: dict[str, object]) -> list[str]:
    """Names of the components that are there, each of which has a folder of that name."""
    return [name for name, stated in _stated(index) if stated and stated[0] is not None]


def _stated(index: dict[str, object]) -> list[tuple[str, list[object]]]:
    return [(k, v) for k, v in index.items() if isinstance(v, list) and not k.startswith("_")]


def _refuse_code(folder: Path) -> None:
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() in PICKLES:
            raise InvalidModelFile(
                f"{path.relative_to(folder)} can run code when it is opened, or is of a kind that isn't read: refused",
                hint="keep only JSON, text and safetensors in the folder",
            )


def settings_of(folder: Path) -> PipelineSettings:
    """What ``aigc.json`` says. Raises: InvalidModelFile: it says something else."""
    path = folder / SETTINGS
    if not path.exists():
        return PipelineSettings()
    try:
        settings = msgspec.convert(read_json(path), PipelineSettings)
    except msgspec.ValidationError as error:
        raise InvalidModelFile(f"{SETTINGS}: {error}") from error
    return settings


def read_json(path: Path) -> dict[str, object]:
    """A file of JSON. Raises: InvalidModelFile: too large, or no JSON."""
    try:
        if path.stat().st_size > _MAX_JSON_BYTES:
            raise InvalidModelFile(f"{path.name} has more than {_MAX_JSON_BYTES} bytes")
        return msgspec.json.decode(path.read_bytes(), type=dict[str, object])
    except (OSError, msgspec.DecodeError) as error:
        raise InvalidModelFile(f"{path.name} can't be read: {error}") from error


def _parameters(path: Path) -> int:
    """Numbers in a safetensors file, counted from its header."""
    name = f"{path.parent.name}/{path.name}"
    try:
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            if length > min(_MAX_HEADER_BYTES, path.stat().st_size):
                raise InvalidModelFile(f"{name} is no safetensors file: its header would have {length} bytes")
            header = json.loads(file.read(length))
        tensors = [tensor for key, tensor in header.items() if key != "__metadata__"]
        if any(tensor["data_offsets"][1] > path.stat().st_size - 8 - length for tensor in tensors):
            raise InvalidModelFile(f"{name} is cut off")
        return sum(math.prod(tensor["shape"]) for tensor in tensors)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        raise InvalidModelFile(f"{name} is no safetensors file: {error}") from error
