"""The language between server and worker: length-prefixed msgpack over a socket pair.

A frame is four bytes of length (little-endian) and one message. All events of an engine step travel in one frame:
at 600 tokens/s on two cores every write counts.

Knows: message shapes and framing. Does not know: processes, models, asyncio.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator

import msgspec

from aigc.engines.base import LoadOptions
from aigc.errors import AigcError, EngineError, by_name
from aigc.types import EngineFile, Event, Failure, ModelSpec, Request

MAX_FRAME_BYTES = 256 * 2**20
"""A longer frame means that the other side is broken."""
HEADER_BYTES = 4


class Load(msgspec.Struct, frozen=True, tag=True):
    """First message to a worker: which model, with which engine."""

    spec: ModelSpec
    file: EngineFile
    options: LoadOptions


class Submit(msgspec.Struct, frozen=True, tag=True):
    """Begin a request."""

    id: int
    request: Request


class Cancel(msgspec.Struct, frozen=True, tag=True):
    """Forget a request."""

    id: int


class Ping(msgspec.Struct, frozen=True, tag=True):
    """Are you there?"""


class Close(msgspec.Struct, frozen=True, tag=True):
    """Free the model and end."""


class Ready(msgspec.Struct, frozen=True, tag=True):
    """The model is loaded."""

    rss_bytes: int


class LoadFailed(msgspec.Struct, frozen=True, tag=True):
    """The model can't be loaded; the worker ends."""

    failure: Failure


class Events(msgspec.Struct, frozen=True, tag=True):
    """(request id, event) pairs, in order."""

    items: list[tuple[int, Event]]


class Pong(msgspec.Struct, frozen=True, tag=True):
    """I am; the engine has been silent for so long although it has work."""

    stalled_seconds: float
    rss_bytes: int


Command = Load | Submit | Cancel | Ping | Close
Report = Ready | LoadFailed | Events | Pong

_encoder = msgspec.msgpack.Encoder()
decode_command = msgspec.msgpack.Decoder(Command).decode
decode_report = msgspec.msgpack.Decoder(Report).decode


def pack(message: Command | Report) -> bytes:
    """One frame, ready to be written."""
    body = _encoder.encode(message)
    return len(body).to_bytes(HEADER_BYTES, "little") + body


def body_bytes(header: bytes | bytearray) -> int:
    """Length of the body that follows. Raises: EngineError for one that can't be meant."""
    length = int.from_bytes(header, "little")
    if length > MAX_FRAME_BYTES:
        raise EngineError(f"a frame of {length} bytes; at most {MAX_FRAME_BYTES} are accepted")
    return length


class Frames:
    """Cuts a stream of bytes into the bodies of its frames."""

    def __init__(self) -> None:
        self._rest = bytearray()

    def cut(self, data: bytes) -> list[bytes]:
        """The bodies that ``data`` completes. Raises: EngineError, see `body_bytes`."""
        self._rest += data
        bodies: list[bytes] = []
        begin = HEADER_BYTES
        while len(self._rest) >= begin:
            end = begin + body_bytes(self._rest[begin - HEADER_BYTES : begin])
            if len(self._rest) < end:
                break
            bodies.append(bytes(self._rest[begin:end]))
            begin = end + HEADER_BYTES
        del self._rest[: begin - HEADER_BYTES]
        return bodies


def read_commands(sock: socket.socket) -> Iterator[Command]:
    """Messages to a worker, until the server closes its end. Blocks."""
    with sock.makefile("rb") as stream:
        while len(header := stream.read(HEADER_BYTES)) == HEADER_BYTES:
            body = stream.read(body_bytes(header))
            yield decode_command(body)


def to_failure(error: AigcError) -> Failure:
    """An error on its way through the socket."""
    return Failure(
        name=type(error).__name__,
        message=error.message,
        param=error.param,
        hint=error.hint,
        retry_after_seconds=error.retry_after_seconds,
    )


def to_error(failure: Failure) -> AigcError:
    """The same error on the other side."""
    return by_name(failure.name)(
        failure.message,
        param=failure.param,
        hint=failure.hint,
        retry_after_seconds=failure.retry_after_seconds,
    )
