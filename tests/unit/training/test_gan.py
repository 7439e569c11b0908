"""A generator of stickers: what it learns from, trained for a moment, exported, painted with by the engine."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("onnx")

from aigc.cli.publish import publish  # noqa: E402
from aigc.client.sync import Client  # noqa: E402
from aigc.engines import model_folder  # noqa: E402
from aigc.engines.base import LoadOptions, Painting  # noqa: E402
from aigc.engines.gan import GANPainter  # noqa: E402
from aigc.errors import InvalidModelFile, UserError  # noqa: E402
from aigc.pictures import rasters  # noqa: E402
from aigc.recipes.base import open_source  # noqa: E402
from aigc.recipes.image.captioned import Captioned, as_row  # noqa: E402
from aigc.recipes.image.publish_gan import load_gan  # noqa: E402
from aigc.recipes.run import Options, train  # noqa: E402
from aigc.scenes.concepts import NUMBERS  # noqa: E402
from aigc.training.pool import Pool  # noqa: E402
from aigc.types import ImageRequest, RestoreRequest  # noqa: E402


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Toy runs, trained for a moment."""
    root = tmp_path_factory.mktemp("runs")
    shared = {"pool": root / "pool", "size": "toy", "device": "cpu"}
    train("image/gan", Options(folder=root / "gan", settings=["data=scenes:sticker"], **shared))
    train("image/restorer", Options(folder=root / "restorer", settings=["train.steps=1"], **shared))
    return root


