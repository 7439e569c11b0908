"""The queue before a painter: order of events, cancelling, errors."""

from __future__ import annotations

import queue
import threading
from collections.abc import Sequence

import pytest

from aigc.engines.base import Painting, Report
from aigc.engines.pictures import PictureService
from aigc.errors import UserError
from aigc.types import (
    Event,
    Failure,
    ImageMade,
    ImageRequest,
    ImagesDone,
    ImageStep,
    ModelSpec,
    PictureRequest,
    Raster,
    TextRequest,
)

SPEC = ModelSpec(
    id="painter", capabilities=("image",), engines=(), context_tokens=0, created=0, digest="", licence="MIT"
)


class Stripes:
    """Paints one grey row a step; ``gate`` holds every step after the first."""

    fingerprint = "stripes-1"

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.gate.set()
        self.begun: list[str] = []
        self.closed = False

    def check(self, request: PictureRequest) -> None:
        if isinstance(request, ImageRequest) and request.steps == 0:
            raise UserError("steps is 0; accepted: 1 or more", param="steps")

    def paint(self, request: PictureRequest, index: int, report: Report) -> Painting:
        assert isinstance(request, ImageRequest)
        self.begun.append(request.prompt)
        rows = bytearray()
        for step in range(3):
            rows += bytes([(request.seed + index + step) % 256] * 2)
            report(step + 1, 3, Raster(width=2, height=step + 1, channels=1, pixels=bytes(rows)))
            assert self.gate.wait(30)
        image = Raster(width=2, height=3, channels=1, pixels=bytes(rows))
        return Painting(image=image, seed=request.seed + index, facts={"rows": 3})

    def close(self) -> None:
        self.closed = True


class Events:
    """What the service sent."""

    def __init__(self) -> None:
        self.queue: queue.Queue[tuple[int, Event]] = queue.Queue()

    def __call__(self, items: Sequence[tuple[int, Event]]) -> None:
        for item in items:
            self.queue.put(item)

    def next(self) -> tuple[int, Event]:
        return self.queue.get(timeout=30)


@pytest.fixture
def painter() -> Stripes:
    return Stripes()


@pytest.fixture
def events() -> Events:
    return Events()


@pytest.fixture
def service(painter: Stripes, events: Events) -> PictureService:
    return PictureService(painter, SPEC, events)


def test_an_answer_is_steps_then_pictures_then_the_end(service: PictureService, events: Events) -> None:
    service.submit(1, ImageRequest(prompt="a", n=2, seed=7))
    got = [events.next() for _ in range(9)]
    assert {number for number, _ in got} == {1}
    kinds = [type(event) for _, event in got]
    assert kinds == [ImageStep] * 3 + [ImageMade] + [ImageStep] * 3 + [ImageMade, ImagesDone]
    first, second = got[3][1], got[7][1]
    assert isinstance(first, ImageMade)
    assert isinstance(second, ImageMade)
    assert (first.index, first.seed, first.image.pixels) == (0, 7, bytes([7, 7, 8, 8, 9, 9]))
    assert (second.index, second.seed, second.facts) == (1, 8, {"rows": 3})
    assert got[8][1] == ImagesDone(fingerprint="stripes-1")
    service.close()


def test_unfinished_pictures_are_told_only_if_they_were_asked_for(service: PictureService, events: Events) -> None:
    service.submit(1, ImageRequest(seed=0))
    service.submit(2, ImageRequest(seed=0, previews=1))
    steps = [event for event in (events.next()[1] for _ in range(10)) if isinstance(event, ImageStep)]
    assert [step.preview is not None for step in steps] == [False] * 3 + [True] * 3
    service.close()


def test_a_cancelled_picture_ends_at_its_next_step_and_the_next_request_begins(
    painter: Stripes, service: PictureService, events: Events
) -> None:
    painter.gate.clear()
    service.submit(1, ImageRequest(prompt="first", seed=0))
    assert events.next() == (1, ImageStep(index=0, step=1, steps=3))
    service.submit(2, ImageRequest(prompt="second", seed=0))
    service.submit(3, ImageRequest(prompt="third", seed=0))
    service.cancel(1)
    service.cancel(2)
    painter.gate.set()
    assert events.next() == (3, ImageStep(index=0, step=1, steps=3))
    service.close()
    assert painter.begun == ["first", "third"]
    assert painter.closed


def test_what_the_painter_refuses_is_an_error_with_its_name(service: PictureService, events: Events) -> None:
    service.submit(1, ImageRequest(seed=0, steps=0))
    number, event = events.next()
    assert number == 1
    assert event == Failure(name="UserError", message="steps is 0; accepted: 1 or more", param="steps")
    service.close()


def test_a_question_in_words_is_refused(service: PictureService, events: Events) -> None:
    service.submit(1, TextRequest(prompt="hello"))
    assert events.next()[1] == Failure(
        name="UserError", message="the model 'painter' makes pictures only", param="model"
    )
    service.close()


def test_a_painter_at_rest_is_not_stalled(service: PictureService, events: Events, painter: Stripes) -> None:
    assert service.stalled_seconds() == 0.0
    painter.gate.clear()
    service.submit(1, ImageRequest(seed=0))
    events.next()
    assert service.stalled_seconds() > 0.0
    painter.gate.set()
    while not isinstance(events.next()[1], ImagesDone):
        pass
    service.close()
    assert service.stalled_seconds() == 0.0


@pytest.mark.parametrize("size", [0, 5, 7])
def test_pixels_that_do_not_fill_the_picture_are_no_picture(size: int) -> None:
    with pytest.raises(ValueError, match=f"{size} bytes are no 3x2x1 picture"):
        Raster(width=3, height=2, channels=1, pixels=bytes(size))
