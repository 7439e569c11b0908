"""A run that begins with the weights of another one, or of a published model."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("onnx")

from aigc.cli.main import run as command  # noqa: E402
from aigc.cli.publish import publish  # noqa: E402
from aigc.errors import Conflict, InvalidModelFile, UserError  # noqa: E402
from aigc.recipes.run import Options, train  # noqa: E402
from aigc.store.builtin import folder as weights_of_the_package  # noqa: E402
from aigc.training.checkpoint import Checkpoints  # noqa: E402


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Toy runs, and the models made of them."""
    root = tmp_path_factory.mktemp("runs")
    shared = {"pool": root / "pool", "size": "toy", "device": "cpu"}
    few = ["train.steps=3", "train.checkpoint_every=3"]
    train("image/vae", Options(folder=root / "vae", settings=few, **shared))
    train("image/flow", Options(folder=root / "flow", settings=[*few, f"vae={root / 'vae'}"], **shared))
    for name in ("gan", "restorer"):
        train(f"image/{name}", Options(folder=root / name, settings=few, **shared))
    for name in ("flow", "gan", "restorer"):
        publish(root / name, name=name, enlarger=None, into=root / f"{name}-model", notes=None, replace=False)
    return root


def _on(folder: Path, runs: Path, before: Path, *settings: str) -> Options:
    return Options(folder=folder, pool=runs / "pool", before=before, settings=settings, device="cpu")


def _weights(folder: Path, step: int) -> dict[str, torch.Tensor]:
    found = Checkpoints(folder).load(step)
    assert found is not None
    return found.model


def _kept(folder: Path) -> dict:
    return json.loads((folder / "run.json").read_text("utf-8"))


@pytest.mark.parametrize("name", ["vae", "flow", "gan", "restorer"])
def test_a_new_run_begins_at_the_averaged_weights_of_another(name: str, runs: Path, tmp_path: Path) -> None:
    out = train(f"image/{name}", _on(tmp_path, runs, runs / name, "train.seed=5"))
    assert out.step == 3
    first, last = _weights(tmp_path, 0), _weights(runs / name, 3)
    assert first.keys() == last.keys()
    assert all(torch.equal(first[n], x) for n, x in last.items())
    batch = _kept(runs / name)["settings"]["train"]["batch"]
    assert _kept(tmp_path)["from"] == {"name": name, "samples": 3 * batch}
    assert _kept(tmp_path)["settings"]["train"]["seed"] == 5
    assert not all(torch.equal(first[n], x) for n, x in _weights(tmp_path, 3).items())


@pytest.mark.parametrize("name", ["vae", "flow", "gan", "restorer"])
def test_a_new_run_begins_at_the_weights_of_a_published_model(name: str, runs: Path, tmp_path: Path) -> None:
    model = runs / f"{'flow' if name == 'vae' else name}-model"
    train(f"image/{name}", _on(tmp_path, runs, model))
    for tensor, x in _weights(runs / name, 3).items():
        torch.testing.assert_close(_weights(tmp_path, 0)[tensor], x, atol=2e-3, rtol=2e-3)
    if name == "flow":
        assert _kept(tmp_path)["settings"]["vae"] == str(tmp_path / "vae")
        assert _kept(tmp_path / "vae")["from"] == {"name": "flow", "samples": 12}


def test_its_card_says_what_it_began_from_and_the_samples_add_up(runs: Path, tmp_path: Path) -> None:
    train("image/flow", _on(tmp_path / "run", runs, runs / "flow-model"))
    publish(tmp_path / "run", name="more", enlarger=None, into=tmp_path / "model", notes=None, replace=False)
    card = (tmp_path / "model" / "README.md").read_text("utf-8")
    assert "| began from | flow, after 24 samples |\n| seen | 24 samples in 3 steps |" in card
    told = json.loads((tmp_path / "model" / "model.json").read_text("utf-8"))["training"]["image/flow"]
    assert (told["samples"], told["from"]) == (48, {"name": "flow", "samples": 24})
    assert told["settings"]["vae"] == "vae"


def test_words_that_were_added_get_new_rows_and_the_old_ones_stay(runs: Path, tmp_path: Path) -> None:
    train("image/flow", _on(tmp_path, runs, runs / "flow", "model.vocabulary=300", "train.steps=1"))
    table = "net.embed_text.weight"
    assert _weights(tmp_path, 0)[table].shape == (300, 16)
    assert torch.equal(_weights(tmp_path, 0)[table][:256], _weights(runs / "flow", 3)[table])
    assert float(_weights(tmp_path, 0)[table][256:].std()) > 0.5


