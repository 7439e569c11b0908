"""The restart budget against a clock that the test moves."""

from __future__ import annotations

from dataclasses import dataclass

from aigc.errors import InvalidModelFile, WorkerDied
from aigc.runtime.restarts import RestartBudget


@dataclass
class Clock:
    seconds: float = 100.0

    def __call__(self) -> float:
        return self.seconds


def waits(budget: RestartBudget, error: Exception, times: int) -> list[float]:
    found = []
    for _ in range(times):
        budget.failed(error)  # type: ignore[arg-type]
        found.append(budget.wait_seconds)
    return found


def test_a_first_death_costs_no_wait_and_each_further_one_twice_the_last() -> None:
    assert waits(RestartBudget(Clock()), WorkerDied("killed"), 9) == [0, 1, 2, 4, 8, 16, 32, 60, 60]


def test_a_model_that_does_not_load_is_tried_again_after_five_seconds_then_later() -> None:
    assert waits(RestartBudget(Clock()), InvalidModelFile("damaged"), 6) == [5, 10, 20, 40, 60, 60]


def test_a_completed_answer_clears_all() -> None:
    budget = RestartBudget(Clock())
    waits(budget, WorkerDied("killed"), 4)
    budget.succeeded()
    assert (budget.wait_seconds, budget.failures, budget.error) == (0, 0, None)


def test_the_wait_passes_with_the_clock() -> None:
    clock = Clock()
    budget = RestartBudget(clock)
    waits(budget, WorkerDied("killed"), 4)
    clock.seconds += 3
    assert budget.wait_seconds == 1
    clock.seconds += 3
    assert budget.wait_seconds == 0


def test_after_more_than_three_failures_only_a_request_starts_it_again() -> None:
    budget = RestartBudget(Clock())
    waits(budget, WorkerDied("killed"), 3)
    assert budget.unasked
    budget.failed(WorkerDied("killed"))
    assert not budget.unasked
