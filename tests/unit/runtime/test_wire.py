"""Frames between server and worker."""

from __future__ import annotations

import socket

import pytest

from aigc.errors import Busy, ContextOverflow, EngineError, UserError
from aigc.runtime import wire
from aigc.types import Delta, Message, TextRequest, Usage


def test_commands_come_out_as_they_went_in_and_end_with_the_socket() -> None:
    ours, theirs = socket.socketpair()
    request = TextRequest(messages=(Message(role="user", content="法国\x00\U0001f600"),), max_tokens=3)
    sent = [wire.Submit(1, request), wire.Cancel(1), wire.Ping(), wire.Close()]
    with ours, theirs:
        for command in sent:
            ours.sendall(wire.pack(command))
        ours.shutdown(socket.SHUT_WR)
        assert list(wire.read_commands(theirs)) == sent


def test_all_events_of_a_step_travel_in_one_frame() -> None:
    usage = Usage(prompt_tokens=1, completion_tokens=2, fingerprint="f")
    events = wire.Events([(1, Delta(index=0, text="a")), (2, usage)])
    frame = wire.pack(events)
    assert wire.body_bytes(frame[:4]) == len(frame) - 4
    assert wire.decode_report(frame[4:]) == events


@pytest.mark.parametrize("size", [1, 3, 7, 1000])
def test_frames_come_out_whole_however_the_bytes_arrive(size: int) -> None:
    messages = [wire.Events([(n, Delta(index=0, text="x" * n))]) for n in range(40)]
    stream = b"".join(wire.pack(message) for message in messages)
    frames = wire.Frames()
    pieces = [stream[at : at + size] for at in range(0, len(stream), size)]
    assert [wire.decode_report(body) for piece in pieces for body in frames.cut(piece)] == messages


def test_a_frame_that_can_not_be_meant_is_refused() -> None:
    with pytest.raises(EngineError, match="a frame of 4294967295 bytes"):
        wire.body_bytes(b"\xff\xff\xff\xff")


@pytest.mark.parametrize(
    "error",
    [
        UserError("no", param="messages.0.content", hint="do"),
        ContextOverflow("9 tokens; 8 fit"),
        Busy("full", retry_after_seconds=2.5),
    ],
)
def test_errors_survive_the_way_through_the_socket(error: UserError) -> None:
    back = wire.to_error(wire.to_failure(error))
    assert type(back) is type(error)
    assert vars(back) == vars(error)
