"""The directory of tags that TIFF files and EXIF data begin with, read by hand.

Pillow reads all of it into memory, whatever it says: a directory of 65,535 entries, each of which points to the same
30 MB, takes terabytes. Here the sizes are added up first.

Knows: entries and their sizes. Does not know: what most tags mean.
Source: TIFF 6.0, section 2; EXIF 3.0, section 4.6.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from aigc.pictures.containers import Malformed

ORIENTATION, SOFTWARE = 0x0112, 0x0131
_DESCRIPTION = 0x010E
_TILE_WIDTH, _TILE_HEIGHT = 0x0142, 0x0143
_MAX_ENTRIES = 1000
_MAX_VALUES = 2**17
"""Most numbers of one tag: a strip for each row has as many. Bytes and text are not counted."""
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}


@dataclass(frozen=True, slots=True)
class _Entry:
    tag: int
    kind: int
    count: int
    place: int
    """Where its first value stands."""
    order: str
    """``<`` or ``>``, as in `struct`."""


def _entries(data: bytes) -> Iterator[_Entry]:
    if data[:4] not in (b"II*\0", b"MM\0*"):
        raise Malformed("its directory of tags can't be read")
    order = "<" if data[:1] == b"I" else ">"
    try:
        (place,) = struct.unpack_from(order + "I", data, 4)
        (number,) = struct.unpack_from(order + "H", data, place)
        if number > _MAX_ENTRIES:
            raise Malformed(f"it has {number} tags; at most {_MAX_ENTRIES} are read")
        for entry in range(place + 2, place + 2 + 12 * number, 12):
            tag, kind, count = struct.unpack_from(order + "HHI", data, entry)
            inside = _SIZES.get(kind, 1) * count <= 4
            (pointed,) = struct.unpack_from(order + "I", data, entry + 8)
            yield _Entry(tag, kind, count, entry + 8 if inside else pointed, order)
    except struct.error as error:
        raise Malformed("it ends in the middle of its tags") from error


def check(data: bytes, max_pixels: int) -> None:
    """Refuse a TIFF whose tags would fill the memory. Raises: Malformed."""
    total = 0
    tile = {_TILE_WIDTH: 1, _TILE_HEIGHT: 1}
    for entry in _entries(data):
        total += _SIZES.get(entry.kind, 1) * entry.count
        if total > len(data) or (entry.kind not in (1, 2, 6, 7) and entry.count > _MAX_VALUES):
            raise Malformed(f"the tag {entry.tag} has {entry.count} values, more than such a file can have")
        if entry.tag in tile:
            tile[entry.tag] = _number(data, entry) or 0
    if tile[_TILE_WIDTH] * tile[_TILE_HEIGHT] > max_pixels:
        raise Malformed(f"its tiles are larger than {max_pixels} pixels")


def orientation(data: bytes) -> int:
    """How to turn the picture, 1 (not at all) to 8. Raises: Malformed."""
    for entry in _entries(data):
        if entry.tag == ORIENTATION:
            number = _number(data, entry)
            return number if number is not None and 1 <= number <= 8 else 1
    return 1


def texts(data: bytes) -> dict[int, str]:
    """The texts of the tags for description and software. Raises: Malformed."""
    found = {}
    for entry in _entries(data):
        if entry.tag in (_DESCRIPTION, SOFTWARE) and entry.kind == 2:
            raw = data[entry.place : entry.place + entry.count].split(b"\0")[0]
            found[entry.tag] = raw.decode("utf-8", "replace")
    return found


def _number(data: bytes, entry: _Entry) -> int | None:
    form = {1: "B", 3: "H", 4: "I"}.get(entry.kind)
    if form is None or entry.count < 1 or entry.place + struct.calcsize(form) > len(data):
        return None
    (number,) = struct.unpack_from(entry.order + form, data, entry.place)
    return int(number)


def write(description: str, software: str) -> bytes:
    """EXIF data with two texts, in ASCII, without the mark that JPEG puts before it."""
    values = [(_DESCRIPTION, description.encode("ascii") + b"\0"), (SOFTWARE, software.encode("ascii") + b"\0")]
    body, entries = b"", b""
    place = 8 + 2 + 12 * len(values) + 4
    for tag, text in values:
        assert len(text) > 4, "short texts stand inside of their entry"
        entries += struct.pack("<HHII", tag, 2, len(text), place + len(body))
        body += text
    return b"II*\0" + struct.pack("<IH", 8, len(values)) + entries + struct.pack("<I", 0) + body
