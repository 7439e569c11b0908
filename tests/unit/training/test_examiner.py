"""The examiner of `aigc eval image`: how it is taught, what it is taught with, what is published."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from aigc.evaluation.labels import HEADS, KINDS  # noqa: E402
from aigc.models.examiner import Captions, Examiner, ExaminerConfig  # noqa: E402
from aigc.recipes.image.export import difference  # noqa: E402
from aigc.scenes.concepts import CONCEPTS  # noqa: E402
from aigc.scenes.vocabulary import COLOURS  # noqa: E402
from aigc.training.config import TrainConfig  # noqa: E402

SIZES = ExaminerConfig(
    heads={name: len(words) for name, words in HEADS.items()},
    kinds=len(KINDS),
    colours=len(COLOURS),
    widths=(16, 16, 16, 16),
    vector=32,
)


@pytest.fixture(autouse=True)
def _tools(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(Path(__file__).parents[3] / "tools"))


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small part."""
    folder = tmp_path_factory.mktemp("probe")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(Path(__file__).parents[3] / "tools"))
        importlib.import_module("probe_pictures").draw(folder, 0, lands=1, stickers=7)
    return folder


@pytest.fixture
def pictures(drawn: Path) -> Any:
    return importlib.import_module("probe_pictures").load(drawn)


def test_a_part_shows_a_land_bare_and_in_company_and_says_where_things_are(pictures: Any) -> None:
    assert pictures.pixels.shape == (12, 144, 144, 3)
    land = pictures.scenes[:5]
    assert [len({t.kind for t in scene.things}) for scene in land[:4]] == [0, 1, 1, 2]
    assert len({(scene.place, scene.time, scene.weather) for scene in land}) == 1
    things = [(i, n) for i, scene in enumerate(pictures.scenes) for n in range(len(scene.things))]
    assert all((pictures.boxes[i, n, 0] == n) or (pictures.boxes[i, n] == -1).all() for i, n in things)
    # Where a thing is seen, the picture differs from the bare land.
    boxes = pictures.boxes[3][pictures.boxes[3][:, 0] >= 0]
    assert len(boxes) == 2
    assert len(np.unique(pictures.words[:, :, 0])) > 1


def test_a_picture_in_the_mirror_has_its_things_and_words_in_the_mirror() -> None:
    task = importlib.import_module("probe_task")
    picture = torch.zeros(3, 144, 144, dtype=torch.uint8)
    picture[:, 67:77, 15:25] = 255
    seen = set()
    for seed in range(40):
        boxes = np.array([[0, 20 / 144, 72 / 144], [-1, -1, -1]], np.float32)
        shown, moved, mirrored = task.disturbed(picture, boxes, np.random.default_rng(seed))
        bright = shown[0].float() > 127
        rows, columns = bright.nonzero(as_tuple=True)
        assert moved[0, 1] == pytest.approx(float(columns.float().mean() + 0.5) / 144, abs=0.02)
        assert moved[0, 2] == pytest.approx(float(rows.float().mean() + 0.5) / 144, abs=0.02)
        assert (moved[1] == -1).all()
        assert (moved[0, 1] > 0.5) == mirrored
        seen.add(mirrored)
    assert seen == {True, False}
    left, right = (CONCEPTS.index(f"relation:{side} of") + 1 for side in ("left", "right"))
    assert task._mirrored(torch.tensor([3, left, 4, 0])).tolist() == [3, right, 4, 0]


def test_vectors_that_are_their_captions_lose_nothing_and_the_same_words_are_as_right() -> None:
    task = importlib.import_module("probe_task")
    eye, words = torch.eye(4), torch.arange(1, 5)[:, None]
    assert float(task.info_nce(eye, eye, words, torch.tensor(100.0))) < 1e-6
    # Two captions with the same words: each of both pictures can't do better than a half for each.
    twice = torch.tensor([[1], [1], [2], [3]])
    alike = torch.stack([eye[0], eye[0], eye[1], eye[2]])
    assert float(task.info_nce(alike, alike, twice, torch.tensor(100.0))) == pytest.approx(np.log(2) / 2, abs=1e-4)


