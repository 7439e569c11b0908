"""The loop: exact continuation, several processes, bad numbers, full disks. Recipes train at toy size."""

from __future__ import annotations

import errno
import itertools
import json
import os
import signal
import subprocess
import sys
import textwrap
from dataclasses import replace
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from aigc.errors import Conflict, Diverged, EngineMissing, InvalidModelFile, NotFound, StorageFull, UserError  # noqa: E402
from aigc.recipes import PLACES, find  # noqa: E402
from aigc.recipes.run import Options, train  # noqa: E402
from aigc.training.checkpoint import Checkpoints, write_durably  # noqa: E402
from aigc.training.config import TrainConfig  # noqa: E402
from aigc.training.loop import Trainer  # noqa: E402
from aigc.training.optimisers import rate_at  # noqa: E402
from aigc.training.task import Player  # noqa: E402


@pytest.fixture(scope="module")
def pool(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("pictures")


@pytest.fixture(scope="module")
def vae(tmp_path_factory: pytest.TempPathFactory, pool: Path) -> str:
    """Folder of a toy auto-encoder, which the flow model needs."""
    folder = tmp_path_factory.mktemp("vae")
    train("image/vae", _options(folder, pool, "train.steps=1"))
    return f"vae={folder}"


def _options(folder: Path, pool: Path, *settings: str, minutes: float = float("inf")) -> Options:
    return Options(folder=folder, pool=pool, size="toy", settings=settings, device="cpu", minutes=minutes)


def _rows(folder: Path) -> list[dict]:
    timed = ("samples_per_second", "peak_share", "seconds")
    rows = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [{k: v for k, v in row.items() if k not in timed} for row in rows]


def _weights(folder: Path, step: int) -> bytes:
    return (Checkpoints(folder).path(step) / "model.safetensors").read_bytes()


@pytest.mark.parametrize("name", sorted(PLACES))
def test_a_recipe_that_is_stopped_ends_with_the_same_bytes(name: str, tmp_path: Path, pool: Path, vae: str) -> None:
    straight, broken = tmp_path / "straight", tmp_path / "broken"
    needs = (vae,) if name == "image/flow" else ()
    assert train(name, _options(straight, pool, *needs)).finished

    def interrupt(progress) -> None:
        if progress.step == 7:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(name, _options(broken, pool, *needs), on_step=interrupt)
    assert Checkpoints(broken).steps()[-1] == 7
    assert train(name, _options(broken, pool, *needs)).finished
    assert _rows(broken) == _rows(straight)
    assert _weights(broken, 12) == _weights(straight, 12)
    for name in ("curves.png", "samples/step-00000012.png"):
        assert (straight / name).read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"


@pytest.mark.parametrize("name", sorted(PLACES))
def test_a_recipe_lowers_its_loss(name: str, tmp_path: Path, pool: Path, vae: str) -> None:
    longer = ("train.steps=48", "train.log_every=6", "train.sample_every=48", "train.checkpoint_every=48")
    quiet = {"image/vae": ("critic_share=0",), "image/flow": (vae,)}.get(name, ())
    train(name, _options(tmp_path, pool, *longer, *quiet))
    # A generator's loss rises as its critic learns; the critic's is the one that falls.
    name = "loss_critic" if name == "image/gan" else "loss"
    losses = [row[name] for row in _rows(tmp_path) if name in row]
    assert sum(losses[-3:]) < sum(losses[:3])


def test_a_run_that_is_killed_goes_on_to_the_same_numbers(tmp_path: Path, pool: Path) -> None:
    straight, killed = tmp_path / "straight", tmp_path / "killed"
    train("image/vae", _options(straight, pool))
    program = textwrap.dedent("""
        import os, signal, sys, torch
        from pathlib import Path
        from aigc.recipes.run import Options, train
        torch.set_num_threads(1)
        def die(progress):
            if progress.step == 9:
                os.kill(os.getpid(), signal.SIGKILL)
        folder, pool = map(Path, sys.argv[1:])
        train("image/vae", Options(folder=folder, pool=pool, size="toy", device="cpu"), on_step=die)
    """)
    done = subprocess.run([sys.executable, "-c", program, str(killed), str(pool)], check=False, timeout=200)
    assert done.returncode == -signal.SIGKILL
    assert Checkpoints(killed).steps() == [6]
    train("image/vae", _options(killed, pool))
    assert _rows(killed) == _rows(straight)
    assert _weights(killed, 12) == _weights(straight, 12)


def test_two_processes_take_the_same_steps_as_one(tmp_path: Path, pool: Path) -> None:
    settings = ("train.micro_batches=2", "train.steps=4", "critic_from=0.5")
    train("image/vae", _options(tmp_path / "one", pool, *settings))
    program = tmp_path / "two.py"
    program.write_text(
        textwrap.dedent("""
        import sys, torch
        from pathlib import Path
        from aigc.recipes.run import Options, train
        torch.set_num_threads(1)
        folder, pool, *settings = sys.argv[1:]
        train("image/vae", Options(folder=Path(folder), pool=Path(pool), size="toy", settings=settings, device="cpu"))
        """)
    )
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2", "--rdzv-backend=c10d"]
    command += ["--rdzv-endpoint=127.0.0.1:0", str(program), str(tmp_path / "two"), str(pool), *settings]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": "lo"}
    answer = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=250)
    assert answer.returncode == 0, answer.stderr
    one, two = (Checkpoints(tmp_path / name).load() for name in ("one", "two"))
    assert one is not None
    assert two is not None
    for name, tensor in one.model.items():
        torch.testing.assert_close(two.model[name], tensor, atol=1e-5, rtol=1e-4)
    assert [row["loss"] for row in _rows(tmp_path / "two") if "loss" in row] == pytest.approx(
        [row["loss"] for row in _rows(tmp_path / "one") if "loss" in row], rel=1e-4
    )


