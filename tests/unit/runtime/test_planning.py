"""Engines by what a request needs, and memory by what there is."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from aigc.errors import InsufficientMemory, UnsupportedParameter
from aigc.runtime import planning
from aigc.types import EngineFile, ModelSpec

OPENVINO = EngineFile(engine="openvino", path="/m/ov", memory_bytes=1000, cache_bytes_per_token=10)
LLAMA = EngineFile(engine="llama_cpp", path="/m/gguf", memory_bytes=900, cache_bytes_per_token=20)


def _spec(*engines: EngineFile, context_tokens: int = 4096) -> ModelSpec:
    return ModelSpec(
        id="m",
        capabilities=("chat",),
        engines=engines,
        context_tokens=context_tokens,
        created=0,
        digest="d",
        licence="MIT",
    )


def _room(*engines: str) -> Callable[[EngineFile], bool]:
    return lambda file: file.engine in engines


def test_the_first_engine_answers_where_nothing_special_is_asked() -> None:
    assert planning.choose_engine(_spec(OPENVINO, LLAMA), (), _room("openvino", "llama_cpp")) is OPENVINO


def test_another_engine_steps_in_where_the_first_has_no_room() -> None:
    assert planning.choose_engine(_spec(OPENVINO, LLAMA), (), _room("llama_cpp")) is LLAMA


def test_the_first_engine_is_taken_where_none_has_room() -> None:
    assert planning.choose_engine(_spec(OPENVINO, LLAMA), (), _room()) is OPENVINO


def test_what_a_request_needs_decides_before_room() -> None:
    assert planning.choose_engine(_spec(OPENVINO, LLAMA), {"top_logprobs"}, _room("openvino")) is LLAMA


def test_what_no_engine_can_do_is_refused_by_name() -> None:
    with pytest.raises(UnsupportedParameter, match="m runs on openvino, which can't honour logit_bias") as caught:
        planning.choose_engine(_spec(OPENVINO), {"logit_bias"}, _room("openvino"))
    assert caught.value.param == "logit_bias"


def test_the_cache_has_room_for_two_contexts_or_many_short_answers() -> None:
    few = planning.load_options(_spec(OPENVINO), OPENVINO, context_tokens=8192, max_sequences=2, threads=2)
    assert few.context_tokens == 4096  # the model's own limit
    assert few.cache_bytes == 2 * 4096 * 10
    many = planning.load_options(_spec(OPENVINO), OPENVINO, context_tokens=8192, max_sequences=32, threads=2)
    assert many.cache_bytes == 32 * 512 * 10
    assert planning.reserved_bytes(OPENVINO, many) == 1000 + 163840


def test_an_engine_that_spins_leaves_a_core_to_its_neighbours() -> None:
    def threads(file: EngineFile, cores: int) -> int:
        return planning.load_options(_spec(file), file, context_tokens=8, max_sequences=1, threads=cores).threads

    assert [threads(OPENVINO, 2), threads(LLAMA, 2), threads(LLAMA, 1)] == [2, 1, 1]


def test_a_model_that_can_never_fit_is_refused_with_both_numbers() -> None:
    with pytest.raises(InsufficientMemory, match=r"big needs about 3\.0 GiB of memory; the budget is 2\.0 GiB"):
        planning.evictions(3 * 2**30, 2 * 2**30, [], "big")


def test_the_least_recently_used_idle_models_leave_and_no_more_than_needed() -> None:
    loaded = [("oldest", 30, True), ("old", 30, False), ("new", 30, False)]
    assert planning.evictions(30, 100, loaded, "m") == ["old"]
    assert planning.evictions(10, 100, loaded, "m") == []


def test_busy_models_are_not_thrown_out() -> None:
    assert planning.evictions(50, 100, [("a", 60, True)], "m") is None
