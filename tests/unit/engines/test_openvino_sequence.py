"""Sampling settings in OpenVINO's words."""

from __future__ import annotations

from typing import Any

import pytest

from aigc.engines.base import Draw, SequenceRequest
from aigc.engines.openvino_sequence import generation_config, helper_config


def _config(**draw: Any) -> Any:
    request = SequenceRequest(id=1, tokens=[1], max_tokens=5, draw=Draw(seed=7, **{"temperature": 1.0, **draw}))
    return generation_config(request, (2,))


@pytest.mark.parametrize(
    "draw",
    [{"temperature": 0.0}, {"temperature": 1e-300}, {"top_p": 0.0}, {"min_p": 1.0}, {"top_k": 1}],
)
def test_settings_that_leave_one_token_are_greedy(draw: dict[str, float]) -> None:
    assert _config(**draw).do_sample is False


def test_other_settings_are_passed_on() -> None:
    config = _config(temperature=0.5, top_p=0.25, top_k=3, min_p=0.125, presence_penalty=1.5, frequency_penalty=-1.0)
    assert config.do_sample is True
    assert (config.temperature, config.top_p, config.top_k, config.min_p) == (0.5, 0.25, 3, 0.125)
    assert (config.presence_penalty, config.frequency_penalty, config.rng_seed) == (1.5, -1.0, 7)


def test_a_pipeline_that_guesses_has_every_sequence_guess() -> None:
    request = SequenceRequest(id=1, tokens=[1], max_tokens=5, draw=Draw(temperature=1.0, seed=7))
    asked = generation_config(request, (2,), lookup_tokens=3)
    assert (asked.num_assistant_tokens, asked.max_ngram_size) == (3, 3)
    assert asked.is_prompt_lookup()
    assert helper_config(9, lookup_tokens=3).num_assistant_tokens == 1
    assert not generation_config(request, (2,)).is_prompt_lookup()
    assert not helper_config(9).is_prompt_lookup()
