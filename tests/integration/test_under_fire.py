"""The real tiny model under clients that leave and prompts that don't fit together, on both engines."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from aigc.runtime.runtime import Runtime
from aigc.settings import load
from aigc.store import Store
from aigc.types import Sampling, TextRequest
from conftest import Serving

pytestmark = [pytest.mark.models, pytest.mark.slow]

ENGINES = {"openvino": {}, "llama_cpp": {"logit_bias": {"100": -1}}}
LONG: dict[str, Any] = {"model": "tiny", "prompt": "Once", "max_tokens": 4000, "ignore_eos": True, "stream": True}
WORDS = "river stone lamp garden "


@pytest.fixture
def http(serving: Serving) -> Any:
    headers = {"Authorization": f"Bearer {serving.key}"}
    with httpx.Client(base_url=serving.url, headers=headers, timeout=240, trust_env=False) as client:
        yield client


def leave(http: httpx.Client, body: dict[str, Any], *, after_events: int) -> None:
    """Go away after so many events; 0: while the prompt is still read."""
    if after_events == 0:
        with pytest.raises(httpx.TimeoutException):
            http.post("/v1/completions", json={**body, "stream": False}, timeout=0.5)
        return
    with http.stream("POST", "/v1/completions", json=body) as answer:
        for seen, _ in enumerate(line for line in answer.iter_lines() if line.startswith("data:")):
            if seen == after_events:
                return


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    ("more", "after_events"),
    [
        ({"prompt": WORDS * 1500, "max_tokens": 100}, 0),
        ({"n": 16, "max_tokens": 400}, 3),
        ({}, 3),
        ({"n": 16, "max_tokens": 400}, 0),
    ],
    ids=["prefill", "n=16", "streaming", "n=16 unread"],
)
def test_clients_that_leave_free_their_places(
    http: httpx.Client, engine: str, more: dict[str, Any], after_events: int
) -> None:
    short = {**LONG, **ENGINES[engine], "max_tokens": 1, "stream": False}
    assert http.post("/v1/completions", json=short).status_code == 200  # it is loaded
    for _ in range(3):
        leave(http, {**LONG, **ENGINES[engine], **more}, after_events=after_events)
    deadline = time.monotonic() + 30  # a busy machine; how fast it is on a quiet one, chaos measures
    while any(w["running"] + w["waiting"] for w in http.get("/v1/status").json()["workers"]):
        assert time.monotonic() < deadline, "a place is still taken"
        time.sleep(0.05)
    assert http.post("/v1/completions", json=short).status_code == 200


@pytest.mark.parametrize(("engine", "bias"), [("openvino", {}), ("llama_cpp", {100: -1.0})])
def test_more_long_prompts_than_the_cache_holds_are_all_answered(
    models_home: Path, engine: str, bias: dict[int, float]
) -> None:
    settings = load(
        None, home=models_home, preload=False, context_tokens=1024, max_sequences=4, hang_seconds=120.0
    )  # room for 2,048 tokens
    sampling = Sampling(temperature=0.0, logit_bias=bias)

    async def body() -> list[tuple[int, bool]]:
        runtime = Runtime(settings, Store(settings))
        await runtime.start()
        requests = [TextRequest(prompt=f"{n} {WORDS * 220}", max_tokens=4, sampling=sampling) for n in range(6)]
        try:
            found = await asyncio.gather(*(runtime.ask("smollm2-135m-instruct", request) for request in requests))
        finally:
            await runtime.close()
        return [(event.completion_tokens, event.fingerprint.startswith(engine)) for event in found]  # type: ignore[union-attr]

    assert asyncio.run(body()) == [(4, True)] * 6
