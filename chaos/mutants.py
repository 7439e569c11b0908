"""Damaged copies of bytes, the same ones for the same seed: flipped, overwritten, cut, moved, blown up.

Knows: bytes. Does not know: formats.
"""

from __future__ import annotations

import random
import struct

_NUMBERS = (
    0,
    1,
    2,
    7,
    8,
    31,
    32,
    255,
    256,
    2**16,
    2**31 - 1,
    2**31,
    2**32 - 1,
    2**32,
    2**62,
    2**63 - 1,
    2**63,
    2**64 - 1,
)
"""Numbers at which counts and sizes go wrong."""
_TEXTS = (
    b"\0",
    b"\xff\xfe",
    b"../../x",
    b"{% for x in range(9**9) %}",
    b"llama",
    b"qwen2",
    b"A" * 64,
    "\ud7ff".encode(),
)


def mutate(data: bytes, draw: random.Random, changes: int = 1) -> tuple[bytes, str]:
    """A copy with so many faults. Returns: it, and what was done in words."""
    copy = bytearray(data)
    words = [draw.choice(_WAYS)(copy, draw) for _ in range(changes)]
    return bytes(copy), ", ".join(words)


def _flip(copy: bytearray, draw: random.Random) -> str:
    at = draw.randrange(max(1, len(copy)))
    if copy:
        copy[at] ^= 1 << draw.randrange(8)
    return f"bit at {at}"


def _number(copy: bytearray, draw: random.Random) -> str:
    code, size = draw.choice((("<I", 4), ("<Q", 8)))
    at = draw.randrange(max(1, len(copy) - size))
    value = draw.choice(_NUMBERS) % 2 ** (8 * size)
    copy[at : at + size] = struct.pack(code, value)
    return f"{value} at {at}"


def _text(copy: bytearray, draw: random.Random) -> str:
    at, text = draw.randrange(max(1, len(copy))), draw.choice(_TEXTS)
    copy[at : at + len(text)] = text
    return f"{text[:12]!r} at {at}"


def _cut(copy: bytearray, draw: random.Random) -> str:
    at = draw.randrange(max(1, len(copy)))
    del copy[at:]
    return f"cut at {at}"


def _remove(copy: bytearray, draw: random.Random) -> str:
    at, length = draw.randrange(max(1, len(copy))), draw.randrange(1, 64)
    del copy[at : at + length]
    return f"{length} bytes fewer at {at}"


def _insert(copy: bytearray, draw: random.Random) -> str:
    at, length = draw.randrange(max(1, len(copy))), draw.randrange(1, 64)
    copy[at:at] = draw.randbytes(length)
    return f"{length} bytes more at {at}"


_WAYS = (_flip, _flip, _number, _number, _number, _text, _cut, _remove, _insert)


def overwrite(data: bytes, draw: random.Random, changes: int = 1) -> tuple[bytes, str]:
    """As `mutate`, of the same length."""
    copy = bytearray(data)
    words = [draw.choice((_flip, _number, _number, _text))(copy, draw) for _ in range(changes)]
    return bytes(copy[: len(data)]), ", ".join(words)
