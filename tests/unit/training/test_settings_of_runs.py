"""Settings as data."""

from __future__ import annotations

import pytest

from aigc.errors import UserError
from aigc.training.config import TrainConfig, from_dict, override, to_dict


def test_a_config_survives_json() -> None:
    config = TrainConfig(steps=7, learning_rate=0.5, optimiser="muon")
    assert from_dict(TrainConfig, to_dict(config)) == config


def test_assignments_are_read_as_the_kind_of_their_setting() -> None:
    config = override(TrainConfig(), ["steps=7", "learning_rate=1e-3", "precision=bfloat16"])
    assert (config.steps, config.learning_rate, config.precision) == (7, 0.001, "bfloat16")


@pytest.mark.parametrize(
    ("assignment", "words"),
    [
        ("steps", "sets nothing"),
        ("stepz=3", "no setting is called 'stepz'"),
        ("steps=many", "accepted: a whole number"),
        ("steps=0", "accepted: 1 or more"),
        ("steps.more=1", "no setting is called"),
        ("optimiser=sgd", "accepted: adamw, muon"),
        ("learning_rate=nan", "accepted: a number above 0"),
        ("average=1", "accepted: 0 up to, but not, 1"),
    ],
)
def test_a_wrong_assignment_says_what_is_accepted(assignment: str, words: str) -> None:
    with pytest.raises(UserError, match=words):
        override(TrainConfig(), [assignment])


def test_an_unknown_name_gets_the_nearest_ones() -> None:
    with pytest.raises(UserError) as caught:
        override(TrainConfig(), ["learning_rat=1"])
    assert caught.value.hint == "known: learning_rate"