class _Line:
    """A task of one number, for what goes wrong."""

    def __init__(self, bad_after: int = 10**9) -> None:
        torch.manual_seed(0)
        self.module = torch.nn.Linear(1, 1)
        self.players = (Player("line", self.module, self._loss),)
        self._left = bad_after

    def _loss(self, batch, done):
        self._left -= 1
        loss = (self.module(batch["x"]) - 3).square().mean()
        return (loss if self._left >= 0 else loss * float("nan")), {}

    def evaluate(self, model):
        return {}

    def sheet(self, model):
        return torch.zeros(2, 2, 3).byte().numpy()

    def stream(self, numbers):
        for number in numbers:
            yield {"x": torch.full((2, 1), float(number % 3))}


def _trainer(task: _Line, folder: Path, **more) -> Trainer:
    config = TrainConfig(steps=20, batch=2, warmup=0, log_every=4, checkpoint_every=5, sample_every=20)
    return Trainer(task, task, config, folder, device=torch.device("cpu"), **more)


def test_a_loss_that_is_no_number_stops_the_run_before_it_is_saved(tmp_path: Path) -> None:
    # One call counts operations, so the thirteenth call is the twelfth step.
    with pytest.raises(Diverged, match=r"loss became nan at step 12; the last good checkpoint is .*step-00000010"):
        _trainer(_Line(bad_after=12), tmp_path).run()
    assert Checkpoints(tmp_path).steps() == [5, 10]


def test_a_full_disk_keeps_the_last_good_checkpoint(tmp_path: Path) -> None:
    written = []

    def write(path: Path, content: bytes) -> None:
        written.append(path)
        if len(written) > 4:
            raise OSError(errno.ENOSPC, "No space left on device")
        write_durably(path, content)

    with pytest.raises(StorageFull, match=r"step 10 can't be saved .* No space left") as caught:
        _trainer(_Line(), tmp_path, checkpoints=Checkpoints(tmp_path, write=write)).run()
    assert "step-00000005" in (caught.value.hint or "")
    assert [p.name for p in (tmp_path / "checkpoints").iterdir()] == ["step-00000005"]
    assert _trainer(_Line(), tmp_path).run().finished


def test_a_damaged_checkpoint_is_named_and_nothing_is_lost(tmp_path: Path) -> None:
    _trainer(_Line(), tmp_path).run()
    file = Checkpoints(tmp_path).path(20) / "training.safetensors"
    file.write_bytes(file.read_bytes()[:40])
    with pytest.raises(InvalidModelFile, match="not a readable safetensors file"):
        _trainer(_Line(), tmp_path)
    assert Checkpoints(tmp_path).steps() == [15, 20]


