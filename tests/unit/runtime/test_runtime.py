"""The runtime with real worker processes and the echo engine: load, answer, cancel, crash, hang, memory, idleness."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar

import psutil
import pytest

from aigc.errors import Busy, EngineError, InsufficientMemory, UnknownModel, WorkerDied
from aigc.runtime.runtime import Runtime
from aigc.settings import Settings, load
from aigc.types import Delta, EngineFile, Event, Message, ModelSpec, TextRequest, Usage

T = TypeVar("T")


class Models:
    """A store that holds echo models only: name to options of the echo engine."""

    def __init__(self, *models: tuple[str, str], memory_bytes: int = 1) -> None:
        self._models = models
        self._memory_bytes = memory_bytes

    def list(self) -> Sequence[ModelSpec]:
        return [
            ModelSpec(
                id=name,
                capabilities=("chat", "completion"),
                engines=(EngineFile(engine="echo", path=path, memory_bytes=self._memory_bytes),),
                context_tokens=8192,
                created=0,
                digest="d",
                licence="MIT",
            )
            for name, path in self._models
        ]

    def default_id(self) -> str | None:
        return self._models[0][0] if self._models else None


@asynccontextmanager
async def running(store: Models, **settings: object) -> AsyncIterator[Runtime]:
    runtime = Runtime(_settings(**settings), store)
    await runtime.start()
    try:
        yield runtime
    finally:
        await runtime.close()


def _settings(**explicit: object) -> Settings:
    return load(None, **{"preload": False, **explicit})


def ask(text: str, **fields: object) -> TextRequest:
    return TextRequest(messages=(Message(role="user", content=text),), **fields)  # type: ignore[arg-type]


async def answer(runtime: Runtime, model: str, request: TextRequest) -> str:
    events: list[Event] = []
    await runtime.answer(model, request, events.append)
    return "".join(event.text for event in events if isinstance(event, Delta))


async def until(condition: Callable[[], bool], seconds: float = 10.0) -> float:
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < seconds, "it did not happen"
        await asyncio.sleep(0.02)
    return time.monotonic() - began


def scene(body: Callable[[], Awaitable[T]]) -> T:
    async def limited() -> T:
        return await asyncio.wait_for(body(), 60)

    return asyncio.run(limited())


def workers_of(runtime: Runtime) -> list[int]:
    return [worker.pid for worker in runtime.status().workers if worker.pid is not None]


def test_a_model_is_loaded_when_it_is_asked_for_and_stays() -> None:
    async def body() -> tuple[list[str], list[int], list[int]]:
        async with running(Models(("a", "echo:"))) as runtime:
            assert runtime.status().workers == ()
            texts = [await answer(runtime, "a", ask("Grüße 法国"))]
            first = workers_of(runtime)
            texts.append(await answer(runtime, "a", ask("again")))
            return texts, first, workers_of(runtime)

    texts, first, second = scene(body)
    assert texts == ["Grüße 法国", "again"]
    assert len(first) == 1
    assert first == second


def test_many_answers_are_computed_side_by_side() -> None:
    async def body() -> list[str]:
        async with running(Models(("a", "echo:?delay=0.01"))) as runtime:
            return list(await asyncio.gather(*(answer(runtime, "a", ask(f"text {n}")) for n in range(20))))

    assert scene(body) == [f"text {n}" for n in range(20)]


def test_a_caller_who_leaves_frees_the_place_and_ends_the_computing() -> None:
    async def body() -> float:
        async with running(Models(("a", "echo:?delay=0.05")), max_sequences=1) as runtime:
            events: list[Event] = []
            caller = asyncio.create_task(runtime.answer("a", ask("x" * 1000), events.append))
            await until(lambda: any(isinstance(event, Delta) for event in events))
            caller.cancel()
            seconds = await until(lambda: runtime.status().workers[0].running == 0)
            assert await answer(runtime, "a", ask("next")) == "next"
            return seconds

    assert scene(body) < 1


def test_when_queue_and_places_are_full_the_next_caller_is_told_so() -> None:
    async def body() -> None:
        async with running(Models(("a", "echo:?delay=0.05")), max_sequences=1, queue_size=1) as runtime:
            first = asyncio.create_task(answer(runtime, "a", ask("x" * 10)))
            await until(lambda: bool(runtime.status().workers) and runtime.status().workers[0].running == 1)
            second = asyncio.create_task(answer(runtime, "a", ask("y")))
            await until(lambda: runtime.status().workers[0].waiting == 1)
            with pytest.raises(Busy):
                await answer(runtime, "a", ask("z"))
            assert await asyncio.gather(first, second) == ["x" * 10, "y"]

    scene(body)


def test_kill_9_of_a_worker_is_a_typed_error_and_the_next_request_is_answered_soon() -> None:
    async def kill_after_three(runtime: Runtime) -> None:
        events: list[Event] = []

        def deliver(event: Event) -> None:
            events.append(event)
            if len(events) == 4:
                os.kill(workers_of(runtime)[0], signal.SIGKILL)

        await runtime.answer("a", ask("x" * 500), deliver)

    async def body() -> float:
        async with running(Models(("a", "echo:?delay=0.02"))) as runtime:
            with pytest.raises(WorkerDied, match="before the answer was complete"):
                await kill_after_three(runtime)
            began = time.monotonic()
            assert await answer(runtime, "a", ask("ok")) == "ok"
            return time.monotonic() - began

    assert scene(body) < 3


def test_an_engine_that_crashes_takes_nobody_else_along() -> None:
    async def body() -> str:
        async with running(Models(("bad", "echo:?crash_after=3"), ("good", "echo:?delay=0.02"))) as runtime:
            other = asyncio.create_task(answer(runtime, "good", ask("y" * 50)))
            with pytest.raises(WorkerDied):
                await answer(runtime, "bad", ask("x" * 50))
            return await other

    assert scene(body) == "y" * 50


def test_a_stopped_worker_is_noticed_and_replaced() -> None:
    async def body() -> tuple[float, str]:
        async with running(Models(("a", "echo:?delay=0.02")), hang_seconds=3.0) as runtime:
            await answer(runtime, "a", ask("warm"))
            pid = workers_of(runtime)[0]
            os.kill(pid, signal.SIGSTOP)
            began = time.monotonic()
            with pytest.raises(WorkerDied, match="hung and was ended"):
                await answer(runtime, "a", ask("x" * 100))
            seconds = time.monotonic() - began
            await until(lambda: not psutil.pid_exists(pid))
            return seconds, await answer(runtime, "a", ask("ok"))

    seconds, text = scene(body)
    assert seconds < 10
    assert text == "ok"


def test_a_worker_that_dies_while_it_is_wanted_starts_again_before_anybody_asks() -> None:
    async def body() -> tuple[int, int, str, list[int]]:
        async with running(Models(("a", "echo:"))) as runtime:
            await answer(runtime, "a", ask("warm"))
            first = workers_of(runtime)[0]
            os.kill(first, signal.SIGKILL)
            await until(lambda: bool(workers_of(runtime)) and workers_of(runtime)[0] != first)
            second = workers_of(runtime)[0]
            await until(lambda: runtime.status().workers[0].state == "ready")
            return first, second, await answer(runtime, "a", ask("ok")), workers_of(runtime)

    first, second, text, workers = scene(body)
    assert (text, workers) == ("ok", [second])
    assert first != second


def test_a_worker_that_was_unloaded_stays_unloaded() -> None:
    async def body() -> list[int]:
        async with running(Models(("a", "echo:"))) as runtime:
            await answer(runtime, "a", ask("warm"))
            await runtime.unload("a")
            await asyncio.sleep(0.5)
            return workers_of(runtime)

    assert scene(body) == []


def test_a_model_that_crashes_again_and_again_is_refused_with_the_reason() -> None:
    async def body() -> None:
        async with running(Models(("bad", "echo:?crash_after=0"))) as runtime:
            for _ in range(4):  # the fourth start is due four seconds after the third death
                with pytest.raises(WorkerDied):
                    await answer(runtime, "bad", ask("x"))
            with pytest.raises(WorkerDied, match="died 4 times without completing an answer") as caught:
                await answer(runtime, "bad", ask("x"))
            assert caught.value.retry_after_seconds is not None
            assert 0 < caught.value.retry_after_seconds <= 4

    scene(body)


def test_an_error_of_the_engine_reaches_the_caller_as_it_is() -> None:
    async def body() -> None:
        async with running(Models(("a", "echo:?fail_after=2"))) as runtime:
            with pytest.raises(EngineError, match="echo fails after 2 tokens"):
                await answer(runtime, "a", ask("x" * 10))

    scene(body)


def test_a_model_that_can_not_be_loaded_says_why() -> None:
    async def body() -> None:
        async with running(Models(("a", "echo:?speed=9"))) as runtime:
            with pytest.raises(Exception, match="echo has no option 'speed'"):
                await answer(runtime, "a", ask("x"))
            assert workers_of(runtime) == []

    scene(body)


def test_loading_that_takes_too_long_is_ended() -> None:
    async def body() -> None:
        async with running(Models(("a", "echo:?load_delay=30")), load_seconds=1.0) as runtime:
            with pytest.raises(EngineError, match="did not load within 1 s"):
                await answer(runtime, "a", ask("x"))
            assert workers_of(runtime) == []

    scene(body)


def test_loading_goes_on_when_the_one_who_asked_for_it_leaves() -> None:
    async def body() -> tuple[str, int]:
        async with running(Models(("a", "echo:?load_delay=2"))) as runtime:
            impatient = asyncio.create_task(answer(runtime, "a", ask("x")))
            await until(lambda: bool(runtime.status().workers) and runtime.status().workers[0].state == "loading")
            impatient.cancel()
            text = await answer(runtime, "a", ask("patient"))
            return text, runtime.status().workers[0].restarts

    assert scene(body) == ("patient", 0)


def test_closing_the_runtime_while_a_model_loads_leaves_no_process() -> None:
    async def body() -> int:
        before = len(psutil.Process().children())
        async with running(Models(("a", "echo:?load_delay=30"))) as runtime:
            waiting = asyncio.create_task(answer(runtime, "a", ask("x")))
            await until(lambda: len(psutil.Process().children()) > before)
            await runtime.close()
            with pytest.raises(asyncio.CancelledError):
                await waiting
        return len(psutil.Process().children()) - before

    assert scene(body) == 0


def test_an_idle_model_makes_room_for_another_one() -> None:
    async def body() -> list[str]:
        store = Models(("a", "echo:"), ("b", "echo:"), memory_bytes=600 * 2**20)
        async with running(store, memory_budget_bytes=2**30) as runtime:
            await answer(runtime, "a", ask("x"))
            await answer(runtime, "b", ask("y"))
            return [worker.model for worker in runtime.status().workers if worker.pid is not None]

    assert scene(body) == ["b"]


def test_a_busy_model_is_not_thrown_out_for_another_one() -> None:
    async def body() -> str:
        store = Models(("a", "echo:?delay=0.02"), ("b", "echo:"), memory_bytes=600 * 2**20)
        async with running(store, memory_budget_bytes=2**30) as runtime:
            first = asyncio.create_task(answer(runtime, "a", ask("x" * 50)))
            await until(lambda: bool(workers_of(runtime)))
            with pytest.raises(Busy, match="which busy models hold"):
                await answer(runtime, "b", ask("y"))
            return await first

    assert scene(body) == "x" * 50


def test_a_model_that_can_never_fit_is_refused_with_both_numbers() -> None:
    async def body() -> None:
        store = Models(("a", "echo:"), memory_bytes=3 * 2**30)
        async with running(store, memory_budget_bytes=2**30) as runtime:
            with pytest.raises(InsufficientMemory, match=r"a needs about 3\.0 GiB of memory; the budget is 1\.0 GiB"):
                await answer(runtime, "a", ask("x"))

    scene(body)


def launched(runtime: Runtime) -> list[psutil.Process]:
    """The processes that it starts before there is an event loop."""
    before = set(psutil.Process().children())
    runtime.launch()
    return [child for child in psutil.Process().children() if child not in before]


def test_a_model_that_was_launched_before_the_event_loop_is_the_one_that_answers() -> None:
    runtime = Runtime(_settings(preload=True, default_model="other"), Models(("a", "echo:"), ("other", "echo:")))
    [child] = launched(runtime)

    async def body() -> tuple[str, list[int]]:
        await runtime.start()
        try:
            return await answer(runtime, "other", ask("x")), workers_of(runtime)
        finally:
            await runtime.close()

    assert scene(body) == ("x", [child.pid])
    assert not child.is_running()


def test_a_launched_model_that_nobody_goes_on_with_is_ended() -> None:
    runtime = Runtime(_settings(preload=True), Models(("a", "echo:")))
    [child] = launched(runtime)
    runtime.abandon()
    assert not child.is_running()


def test_nothing_is_launched_where_nothing_is_to_be_preloaded_or_it_does_not_fit() -> None:
    large = Models(("a", "echo:"), memory_bytes=2**30)
    assert launched(Runtime(_settings(), Models(("a", "echo:")))) == []
    assert launched(Runtime(_settings(preload=True), Models())) == []
    assert launched(Runtime(_settings(preload=True, memory_budget_bytes=2**20), large)) == []


def test_an_alias_may_be_the_default_model() -> None:
    async def body() -> tuple[str | None, bool]:
        async with running(
            Models(("b", "echo:"), ("a", "echo:")), default_model="mine", aliases={"mine": "a"}
        ) as runtime:
            assert runtime.resolve("default", "chat") == "a"
            return runtime.default_id(), await runtime.ready()

    assert scene(body) == ("a", True)


def test_a_process_that_has_grown_is_renewed_between_two_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aigc.runtime.seat._GROWTH_BYTES", 0)  # the estimate is one byte: every process has grown
    monkeypatch.setattr("aigc.runtime.runtime._REAP_SECONDS", 0.05)

    async def body() -> tuple[str, str, list[int], list[int]]:
        async with running(Models(("a", "echo:?delay=0.02"))) as runtime:
            running_one = asyncio.create_task(answer(runtime, "a", ask("x" * 60)))
            await until(lambda: bool(workers_of(runtime)))
            before = workers_of(runtime)
            await until(lambda: bool(runtime._renewing))
            waiting_one = asyncio.create_task(answer(runtime, "a", ask("later")))
            first = await running_one
            await until(lambda: workers_of(runtime) not in ([], before))
            after = workers_of(runtime)
            return first, await waiting_one, before, after

    first, later, before, after = scene(body)
    assert (first, later) == ("x" * 60, "later")
    assert len(before) == len(after) == 1
    assert before != after


def test_no_process_is_left_when_the_runtime_is_closed() -> None:
    async def body() -> list[int]:
        async with running(Models(("a", "echo:"), ("b", "echo:"))) as runtime:
            await asyncio.gather(answer(runtime, "a", ask("x")), answer(runtime, "b", ask("y")))
            return workers_of(runtime)

    pids = scene(body)
    assert len(pids) == 2
    assert not any(psutil.pid_exists(pid) for pid in pids)


def test_usage_and_the_answering_engine_come_last() -> None:
    async def body() -> Event:
        async with running(Models(("a", "echo:"))) as runtime:
            return await runtime.ask("a", ask("four", n=2))

    last = scene(body)
    assert isinstance(last, Usage)
    assert last.completion_tokens == 2 * 5  # four characters and the end, twice
    assert last.fingerprint == "echo-1"


def test_ready_means_that_a_generation_works() -> None:
    async def body() -> tuple[bool, bool, bool]:
        stores = [Models(("a", "echo:")), Models(("b", "echo:?fail_after=0")), Models()]
        async with running(stores[0]) as good, running(stores[1]) as bad, running(stores[2]) as empty:
            return await good.ready(), await bad.ready(), await empty.ready()

    assert scene(body) == (True, False, False)


def test_an_unknown_model_is_an_error_that_lists_the_known() -> None:
    async def body() -> None:
        async with running(Models(("a", "echo:"))) as runtime:
            with pytest.raises(UnknownModel, match="installed: a"):
                runtime.resolve("b", "chat")

    scene(body)


def test_a_server_that_was_stopped_itself_does_not_blame_its_workers() -> None:
    async def body() -> tuple[list[int], list[int]]:
        async with running(Models(("a", "echo:")), hang_seconds=3.0) as runtime:
            await answer(runtime, "a", ask("x"))
            before = workers_of(runtime)
            time.sleep(6)  # the loop stands still, as after Ctrl-Z
            await asyncio.sleep(3)
            await answer(runtime, "a", ask("y"))
            return before, workers_of(runtime)

    before, after = scene(body)
    assert before == after


def test_a_worker_imports_nothing_from_the_folder_that_the_server_was_started_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "psutil.py").write_text("raise SystemExit('the wrong psutil')")
    monkeypatch.chdir(tmp_path)

    async def body() -> str:
        async with running(Models(("a", "echo:"))) as runtime:
            return await answer(runtime, "a", ask("hello"))

    assert scene(body) == "hello"


def test_sixty_callers_who_leave_at_once_leave_nothing_behind() -> None:
    async def body() -> float:
        async with running(Models(("a", "echo:?delay=0.02")), max_sequences=8) as runtime:
            await answer(runtime, "a", ask("warm"))
            calls = [asyncio.create_task(answer(runtime, "a", ask("x" * 500))) for _ in range(60)]
            await until(lambda: runtime.status().workers[0].waiting == 52)
            for call in calls:
                call.cancel()
            await asyncio.gather(*calls, return_exceptions=True)
            worker = runtime.status().workers[0]
            seconds = await until(lambda: (worker.running, worker.waiting) == (0, 0))
            assert await answer(runtime, "a", ask("next")) == "next"
            return seconds

    assert scene(body) < 1