@pytest.mark.parametrize(
    ("name", "settings", "words"),
    [
        ("flow", ("model.width=64",), r"flow belongs to another network: .* is \(.*\) there, \(.*\) here"),
        ("flow", ("model.vocabulary=200",), r"net.embed_text.weight is \(256, 16\) there, \(200, 16\) here"),
        ("vae", ("model.blocks=2",), "vae belongs to another network: the network has no decoder"),
        ("restorer", ("model.width=16",), "restorer belongs to another network"),
    ],
)
def test_another_shape_is_refused_by_name_and_nothing_has_begun(
    name: str, settings: tuple[str, ...], words: str, runs: Path, tmp_path: Path
) -> None:
    with pytest.raises(InvalidModelFile, match=words):
        train(f"image/{name}", _on(tmp_path, runs, runs / name, *settings))
    assert not (tmp_path / "run.json").exists()


def test_the_same_command_goes_on_and_another_beginning_is_refused(runs: Path, tmp_path: Path) -> None:
    def interrupt(progress) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train("image/restorer", _on(tmp_path, runs, runs / "restorer"), on_step=interrupt)
    assert train("image/restorer", _on(tmp_path, runs, runs / "restorer")).step == 3
    assert _kept(tmp_path)["from"]["name"] == "restorer"
    with pytest.raises(Conflict, match="began from restorer, not"):
        train("image/restorer", _on(tmp_path, runs, runs / "flow"))
    with pytest.raises(Conflict, match="began from nothing"):
        train("image/restorer", _on(runs / "restorer", runs, runs / "flow"))


def test_a_run_that_fits_a_time_and_begins_with_weights_takes_more_than_one_step(runs: Path, tmp_path: Path) -> None:
    settings = ("train.fit_minutes=0.001", "train.sample_every=1000", "train.checkpoint_every=1000")
    assert train("image/restorer", _on(tmp_path, runs, runs / "restorer", *settings)).step == 51


def test_latents_of_another_auto_encoder_are_refused(runs: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    train("image/vae", Options(folder=other, pool=runs / "pool", size="toy", settings=["train.steps=1"], device="cpu"))
    with pytest.raises(UserError, match="flow learned the latents of another one"):
        train("image/flow", _on(tmp_path / "new", runs, runs / "flow", f"vae={other}"))


def test_a_pupil_is_no_beginning_but_for_a_pupil(runs: Path, tmp_path: Path) -> None:
    few = ["train.steps=1", f"vae={runs / 'vae'}", f"teacher={runs / 'flow'}"]
    pupil = tmp_path / "pupil"
    train("image/flow", Options(folder=pupil, pool=runs / "pool", size="toy", settings=few, device="cpu"))
    with pytest.raises(UserError, match="pupil learned few steps from a teacher"):
        train("image/flow", _on(tmp_path / "new", runs, pupil, "teacher="))
    assert train("image/flow", _on(tmp_path / "again", runs, pupil)).step == 1
    publish(pupil, name="few", enlarger=None, into=tmp_path / "model", notes=None, replace=False)
    with pytest.raises(UserError, match="training goes on from a teacher, not its pupil"):
        train("image/flow", _on(tmp_path / "third", runs, tmp_path / "model"))


def test_what_can_not_be_begun_from_is_named(runs: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"flow-model has no weights of image/restorer to begin from; it has: image/"):
        train("image/restorer", _on(tmp_path, runs, runs / "flow-model"))
    with pytest.raises(UserError, match=r"is no run of image/restorer that has a checkpoint"):
        train("image/restorer", _on(tmp_path, runs, runs / "flow"))
    with pytest.raises(UserError, match="takes its settings"):
        train("image/flow", Options(folder=tmp_path, pool=runs / "pool", before=runs / "flow", size="toy"))


def test_a_damaged_model_is_refused(runs: Path, tmp_path: Path) -> None:
    for file in (runs / "flow-model").iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    with (tmp_path / "weights.safetensors").open("r+b") as file:
        file.seek(-1, 2)
        file.write(b"\x7f")
    with pytest.raises(InvalidModelFile, match="is damaged: its sha256 is another"):
        train("image/flow", _on(tmp_path / "new", runs, tmp_path))


@pytest.mark.parametrize(("name", "recipe"), [("aigc-v1", "image/flow"), ("aigc-restore", "image/restorer")])
def test_training_goes_on_from_the_models_of_the_package(name: str, recipe: str, runs: Path, tmp_path: Path) -> None:
    settings = ("data=shapes", "pictures=64", "train.fit_minutes=0", "train.steps=1", "train.batch=2")
    train(recipe, _on(tmp_path, runs, weights_of_the_package() / name, *settings))
    assert _kept(tmp_path)["from"]["name"] == name


def test_the_command_takes_an_installed_models_name(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    asked = ["train", "image/flow", "--run", str(tmp_path / "run"), "--from", "aigc-v2"]
    assert command(asked) == 1
    assert "--from is aigc-v2; accepted: the folder of a run, or a picture model" in capsys.readouterr().err
    assert command([*asked[:-1], "aigc-v1", "--data", "nothing"]) == 1
    assert "no source of pictures is called 'nothing'" in capsys.readouterr().err
    assert _kept(tmp_path / "run")["from"]["name"] == "aigc-v1"
