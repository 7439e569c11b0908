"""From the bytes of a stranger's file to pixels: upright, 8 bits, sRGB.

What is hostile is refused before a library sees it: too many bytes or pixels, files whose parts would keep a thread
busy or fill the memory. What the libraries refuse becomes an error that names the parameter.

Knows: which formats are read, what the limits are. Does not know: HTTP, where the bytes come from.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aigc.errors import InvalidPicture, TooLarge
from aigc.pictures import colours, containers, rasters, tags
from aigc.pictures.containers import Malformed
from aigc.types import Raster

if TYPE_CHECKING:
    from PIL import Image

MAX_BYTES = 50 * 10**6
"""Longest file. As in OpenAI's API."""
MAX_PIXELS = 2**25
"""Largest picture: 8K (7680x4320). Every copy of it takes up to 128 MiB."""
FORMATS = ("png", "jpeg", "webp", "gif", "bmp", "tiff")
ACCEPTED = "PNG, JPEG, WebP, GIF, BMP and TIFF"

_MAX_BLOCKS = 400_000
_MAX_PARTS = 10_000
_MAX_EXTENSION_BLOCKS = 4096
"""Of a GIF: its blocks have at most 255 bytes, and those of a comment are joined one by one."""
_MAX_RUN_PIXELS = 2**20
"""Largest BMP with run lengths, which are decoded a byte at a time."""
_FIRST_FRAME = "it has several frames; the first one is used"


@dataclass(frozen=True, slots=True)
class Picture:
    """What a file holds."""

    raster: Raster
    format: str
    """One of `FORMATS`."""
    notes: tuple[str, ...] = ()
    """What the reader should know: sentences about the file that begin with "it" or "its"."""


def sniff(data: bytes) -> str | None:
    """The format that the first bytes stand for, one of `FORMATS`."""
    if data.startswith(containers.PNG):
        return "png"
    if data.startswith(b"\xff\xd8\xff"):
        return "jpeg"
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return "webp"
    if data.startswith((b"GIF87a", b"GIF89a")):
        return "gif"
    if data.startswith((b"II*\0", b"MM\0*")):
        return "tiff"
    return "bmp" if data.startswith(b"BM") else None


def decode(data: bytes, param: str, *, max_bytes: int = MAX_BYTES, max_pixels: int = MAX_PIXELS) -> Picture:
    """The picture in a file. Of an animation, or of several pages, the first one.

    Takes up to 0.1 s a megapixel, and holds the interpreter for a part of it.

    Args:
        data: the whole file.
        param: what the client calls it; stands in the errors.
        max_bytes: longest file.
        max_pixels: largest picture, width times height.
    Raises:
        TooLarge: over a limit; holds both numbers.
        InvalidPicture: no picture, one of an unknown kind, a damaged or a hostile one.
    """
    if len(data) > max_bytes:
        raise TooLarge(f"{param} has {len(data)} bytes; accepted: {max_bytes}", param=param)
    if (format := sniff(data)) is None:
        seen = "is empty" if not data else "is no picture of a known kind"
        raise InvalidPicture(f"{param} {seen}; accepted: {ACCEPTED}", param=param, hint="save it as PNG or JPEG")
    try:
        return _decode(data, format, param, max_pixels)
    except (TooLarge, InvalidPicture):
        raise
    except Malformed as error:
        raise _refused(param, format, str(error)) from error
    except Exception as error:  # of hostile files the libraries raise nearly everything; all of it means the same
        raise _refused(param, format, _words(error)) from error


def _refused(param: str, format: str, reason: str) -> InvalidPicture:
    name = {"webp": "WebP"}.get(format, format.upper())
    hint = "open it in a picture program and save it anew"
    return InvalidPicture(f"{param} can't be read as {name}: {reason}", param=param, hint=hint)


def _words(error: Exception) -> str:
    if isinstance(error, OSError) and "truncated" in str(error).lower():
        return "it ends too early"
    return "it is damaged" if not isinstance(error, MemoryError) else "it needs more memory than there is"


def _decode(data: bytes, format: str, param: str, max_pixels: int) -> Picture:
    from PIL import Image

    clean, turn, animated = _prepared(data, format, param, max_pixels)
    try:
        opened = Image.open(io.BytesIO(clean), formats=[format.upper()])
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise _too_many(param, "far too many", max_pixels) from error
    with opened as image:
        _check_size(image.size, param, max_pixels)
        animated = animated or (format in ("gif", "webp", "tiff") and bool(getattr(image, "is_animated", False)))
        image.load()
        settled, notes = colours.settle(image)
    upright = _turned(settled, turn)
    if animated:
        notes.append(_FIRST_FRAME)
    return Picture(rasters.from_image(upright), format, tuple(notes))


