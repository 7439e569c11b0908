"""The loop: every recipe's steps, exact continuation, diary, samples, checkpoints.

A step consists of ``micro_batches`` batches; batch k of step s has the number ``s * micro_batches + k`` and a seed made
of the run's seed and that number. So nothing random has to be saved, and any process may do any batch.

Knows: the order of things. Does not know: networks, data, where a run is started from.
"""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from aigc.errors import Diverged, InvalidModelFile, UserError
from aigc.training import checkpoint as files
from aigc.training import devices, sheets
from aigc.training.config import TrainConfig
from aigc.training.distribution import Group
from aigc.training.metrics import Diary
from aigc.training.optimisers import Optimisers, average_, rate_at
from aigc.training.speed import Speed
from aigc.training.task import Batch, Data, Player, Task

_UNKNOWN = 2**31
"""Steps of a run until its speed is known: as if it were at its beginning."""
UNTRAINED = {"seconds": 0.0, "since_row": [], "fits": False, "steps": _UNKNOWN}
"""The state of a run that has weights, and no step of its own yet."""
_MEASURED_TO = 50
"""The step at which ``fit_minutes`` sets the number of steps."""


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a run stands."""

    step: int
    steps: int
    row: dict[str, Any]
    """The newest row of the diary."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """Why a run came back."""

    step: int
    finished: bool
    folder: Path


class Trainer:
    """One run.

    Args:
        task: networks and losses.
        data: batches by number.
        config: how to learn.
        folder: of the run; what is there is gone on with.
        device: that computes.
        group: the processes that take part.
        checkpoints: where to save; tests bring one that fails.
        clock: seconds; tests bring their own.
    """

    def __init__(
        self,
        task: Task,
        data: Data,
        config: TrainConfig,
        folder: Path,
        *,
        device: torch.device,
        group: Group | None = None,
        checkpoints: files.Checkpoints | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.task, self.config, self.folder, self.device = task, config, folder, device
        self._data, self._clock = data, clock
        self._group = group or Group()
        if config.micro_batches % self._group.size:
            raise UserError(
                f"train.micro_batches is {config.micro_batches} with {self._group.size} processes; accepted: multiples",
                hint=f"--set train.micro_batches={self._group.size}",
            )
        self._dtype = devices.precision(config, device)
        self._checkpoints = checkpoints or files.Checkpoints(folder, config.keep)
        self._diary = Diary(folder)
        layout = torch.channels_last if device.type == "cuda" else torch.preserve_format
        for player in task.players:
            player.module.to(device=device, memory_format=layout)  # type: ignore[call-overload]
        self._main = task.players[0].module
        self.average = copy.deepcopy(self._main).eval().requires_grad_(False)
        self._optimisers = [Optimisers(p.module, config, p.rate_factor) for p in task.players]
        self.step, self.steps, self._seconds = 0, config.steps, 0.0
        self._fits = config.fit_minutes == 0
        if not self._fits:
            self.steps = _UNKNOWN
        self._pending: list[dict[str, Tensor]] = []
        self._since_row: list[dict[str, float]] = []
        self._resume()
        if config.compile == "yes" or (config.compile == "auto" and device.type == "cuda"):
            for player in task.players:
                if player.compiles:
                    player.module.compile()

    def run(self, *, stop_after: float = math.inf, on_step: Callable[[Progress], None] | None = None) -> Outcome:
        """Take steps until the run is finished, the time is over, or somebody interrupts.

        Args:
            stop_after: seconds from now; a checkpoint is written then, and the next call goes on exactly there.
            on_step: told after every step.

        Raises:
            Diverged: a loss became NaN or infinite.
            StorageFull: a checkpoint could not be written.
            KeyboardInterrupt: after a checkpoint was written.
        """
        deadline = self._clock() + stop_after
        speed = Speed(self._clock, self.device, self._dtype)
        row: dict[str, Any] = {}
        saved = self.step
        batches = iter(self._batches())
        try:
            while self.step < self.steps:
                row = self._one_step(batches, speed) or row
                if on_step is not None:
                    on_step(Progress(self.step, self.steps, row))
                self._fit(speed)
                if self.step % self.config.sample_every == 0 or self.step == self.steps:
                    self._show()
                if self.step % self.config.checkpoint_every == 0 or self.step == self.steps:
                    saved = self.save()
                if self._group.agree(self._clock() >= deadline):
                    break
        except KeyboardInterrupt:
            if saved < self.step:
                self.save()
            raise
        if saved < self.step:
            self.save()
        return Outcome(self.step, self.step >= self.steps, self.folder)

    def _batches(self) -> Iterator[tuple[int, Batch]]:
        """(number, batch on the device) of this process, from the current step on."""
        told, asked = self._numbers(self.step), self._numbers(self.step)
        for number, batch in zip(told, self._data.stream(asked), strict=False):
            yield number, {name: x.to(self.device, non_blocking=True) for name, x in batch.items()}

    def _numbers(self, step: int) -> Iterator[int]:
        """Numbers of the batches that this process does, from a step on."""
        count = self.config.micro_batches
        while step < self.steps:
            yield from (step * count + k for k in self._group.share(count))
            step += 1

    def _one_step(self, batches: Iterator[tuple[int, Batch]], speed: Speed) -> dict[str, Any] | None:
        """One step of every player; the diary's row if one was due."""
        count = self.config.micro_batches
        parts = [next(batches) for _ in self._group.share(count)]
        if speed.flops is None:
            speed.flops = count * self._count_flops(parts[0][1])
        done = self.step / self.steps
        rate = rate_at(self.step, self.steps, self.config)
        numbers: dict[str, Tensor] = {}
        for index, player in enumerate(self.task.players):
            if done >= player.starts_at:
                numbers |= self._turn(index, player, parts, done, rate)
        average_(self.average.parameters(), self._main.parameters(), self.step, self.config.average)
        for kept, now in zip(self.average.buffers(), self._main.buffers(), strict=True):
            kept.copy_(now)
        self._pending.append(numbers)
        self.step += 1
        speed.tick(self.config.batch * count)
        if self.step % self.config.log_every and self.step != self.steps:
            return None
        return self._row(speed, rate)

    def _turn(
        self, index: int, player: Player, parts: list[tuple[int, Batch]], done: float, rate: float
    ) -> dict[str, Tensor]:
        """Gradients of all batches of one player, their sum over the processes, one change of its weights."""
        for other in self.task.players:
            other.module.requires_grad_(other is player)
        player.module.train()
        sums: dict[str, Tensor] = {}
        for number, batch in parts:
            torch.manual_seed(seed_of(self.config.seed, number, index))
            with devices.autocast(self.device, self._dtype):
                loss, others = player.loss(batch, done)
            (loss / self.config.micro_batches).backward()
            suffix = "" if index == 0 else f"_{player.name}"
            for name, value in {f"loss{suffix}": loss, **others}.items():
                sums[name] = sums.get(name, torch.zeros((), device=self.device)) + value.detach().float()
        parameters = [p for p in player.module.parameters() if p.grad is not None]
        gradients = [p.grad for p in parameters if p.grad is not None]
        self._group.sum_([*gradients, *sums.values()])
        norm = nn.utils.clip_grad_norm_(parameters, self.config.clip)
        self._optimisers[index].step(rate)
        player.module.zero_grad(set_to_none=True)
        means = {name: value / self.config.micro_batches for name, value in sums.items()}
        return {**means, f"gradient{suffix}": norm.detach()}

    def _count_flops(self, batch: Batch) -> float:
        """Operations of all players' losses and gradients for one batch; changes nothing."""
        from torch.utils.flop_counter import FlopCounterMode

        with FlopCounterMode(display=False) as counter, torch.compiler.set_stance("force_eager"):
            for player in self.task.players:
                with devices.autocast(self.device, self._dtype):
                    loss, _ = player.loss(batch, 1.0)
                loss.backward()
        for player in self.task.players:
            player.module.zero_grad(set_to_none=True)
        return float(counter.get_total_flops())

    def _check(self) -> None:
        """Fetch the numbers of the steps since the last look. Raises: Diverged for the first that is not finite."""
        first = self.step - len(self._pending) + 1
        for step, numbers in enumerate(self._pending, first):
            found = {name: float(value) for name, value in numbers.items()}
            for name, value in found.items():
                if not math.isfinite(value):
                    raise Diverged(
                        f"{name} became {value} at step {step}; {self._checkpoints.last_good()}",
                        hint="lower train.learning_rate, or look at the data of that step; the run goes on from there",
                    )
            self._since_row.append(found)
        self._pending.clear()

    def _row(self, speed: Speed, rate: float) -> dict[str, Any]:
        """Add a row to the diary: the means since the last one."""
        self._check()
        names = dict.fromkeys(name for found in self._since_row for name in found)
        means = {n: _mean([found[n] for found in self._since_row if n in found]) for n in names}
        samples = self.step * self.config.micro_batches * self.config.batch
        row = {"step": self.step, "samples": samples, **means, "rate": rate * self.config.learning_rate, **speed.take()}
        self._seconds += row.pop("interval")
        row["seconds"] = round(self._seconds, 1)
        self._since_row.clear()
        if self._group.leads:
            self._diary.add(row)
        return row

    def _fit(self, speed: Speed) -> None:
        """Set the number of steps from the speed seen, once."""
        if self._fits or self.step < _MEASURED_TO:
            return
        seconds = self.config.fit_minutes * 60
        steps = round(seconds * speed.steps_per_second())
        agreed = torch.tensor([float(steps)], device=self.device)
        self._group.sum_([agreed])
        self.steps, self._fits = max(self.step + 1, int(agreed.item() / self._group.size)), True

    def _show(self) -> None:
        """Held-out figures, a sheet of samples, the curves."""
        if not self._group.leads:
            return
        self._check()
        torch.manual_seed(self.config.seed)
        with torch.no_grad(), devices.autocast(self.device, self._dtype):
            figures = self.task.evaluate(self.average)
            page = self.task.sheet(self.average)
        self._diary.add({"step": self.step, **figures})
        sheets.write(self.folder / "samples" / f"step-{self.step:08d}.png", page)
        self._diary.draw()

    def save(self) -> int:
        """Write a checkpoint; the step it holds. Raises: Diverged, StorageFull."""
        self._check()
        if self._group.leads:
            training: dict[str, Tensor] = {}
            for player, optimiser in zip(self.task.players, self._optimisers, strict=True):
                training |= {f"weights/{player.name}/{k}": v for k, v in player.module.state_dict().items()}
                training |= {f"optimiser/{player.name}/{k}": v for k, v in optimiser.state().items()}
            state = {"steps": self.steps, "fits": self._fits, "seconds": self._seconds, "since_row": self._since_row}
            model = self.average.state_dict()
            self._checkpoints.save(files.Checkpoint(self.step, model, training, state))
        self._group.barrier()
        return self.step

    def _resume(self) -> None:
        """Go on from the newest checkpoint, if there is one. Raises: InvalidModelFile."""
        found = self._checkpoints.load()
        if found is None:
            if self._group.leads:
                self._diary.cut(0)
            return
        where = str(self._checkpoints.path(found.step))
        files.fill(self.average.state_dict(), found.model, where)
        if not found.training:
            # Only published weights are there, as after travelling: the optimisers begin anew.
            files.fill(self._main.state_dict(), found.model, where)
        for player, optimiser in zip(self.task.players, self._optimisers, strict=True):
            if not found.training:
                break
            weights, memory = f"weights/{player.name}/", f"optimiser/{player.name}/"
            files.fill(player.module.state_dict(), _below(found.training, weights), where)
            optimiser.load(_below(found.training, memory))
        try:
            self.step, self._seconds = found.step, float(found.state["seconds"])
            self._since_row = list(found.state["since_row"])
            if self.config.fit_minutes:
                self.steps, self._fits = int(found.state["steps"]), bool(found.state["fits"])
        except (KeyError, TypeError, ValueError) as error:
            raise InvalidModelFile(f"{where} lacks {error}", hint="remove that folder") from error
        if self._group.leads:
            self._diary.cut(self.step)


def seed_of(run: int, number: int, player: int) -> int:
    """A seed of 63 bits for one batch of one player; the same inputs give the same seed on every machine."""
    mixed = (run * 0x9E3779B97F4A7C15 + number * 0xBF58476D1CE4E5B9 + player * 0x94D049BB133111EB) % 2**64
    mixed = (mixed ^ (mixed >> 31)) * 0x94D049BB133111EB % 2**64
    return (mixed ^ (mixed >> 29)) % 2**63


def _below(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name[len(prefix) :]: x for name, x in tensors.items() if name.startswith(prefix)}


def _mean(values: list[float]) -> float:
    return math.fsum(values) / len(values)
