"""The header of a WAV file with one channel of 16-bit samples.

Knows: the RIFF form. Does not know: where the samples come from.
"""

from __future__ import annotations

import struct

HEADER_BYTES = 44
_UNKNOWN = 0xFFFF_FFFF
"""What players take for: until the end. OpenAI's speech says the same."""


def header(rate: int, data_bytes: int | None = None) -> bytes:
    """The first 44 bytes.

    Args:
        rate: samples a second.
        data_bytes: length of all samples; None: not known yet.
    """
    whole, data = (_UNKNOWN, _UNKNOWN) if data_bytes is None else (data_bytes + HEADER_BYTES - 8, data_bytes)
    form = struct.pack("<IHHIIHH", 16, 1, 1, rate, rate * 2, 2, 16)
    return b"RIFF" + struct.pack("<I", whole) + b"WAVEfmt " + form + b"data" + struct.pack("<I", data)


def with_length(file: bytes) -> bytes:
    """A file of `header` whose length was not known when it began, now with it; any other file as it is."""
    if len(file) < HEADER_BYTES or file[:4] != b"RIFF" or file[4:8] != struct.pack("<I", _UNKNOWN):
        return file
    (rate,) = struct.unpack("<I", file[24:28])
    samples = file[HEADER_BYTES:]
    return header(rate, len(samples)) + samples