def test_what_is_not_asked_costs_nothing() -> None:
    task = importlib.import_module("probe_task")
    logits = torch.tensor([[0.0, 0.0], [9.0, 0.0]])
    assert float(task.entropy(logits, torch.tensor([0, -1]))) == pytest.approx(np.log(2))
    assert float(task.entropy(logits, torch.tensor([-1, -1]))) == 0


def test_only_the_centre_itself_is_a_centre() -> None:
    task = importlib.import_module("probe_task")
    target = torch.zeros(1, 3, 3)
    target[0, 1, 1] = 1
    sure = torch.full((1, 3, 3), -20.0)
    sure[0, 1, 1] = 20
    assert float(task.focal(sure, target)) < 1e-3
    # Equation 1 of CenterNet with p = 1/2 everywhere: the centre and eight others, each a quarter of log 2.
    assert float(task.focal(torch.zeros(1, 3, 3), target)) == pytest.approx(9 * np.log(2) / 4)


def test_words_behind_the_last_change_nothing() -> None:
    torch.manual_seed(0)
    captions = Captions(SIZES).eval().requires_grad_(False)
    short, long = torch.tensor([[5, 9]]), torch.tensor([[5, 9, 0, 0, 0]])
    torch.testing.assert_close(captions(short), captions(long))
    assert not torch.allclose(captions(short), captions(short.flip(1)))
    assert captions(torch.tensor([[255]])).norm() == pytest.approx(1, abs=1e-5)
    assert torch.isfinite(captions(torch.zeros(1, 4, dtype=torch.int64))).all()


def test_a_short_training_lowers_the_loss_and_goes_on_and_what_is_written_equals_it(
    pictures: Any, tmp_path: Path
) -> None:
    tool = importlib.import_module("train_probe")
    settings = TrainConfig(
        steps=8, batch=6, learning_rate=3e-3, warmup=1, log_every=1, sample_every=8, checkpoint_every=4, average=0.5,
        precision="float32",
    )  # fmt: skip
    assert not tool.train(pictures, tmp_path / "run", settings, 0.0, SIZES).finished
    assert tool.train(pictures, tmp_path / "run", settings, 10.0, SIZES).finished
    rows = [row for row in _rows(tmp_path / "run") if "loss" in row]
    assert [row["step"] for row in rows] == list(range(1, 9))
    assert rows[-1]["loss"] < 0.9 * rows[0]["loss"]
    assert rows[-1]["match"] < rows[0]["match"] + 0.2
    network = tool.write(pictures, tmp_path / "run", tmp_path / "out", SIZES)
    seen, read = ((tmp_path / "out" / name).read_bytes() for name in ("probe.onnx", "captions.onnx"))
    x = torch.from_numpy(pictures.pixels[3:6]).permute(0, 3, 1, 2).float() / 255
    names = [*HEADS, "centre", "kind", "colour", "features", "vector"]
    assert max(difference(seen, lambda p: [network(p)[n] for n in names], {"pictures": x})) < 2e-2
    words = torch.tensor([[5, 9, 0] + [0] * 21] * 4)
    assert max(difference(read, network.captions, {"words": words})) < 1e-4


def _rows(folder: Path) -> list[dict[str, Any]]:
    from aigc.training.metrics import Diary

    return Diary(folder).rows()


def test_features_have_unit_variance_over_the_pictures(pictures: Any) -> None:
    task = importlib.import_module("probe_task")
    torch.manual_seed(0)
    network = Examiner(SIZES).eval()
    network.feature_mean, network.feature_std = task.features_of(network, pictures)
    with torch.no_grad():
        features = network(torch.from_numpy(pictures.pixels).permute(0, 3, 1, 2).float() / 255)["features"]
    torch.testing.assert_close(features.mean(0), torch.zeros(network.features), atol=1e-3, rtol=0)
    assert float(features.std(0).median()) == pytest.approx(1, abs=0.05)


def test_sizes_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="multiple of 48"):
        ExaminerConfig(side=100)