@pytest.fixture(scope="module")
def folder(runs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What ``aigc publish`` writes."""
    into = tmp_path_factory.mktemp("model")
    publish(runs / "gan", name="toy", enlarger=runs / "restorer", into=into, notes=None, replace=False)
    return into


@pytest.fixture(scope="module")
def painter(folder: Path) -> GANPainter:
    return _open(folder)


def _open(folder: Path) -> GANPainter:
    spec = model_folder.read(folder).spec(folder)
    return GANPainter(spec, spec.engines[0], LoadOptions(threads=1, context_tokens=0, cache_bytes=0, max_sequences=1))


def _paint(painter: GANPainter, request: ImageRequest, index: int = 0) -> tuple[Painting, list[tuple[int, int, bool]]]:
    told: list[tuple[int, int, bool]] = []
    painter.check(request)
    made = painter.paint(request, index, lambda step, steps, preview: told.append((step, steps, preview is not None)))
    return made, told


SMALL = ImageRequest(prompt="a red fox", seed=3, width=16, height=16)


# ---------------------------------------------------------------- what it learns from


def test_captions_in_two_languages_are_the_same_rows() -> None:
    english = as_row("a red fox and a blue car", 8)
    chinese = as_row("一只红色的狐狸和一辆蓝色的汽车", 8)
    assert np.array_equal(english, chinese)
    said = ["count:1", "colour:red", "kind:fox", "count:1", "colour:blue", "kind:car"]
    assert english.tolist() == [[*(NUMBERS[c] for c in said), 0, 0], [0, 0, 0, 1, 1, 1, 0, 0]]


def test_the_same_number_gives_the_same_batch_and_held_out_pictures_are_others(tmp_path: Path) -> None:
    pool = Pool(tmp_path, open_source("scenes:sticker", 16))
    pool.fill(64)
    pool.fill(1, held_out=True)
    data = Captioned([pool], 64, batch=4, seed=0, english=0.5, length=24)
    one, again, other = data.batch(7), data.batch(7), data.batch(8)
    assert all(torch.equal(one[name], again[name]) for name in one)
    assert not torch.equal(one["pixels"], other["pixels"])
    assert one["pixels"].shape == (4, 3, 16, 16)
    assert one["numbers"].shape == one["places"].shape == (4, 24)
    trained = {picture.numpy().tobytes() for picture in torch.from_numpy(pool.pixels("sticker", 0).copy())}
    held = data.held_out()["pixels"].permute(0, 2, 3, 1).contiguous()
    assert not any(picture.numpy().tobytes() in trained for picture in held)


def test_pictures_that_are_not_square_are_refused(tmp_path: Path) -> None:
    pool = Pool(tmp_path, open_source("scenes:panorama", 16))
    with pytest.raises(UserError, match="has pictures of 32x16; image/gan makes squares"):
        Captioned([pool], 64, batch=4, seed=0, english=0.5, length=24)


# ---------------------------------------------------------------- training


def test_both_ways_of_learning_lower_the_error(tmp_path: Path, runs: Path) -> None:
    settings = (
        "data=scenes:sticker",
        "train.steps=60",
        "train.log_every=6",
        "train.sample_every=60",
        "critic_from=0.5",
    )
    run = Options(folder=tmp_path / "run", pool=runs / "pool", size="toy", device="cpu", settings=settings)
    train("image/gan", run)
    rows = map(msgspec.json.decode, (run.folder / "metrics.jsonl").read_text("utf-8").splitlines())
    errors = [row["error"] for row in rows if "error" in row]
    assert errors[4] < errors[0]
    assert errors[-1] < errors[0]


def test_it_knows_the_concepts_of_its_captions_and_of_the_run_that_it_began_from(tmp_path: Path, runs: Path) -> None:
    _, first, _ = load_gan(runs / "gan")
    assert first.known[NUMBERS["projection:sticker"]]
    assert not first.known[[0, NUMBERS["place:lake"]]].any()
    shared = {"pool": runs / "pool", "device": "cpu"}
    settings = ["data=scenes:perspective", "train.steps=2"]
    train("image/gan", Options(folder=tmp_path, before=runs / "gan", settings=settings, **shared))
    _, both, _ = load_gan(tmp_path)
    assert (both.known & first.known).equal(first.known)
    assert any(both.known[NUMBERS[f"time:{hour}"]] for hour in ("dawn", "day", "sunset", "dusk", "night"))


# ---------------------------------------------------------------- serving


def test_one_pass_gives_the_small_picture_the_enlarger_doubles_it(painter: GANPainter) -> None:
    made, told = _paint(painter, SMALL)
    assert (made.image.width, made.image.height, made.image.channels) == (16, 16, 3)
    assert told == [(1, 1, False)]
    made, told = _paint(painter, msgspec.structs.replace(SMALL, width=64, height=64, previews=1))
    assert (made.image.width, made.image.height) == (64, 64)
    assert told == [(1, 3, False), (2, 3, True), (3, 3, False)]
    assert _paint(painter, msgspec.structs.replace(SMALL, width=None, height=None))[0].image.width == 128


def test_the_same_seed_gives_the_same_pixels_and_another_seed_others(painter: GANPainter) -> None:
    first = _paint(painter, SMALL)[0]
    assert _paint(painter, SMALL)[0] == first
    second = _paint(painter, SMALL, index=1)[0]
    assert second.seed == 4
    assert second.image != first.image
    assert _paint(painter, msgspec.structs.replace(SMALL, seed=4))[0] == second


def test_english_and_chinese_give_the_same_pixels(painter: GANPainter) -> None:
    english = msgspec.structs.replace(SMALL, prompt="a red fox and a blue car, flat style")
    chinese = msgspec.structs.replace(SMALL, prompt="一只红色的狐狸和一辆蓝色的汽车，扁平风格")
    assert _paint(painter, english)[0].image == _paint(painter, chinese)[0].image
    swapped = msgspec.structs.replace(SMALL, prompt="a blue fox and a red car, flat style")
    assert _paint(painter, swapped)[0].image != _paint(painter, english)[0].image


def test_words_that_no_sticker_was_about_are_told(painter: GANPainter) -> None:
    made, _ = _paint(painter, msgspec.structs.replace(SMALL, prompt="a red fox at a lake"))
    assert made.facts["unknown"] == ["at a lake"]
    with pytest.raises(UserError, match="nothing in the prompt means anything to this model: lake"):
        painter.check(msgspec.structs.replace(SMALL, prompt="a lake"))


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"steps": 4}, "steps"),
        ({"guidance": 1.0}, "guidance"),
        ({"strength": 0.5}, "strength"),
        ({"image": rasters.from_array(np.zeros((16, 16, 3), np.uint8))}, "image"),
        ({"n": 11}, "n"),
        ({"transparent": True}, "background"),
        ({"panorama": True}, "panorama"),
        ({"style": "cubism"}, "style"),
        ({"width": 32}, "size"),
        ({"width": 256, "height": 256}, "size"),
    ],
)
def test_what_it_can_not_do_is_refused_by_name(painter: GANPainter, change: dict[str, object], param: str) -> None:
    with pytest.raises(UserError) as caught:
        painter.check(msgspec.structs.replace(SMALL, **change))
    assert caught.value.param == param


def test_a_size_is_refused_with_those_that_are_accepted(painter: GANPainter, runs: Path, tmp_path: Path) -> None:
    large = msgspec.structs.replace(SMALL, width=100, height=100)
    with pytest.raises(UserError, match=r"size is 100x100, .* accepted: 16x16, 32x32, 64x64, 128x128"):
        painter.check(large)
    publish(runs / "gan", name="bare", enlarger=None, into=tmp_path / "bare", notes=None, replace=False)
    with pytest.raises(UserError, match=r"accepted: 16x16$"):
        _open(tmp_path / "bare").check(large)


def test_photographs_are_another_models_matter(painter: GANPainter) -> None:
    with pytest.raises(UserError, match="repairs no photographs"):
        painter.check(RestoreRequest(image=rasters.from_array(np.zeros((4, 4), np.uint8))))


def test_damaged_networks_and_strange_settings_are_refused(folder: Path, tmp_path: Path) -> None:
    for file in folder.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    path = tmp_path / "model.json"
    told = path.read_bytes()
    path.write_bytes(told.replace(b'"noise": 8', b'"noise": "loud"'))
    with pytest.raises(InvalidModelFile, match="settings of no generator"):
        _open(tmp_path)
    path.write_bytes(told)
    content = bytearray((tmp_path / "generator.onnx").read_bytes())
    content[len(content) // 2] ^= 1
    (tmp_path / "generator.onnx").write_bytes(bytes(content))
    with pytest.raises(InvalidModelFile, match="damaged"):
        _open(tmp_path)


def test_a_published_generator_is_served_under_its_name(
    runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIGC_HOME", str(tmp_path))
    publish(runs / "gan", name="mine", enlarger=None, into=None, notes=None, replace=False)
    with Client() as client:
        assert {m.id: m.capabilities for m in client.models()}["mine"] == ("image",)
        made = client.generate("a red fox", model="mine", width=16, height=16, seed=1, n=2)
    assert [image.size for image in made.images] == [(16, 16), (16, 16)]
