"""What PNG, JPEG and WebP files are made of: pieces, taken apart and put together again.

The walk is ours because it comes before every library: it finds the size of the picture before anything is unpacked,
and takes out all that pixels don't need (comments, camera data, further pictures), where most attacks sit. What it
takes out, `aigc.pictures.metadata` reads.

Knows: where a piece begins and ends. Does not know: pixels, what metadata says.
Source: PNG 3rd edition (W3C 2025), sections 5 and 11; JPEG: ITU-T T.81 annex B, T.871; WebP: RFC 9649, section 2.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass

PNG = b"\x89PNG\r\n\x1a\n"
XMP_SEGMENT = b"http://ns.adobe.com/xap/1.0/\0"
EXTENDED_XMP_SEGMENT = b"http://ns.adobe.com/xmp/extension/\0"
EXIF_SEGMENT = b"Exif\0\0"

_MAX_PIECES = 100_000
"""Most chunks of a file: 50 MB in chunks of 512 bytes. Millions of empty ones would keep a thread busy for minutes."""
_MAX_SCANS = 64
"""Most passes over a JPEG: encoders make about ten, and each pass may cost a second though it is a few bytes long."""
_PNG_KEPT = frozenset({b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND", b"iCCP"})
_JPEG_KEPT = {0xE0: b"JFIF\0", 0xE2: b"ICC_PROFILE\0", 0xEE: b"Adobe"}
"""Application segments that say how to read the pixels, and what they begin with."""
_STANDALONE = frozenset({0x01, *range(0xD0, 0xD9)})


class Malformed(ValueError):
    """The file breaks the rules of its format; the text says which one."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A chunk (PNG, WebP) or a segment (JPEG)."""

    kind: bytes
    """Name of a chunk; of a segment its marker, one byte."""
    start: int
    """Where its content begins."""
    end: int


def pieces(format: str, data: bytes) -> Iterator[Piece]:
    """The pieces of a ``png``, ``jpeg`` or ``webp`` file; of a JPEG those before the pixels.

    Raises: Malformed.
    """
    walk = {"png": _png, "jpeg": _jpeg, "webp": _webp}[format]
    for number, piece in enumerate(walk(data)):
        if number == _MAX_PIECES:
            raise Malformed(f"it has more than {_MAX_PIECES} pieces")
        yield piece


def _png(data: bytes) -> Iterator[Piece]:
    place = len(PNG)
    while place < len(data):
        length = int.from_bytes(data[place : place + 4], "big")
        start, end = place + 8, place + 8 + length
        if end + 4 > len(data):
            raise Malformed("it ends in the middle of a chunk")
        piece = Piece(data[place + 4 : start], start, end)
        yield piece
        if piece.kind == b"IEND":
            return
        place = end + 4
    raise Malformed("its end is missing")


def _jpeg(data: bytes) -> Iterator[Piece]:
    place = 2
    for _ in range(_MAX_PIECES):
        marker = data[place : place + 2]
        if len(marker) < 2:
            raise Malformed("it ends before the pixels")
        if marker[0] != 0xFF:
            raise Malformed("a segment has no marker")
        place += 1 if marker[1] == 0xFF else 2  # any number of FF may stand before a marker
        if marker[1] == 0xFF or marker[1] in _STANDALONE:
            continue
        length = int.from_bytes(data[place : place + 2], "big")
        if length < 2 or place + length > len(data):
            raise Malformed("it ends in the middle of a segment")
        yield Piece(marker[1:], place + 2, place + length)
        if marker[1] == 0xDA:
            return
        place += length
    raise Malformed(f"it has more than {_MAX_PIECES} pieces")


def _webp(data: bytes) -> Iterator[Piece]:
    whole = 8 + int.from_bytes(data[4:8], "little")
    if whole > len(data):
        raise Malformed("it is shorter than it says")
    place = 12
    while place + 8 <= whole:
        length = int.from_bytes(data[place + 4 : place + 8], "little")
        start, end = place + 8, place + 8 + length
        if end > whole:
            raise Malformed("it ends in the middle of a chunk")
        yield Piece(data[place : place + 4], start, end)
        place = end + length % 2


def bare_png(data: bytes) -> bytes:
    """The same picture without what its pixels don't need. Raises: Malformed."""
    return PNG + b"".join(data[one.start - 8 : one.end + 4] for one in pieces("png", data) if one.kind in _PNG_KEPT)


def bare_jpeg(data: bytes) -> bytes:
    """The same picture without what its pixels don't need. Raises: Malformed."""
    kept = [data[:2]]
    pixels = len(data)
    for one in pieces("jpeg", data):
        pixels = one.end
        marker = one.kind[0]
        application = 0xE0 <= marker <= 0xEF or marker == 0xFE
        if not application or data.startswith(_JPEG_KEPT.get(marker, b"?"), one.start, one.end):
            kept += [b"\xff", one.kind, data[one.start - 2 : one.end]]
    # Behind an FF of the pixels stands a zero or a restart marker: FF DA is nothing else than one more scan.
    if data.count(b"\xff\xda", pixels) >= _MAX_SCANS:
        raise Malformed(f"it has more than {_MAX_SCANS} scans")
    return b"".join(kept) + data[pixels:]


def with_png_chunks(data: bytes, chunks: list[tuple[bytes, bytes]]) -> bytes:
    """Insert (name, content) chunks behind the header of a PNG."""
    header = len(PNG) + 25
    new = []
    for kind, content in chunks:
        checked = kind + content
        new.append(len(content).to_bytes(4, "big") + checked + zlib.crc32(checked).to_bytes(4, "big"))
    return data[:header] + b"".join(new) + data[header:]


def with_jpeg_segments(data: bytes, contents: list[bytes]) -> bytes:
    """Insert APP1 segments behind the JFIF header of a JPEG; each content has at most 65,533 bytes."""
    behind = next(one.end for one in pieces("jpeg", data))
    new = b"".join(b"\xff\xe1" + (len(one) + 2).to_bytes(2, "big") + one for one in contents)
    return data[:behind] + new + data[behind:]


def with_webp_chunks(data: bytes, chunks: list[tuple[bytes, bytes]], size: tuple[int, int]) -> bytes:
    """Append EXIF and XMP chunks to a WebP of that width and height, which becomes one of the extended kind."""
    found = [(one.kind, data[one.start : one.end]) for one in pieces("webp", data)]
    flags = 0
    if found[0][0] == b"VP8X":
        flags = found.pop(0)[1][0]
    elif found[0][0] == b"VP8L":
        flags = 0x10 if found[0][1][4] & 0x10 else 0  # bit 28 behind the signature: there is alpha
    flags |= sum({b"EXIF": 0x08, b"XMP ": 0x04}[kind] for kind, _ in chunks)
    width, height = size
    extended = bytes([flags, 0, 0, 0]) + (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    return _riff([(b"VP8X", extended), *found, *chunks])


def _riff(chunks: list[tuple[bytes, bytes]]) -> bytes:
    body = b"WEBP" + b"".join(
        kind + len(content).to_bytes(4, "little") + content + b"\0" * (len(content) % 2) for kind, content in chunks
    )
    return b"RIFF" + len(body).to_bytes(4, "little") + body
