"""How much of a prediction came true."""

from __future__ import annotations

import pytest
from text_toys import SPEC, ScriptedEngine, Sink, completion

from aigc.engines.prediction import PredictionReader
from aigc.engines.text import TextService
from aigc.types import Failure, Usage

OLD = ["def area", "(width, ", "height):", "\n    return", " width", " * ", "height", "\n"]


@pytest.mark.parametrize(
    ("answer", "accepted"),
    [
        ("def area(width, height):\n    return width * height\n", 8),
        ("def area(width, height):\n    return width * height", 7),
        ("def surface(width, height):\n    return width * height\n", 7),
        ("def area(width, height):\n    return 2 * height\n", 4),
        ("class Area:", 0),
        ("", 0),
        ("def area(width, depth):\n    return width * depth\n", 5),
    ],
)
def test_tokens_of_the_prediction_that_the_answer_repeats_in_order_are_counted(answer: str, accepted: int) -> None:
    for size in (1, 7, 100):
        reader = PredictionReader([piece.encode() for piece in OLD])
        for at in range(0, len(answer), size):
            reader.push(answer[at : at + size])
        assert reader.accepted() == accepted


def test_the_usage_tells_of_all_choices() -> None:
    engine, sink = ScriptedEngine(), Sink()
    service = TextService(engine, SPEC, sink)
    service.submit(1, completion(prediction="12345", n=2))
    engine.wait(2)
    engine.play("12", "3")
    engine.play("999", at=1)
    [*_, usage] = sink.wait()
    assert isinstance(usage, Usage)
    assert (usage.accepted_prediction_tokens, usage.rejected_prediction_tokens, usage.completion_tokens) == (3, 7, 5)
    service.submit(2, completion(prediction="x" * 101))
    [error] = sink.wait(2)
    assert isinstance(error, Failure)
    assert error.param == "prediction"
    service.close()
