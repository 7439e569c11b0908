"""The bounded queue before the bounded number of places."""

from __future__ import annotations

import asyncio

import pytest

from aigc.errors import Busy
from aigc.runtime.turnstile import Turnstile


async def _stay(gate: Turnstile, name: str, log: list[str], leave: asyncio.Event, weight: int = 1) -> None:
    async with gate.enter(weight):
        log.append(name)
        await leave.wait()


def test_visitors_enter_in_the_order_in_which_they_came() -> None:
    async def scene() -> list[str]:
        gate, log, leave = Turnstile(1, 10), [], asyncio.Event()
        visits = [asyncio.create_task(_stay(gate, name, log, leave)) for name in "abc"]
        await asyncio.sleep(0)
        assert (gate.inside, gate.waiting) == (1, 2)
        leave.set()
        await asyncio.gather(*visits)
        assert (gate.inside, gate.waiting) == (0, 0)
        return log

    assert asyncio.run(scene()) == ["a", "b", "c"]


def test_one_more_than_the_queue_holds_is_told_when_to_come_back() -> None:
    async def scene() -> Busy:
        gate, leave = Turnstile(1, 1), asyncio.Event()
        visits = [asyncio.create_task(_stay(gate, name, [], leave)) for name in "ab"]
        await asyncio.sleep(0)
        with pytest.raises(Busy) as caught:
            async with gate.enter(1):
                pass
        leave.set()
        await asyncio.gather(*visits)
        return caught.value

    error = asyncio.run(scene())
    assert error.status == 429
    assert error.retry_after_seconds is not None
    assert error.retry_after_seconds >= 1


def test_a_visitor_who_leaves_the_queue_gives_way() -> None:
    async def scene() -> list[str]:
        gate, log, leave = Turnstile(1, 10), [], asyncio.Event()
        visits = {name: asyncio.create_task(_stay(gate, name, log, leave)) for name in "abc"}
        await asyncio.sleep(0)
        visits["b"].cancel()
        await asyncio.sleep(0)
        assert gate.waiting == 1
        leave.set()
        await asyncio.gather(visits["a"], visits["c"])
        return log

    assert asyncio.run(scene()) == ["a", "c"]


def test_a_place_given_to_a_visitor_who_was_cancelled_in_that_moment_is_not_lost() -> None:
    async def scene() -> int:
        gate, first, second = Turnstile(1, 10), asyncio.Event(), asyncio.Event()
        a = asyncio.create_task(_stay(gate, "a", [], first))
        await asyncio.sleep(0)
        b = asyncio.create_task(_stay(gate, "b", [], second))
        await asyncio.sleep(0)
        first.set()
        await a  # b has been admitted but has not run yet
        b.cancel()
        await asyncio.gather(b, return_exceptions=True)
        return gate.inside

    assert asyncio.run(scene()) == 0


def test_a_request_of_many_choices_takes_many_places_but_never_more_than_there_are() -> None:
    async def scene() -> tuple[int, int]:
        gate, leave = Turnstile(4, 10), asyncio.Event()
        visit = asyncio.create_task(_stay(gate, "a", [], leave, weight=3))
        await asyncio.sleep(0)
        three = gate.inside
        leave.set()
        await visit
        async with gate.enter(99):
            return three, gate.inside

    assert asyncio.run(scene()) == (3, 4)


@pytest.mark.parametrize("order", ["ab", "ba"])
def test_no_place_is_lost_when_those_inside_and_those_waiting_leave_together(order: str) -> None:
    async def scene() -> tuple[int, int]:
        gate, leave = Turnstile(1, 10), asyncio.Event()
        visits = {name: asyncio.create_task(_stay(gate, name, [], leave)) for name in "ab"}
        await asyncio.sleep(0)
        for name in order:
            visits[name].cancel()
        await asyncio.gather(*visits.values(), return_exceptions=True)
        return gate.inside, gate.waiting

    assert asyncio.run(scene()) == (0, 0)
