"""The real tiny model under clients that leave and prompts that don't fit together, on both engines."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

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


@pytest.mark.parametrize("engine", ENGINES)
def test_more_long_prompts_than_the_cache_holds_are_all_answered(http: httpx.Client, engine: str) -> None:
    def ask(number: int) -> tuple[int, int]:
        body = {**LONG, **ENGINES[engine], "stream": False, "max_tokens": 4, "prompt": f"{number} {WORDS * 700}"}
        answer = http.post("/v1/completions", json=body)
        return answer.status_code, answer.json()["usage"]["completion_tokens"]

    with ThreadPoolExecutor(10) as pool:  # ten prompts of 2,800 tokens; the cache holds two contexts of 8,192
        assert list(pool.map(ask, range(10))) == [(200, 4)] * 10