def test_a_checkpoint_of_another_network_is_refused_with_both_shapes(tmp_path: Path) -> None:
    _trainer(_Line(), tmp_path).run()
    other = _Line()
    other.module.weight = torch.nn.Parameter(torch.zeros(1, 2))
    with pytest.raises(InvalidModelFile, match=r"weight is \(1, 1\) there, \(1, 2\) here"):
        _trainer(other, tmp_path)


def test_a_time_budget_stops_with_a_checkpoint(tmp_path: Path) -> None:
    outcome = _trainer(_Line(), tmp_path).run(stop_after=0)
    assert (outcome.step, outcome.finished) == (1, False)
    assert Checkpoints(tmp_path).steps() == [1]


def test_minutes_become_steps_once_the_speed_is_known(tmp_path: Path) -> None:
    ticks = itertools.count(0, 0.05)
    config = TrainConfig(fit_minutes=0.2, batch=2, warmup=0, log_every=25, checkpoint_every=40, sample_every=10_000)
    task = _Line()
    trainer = Trainer(task, task, config, tmp_path, device=torch.device("cpu"), clock=lambda: next(ticks))
    outcome = trainer.run()
    # A step looks at the clock once, and a row three times more: about 20 steps a second for 12 seconds.
    assert 150 < outcome.step < 260
    assert (outcome.finished, Checkpoints(tmp_path).steps()[-1]) == (True, outcome.step)


def test_processes_need_a_multiple_of_themselves_in_batches(tmp_path: Path) -> None:
    from aigc.training.distribution import Group

    with pytest.raises(UserError, match=r"micro_batches is 1 with 2 processes"):
        _trainer(_Line(), tmp_path, group=Group(0, 2))


def test_a_run_refuses_other_settings_by_name(tmp_path: Path, pool: Path) -> None:
    train("image/vae", _options(tmp_path, pool, "train.steps=1"))
    with pytest.raises(Conflict, match=r"was begun with kl=0.0001, not 0.5"):
        train("image/vae", _options(tmp_path, pool, "train.steps=1", "kl=0.5"))
    with pytest.raises(Conflict, match=r"holds a run of image/vae"):
        train("image/restorer", _options(tmp_path, pool))


def test_a_run_that_fitted_its_time_goes_on_for_as_many_steps_as_are_set(tmp_path: Path, pool: Path) -> None:
    begun = train("image/vae", _options(tmp_path, pool, "train.steps=2", "train.fit_minutes=0.0001"))
    more = Options(folder=tmp_path, pool=pool, settings=[f"train.steps={begun.step + 2}"], device="cpu")
    with pytest.raises(Conflict, match=r"was begun to fit 0.0001 minutes, so its steps can't be set"):
        train("image/vae", more)
    outcome = train("image/vae", replace(more, settings=[*more.settings, "train.fit_minutes=0"]))
    assert (outcome.step, outcome.finished) == (begun.step + 2, True)


def test_an_unknown_recipe_names_the_nearest() -> None:
    with pytest.raises(NotFound, match="no recipe is called 'image/vea'") as caught:
        find("image/vea")
    assert (caught.value.hint or "").startswith("there are: image/vae")


def test_a_missing_library_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.delitem(sys.modules, "aigc.recipes.image.vae")
    monkeypatch.delitem(sys.modules, "aigc.models.vae", raising=False)
    monkeypatch.delitem(sys.modules, "aigc.models.gan", raising=False)
    monkeypatch.delitem(sys.modules, "aigc.recipes.base", raising=False)
    with pytest.raises(EngineMissing) as caught:
        find("image/vae")
    assert caught.value.hint == "pip install 'aigc-studio[train]'"


def test_the_rate_rises_stays_and_falls() -> None:
    config = TrainConfig(warmup=9, decay=0.2)
    assert rate_at(0, 100, config) == pytest.approx(0.1)
    assert rate_at(50, 100, config) == 1.0
    assert rate_at(99, 100, config) == pytest.approx(1 / 21)