def _prepared(data: bytes, format: str, param: str, max_pixels: int) -> tuple[bytes, int, bool]:
    """What the library is given, how to turn the picture, and whether there are further frames."""
    if format == "gif":
        _check_gif(data)
    elif format == "bmp":
        width, height = (abs(int.from_bytes(data[at : at + 4], "little", signed=True)) for at in (18, 22))
        if _integer(data[14:18]) >= 40 and _integer(data[30:34]) in (1, 2):
            _check_size((width, height), param, _MAX_RUN_PIXELS)
    elif format == "tiff":
        tags.check(data, max_pixels)  # Pillow turns these by itself
    if format not in ("png", "jpeg", "webp"):
        return data, 1, False
    animated = False
    turn = 1
    for piece in containers.pieces(format, data):
        content = data[piece.start : piece.end]
        if piece.kind in (b"IHDR", b"VP8X") and len(content) >= 10:
            _check_size(_announced(piece.kind, content), param, max_pixels)
        elif piece.kind == b"acTL":
            animated = True
        elif piece.kind in (b"eXIf", b"EXIF", b"\xe1"):
            turn = _orientation(content, turn)
    if format == "png":
        return containers.bare_png(data), turn, animated
    return (containers.bare_jpeg(data) if format == "jpeg" else data), turn, animated


def _announced(kind: bytes, content: bytes) -> tuple[int, int]:
    if kind == b"IHDR":
        return int.from_bytes(content[:4], "big"), int.from_bytes(content[4:8], "big")
    return _integer(content[4:7]) + 1, _integer(content[7:10]) + 1


def _integer(raw: bytes) -> int:
    return int.from_bytes(raw, "little")


def _orientation(content: bytes, before: int) -> int:
    """Damaged camera data don't make a picture useless: it is shown as it lies, as every viewer does."""
    if content.startswith(containers.EXIF_SEGMENT):
        content = content[len(containers.EXIF_SEGMENT) :]
    elif content.startswith(b"http://"):
        return before
    try:
        return tags.orientation(content)
    except Malformed:
        return before


def _turned(image: Image.Image, turn: int) -> Image.Image:
    from PIL import Image

    way = Image.Transpose
    ways = {2: way.FLIP_LEFT_RIGHT, 3: way.ROTATE_180, 4: way.FLIP_TOP_BOTTOM, 5: way.TRANSPOSE}
    ways |= {6: way.ROTATE_270, 7: way.TRANSVERSE, 8: way.ROTATE_90}
    return image if turn == 1 else image.transpose(ways[turn])


def _check_size(size: tuple[int, int], param: str, max_pixels: int) -> None:
    if size[0] * size[1] > max_pixels:
        raise _too_many(param, f"{size[0]}x{size[1]} =", max_pixels, size[0] * size[1])


def _too_many(param: str, seen: str, max_pixels: int, pixels: int | None = None) -> TooLarge:
    number = f"{seen} {pixels} pixels" if pixels else f"{seen} pixels"
    return TooLarge(f"{param} has {number}; accepted: {max_pixels}", param=param, hint="make it smaller first")


def _check_gif(data: bytes) -> None:
    """Walk the blocks of the first two frames: Pillow does so as well, much slower. Raises: Malformed."""
    place = 13 + _table(data[10:11])
    frames = 0
    for _ in range(_MAX_PARTS):
        if place >= len(data) or frames == 2:
            return
        kind = data[place]
        if kind == 0x2C:
            frames += 1
            place = _skip(data, place + 10 + _table(data[place + 9 : place + 10]) + 1, _MAX_BLOCKS)
        elif kind == 0x21:
            place = _skip(data, place + 2, _MAX_EXTENSION_BLOCKS)
        elif kind == 0x3B:
            return
        else:
            raise Malformed("a block is of an unknown kind")
    raise Malformed(f"it has more than {_MAX_PARTS} parts")


def _table(flags: bytes) -> int:
    """Bytes of the colour table that these flags announce."""
    return 3 * 2 ** ((flags[0] & 7) + 1) if flags and flags[0] & 0x80 else 0


def _skip(data: bytes, place: int, most: int) -> int:
    for _ in range(most):
        size = data[place] if place < len(data) else 0
        place += size + 1
        if not size:
            return place
    raise Malformed(f"it is cut into more than {most} blocks")
