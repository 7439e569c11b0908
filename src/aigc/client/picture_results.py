"""Pictures as the Python API gives and takes them.

A picture travels as a file, as the server made it: how it was made stands inside, so that nothing is lost on the way to
the disk. Pixels are unpacked when they are first asked for.

Knows: files, Pillow's images, the fields of OpenAI's answers. Does not know: HTTP, how a file says what it says.
"""

from __future__ import annotations

import base64
import contextlib
import io
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from aigc.errors import StorageFull, UserError

if TYPE_CHECKING:
    from PIL.Image import Image

FORMATS = {".png": "png", ".jpg": "jpeg", ".jpeg": "jpeg", ".webp": "webp"}
"""Endings of names of files, to the format that they stand for; of each format the usual one first."""


@dataclass(frozen=True)
class Picture:
    """One picture."""

    file: bytes = field(repr=False)
    """A whole PNG, JPEG or WebP file."""

    @cached_property
    def image(self) -> Image:
        """The pixels, as a Pillow image."""
        from PIL.Image import open as open_image

        opened: Image = open_image(io.BytesIO(self.file))
        opened.load()
        return opened

    @cached_property
    def metadata(self) -> dict[str, Any]:
        """What the file says about its making: prompt, seed, model, steps, ...; see `aigc.pictures.metadata`."""
        from aigc.pictures.metadata import read_facts

        return dict(read_facts(self.file))

    @property
    def format(self) -> str:
        """``png``, ``jpeg`` or ``webp``."""
        from aigc.pictures.decode import sniff

        return sniff(self.file) or "unknown"

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the file as it is, whole or not at all; one that is there is replaced.

        Raises:
            UserError: the name ends like one of another format, or the folder can't be written to.
            StorageFull: no room; nothing stays.
        """
        target = Path(path)
        accepted = [ending for ending, format in FORMATS.items() if format == self.format]
        if target.suffix.lower() not in accepted:
            raise UserError(
                f"the picture is {self.format}, and {target.name!r} doesn't end like that; accepted: "
                f"{', '.join(accepted)}",
                param="path",
                hint="output_format='png', 'jpeg' or 'webp' asks for another format; `.image.save` converts",
            )
        return write_whole(target, self.file)


@dataclass(frozen=True)
class PictureAnswer:
    """The pictures of one request; the fields beside ``pictures`` are made of them."""

    pictures: tuple[Picture, ...]
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False)
    """The server's answer as it came; empty for one that reported its progress."""

    @property
    def images(self) -> list[Image]:
        """The pictures as Pillow images."""
        return [picture.image for picture in self.pictures]

    @property
    def files(self) -> tuple[bytes, ...]:
        """The pictures as files."""
        return tuple(picture.file for picture in self.pictures)

    @property
    def metadata(self) -> dict[str, Any]:
        """How the first picture was made; `Picture.metadata` says it of each one."""
        return self.pictures[0].metadata if self.pictures else {}

    def save(self, path: str | os.PathLike[str]) -> list[Path]:
        """Write the files; several get a number each before the ending: ``fox-1.png``, ``fox-2.png``.

        Raises: UserError, StorageFull: see `Picture.save`.
        """
        targets = numbered(Path(path), len(self.pictures))
        return [picture.save(target) for picture, target in zip(self.pictures, targets, strict=True)]


@dataclass(frozen=True, slots=True)
class PictureProgress:
    """How far picture ``index`` has come."""

    index: int
    step: int
    steps: int
    """How many there will be; 0 where the server doesn't say."""
    preview: Picture | None = None
    """What it looks like now, where previews were asked for."""


PictureSource: TypeAlias = "Image | Picture | bytes | str | os.PathLike[str]"
"""What a picture may be given as: Pillow's image, one of ours, a file's content, or a file's path."""

_NO_ROOM = (28, 122)  # ENOSPC, EDQUOT
_PNG_MODES = ("1", "L", "LA", "P", "RGB", "RGBA", "I;16")


def write_whole(target: Path, content: bytes) -> Path:
    """Write a file, whole or not at all. Raises: UserError, StorageFull."""
    beside = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
    try:
        beside.write_bytes(content)
        beside.replace(target)
    except OSError as error:
        with contextlib.suppress(OSError):
            beside.unlink()
        kind = StorageFull if error.errno in _NO_ROOM else UserError
        raise kind(f"{target} can't be written: {error.strerror}") from error
    return target


def numbered(path: Path, count: int) -> list[Path]:
    """Names for ``count`` files: the path itself for one, else with a number before the ending."""
    return [path] if count == 1 else [path.with_stem(f"{path.stem}-{number}") for number in range(1, count + 1)]


def file_of(source: Any, param: str) -> bytes:
    """The file of a picture that was given in one of the forms of `PictureSource`.

    Raises: UserError: a path that can't be read, or something else.
    """
    if isinstance(source, Picture):
        return source.file
    if isinstance(source, bytes | bytearray | memoryview):
        return bytes(source)
    if isinstance(source, str | os.PathLike):
        try:
            return Path(source).read_bytes()
        except (OSError, ValueError) as error:
            why = getattr(error, "strerror", None) or error
            raise UserError(f"{param}: {os.fspath(source)!r} can't be read: {why}", param=param) from error
    if hasattr(source, "convert") and hasattr(source, "mode"):
        buffer = io.BytesIO()
        (source if source.mode in _PNG_MODES else source.convert("RGB")).save(buffer, "PNG")
        return buffer.getvalue()
    raise UserError(
        f"{param} is of type {type(source).__name__}; accepted: a Pillow image, a path, or the bytes of a file",
        param=param,
    )


def mask_of(source: Any) -> bytes:
    """The file of a mask. One in shades of grey without transparency, as many programs draw them, is made one that
    OpenAI's API knows: its white becomes transparent, which there means: paint here.

    Raises: UserError: see `file_of`; InvalidPicture, TooLarge: the file is no picture.
    """
    import numpy as np

    from aigc.pictures import rasters
    from aigc.pictures.decode import decode
    from aigc.pictures.encode import encode

    file = file_of(source, "mask")
    mask = decode(file, "mask").raster
    if mask.channels != 1:
        return file
    grey = rasters.to_array(mask)
    return encode(rasters.from_array(np.concatenate([grey, grey, grey, 255 - grey], axis=2)))


def answer(body: Mapping[str, Any]) -> PictureAnswer:
    """Read the answer of any endpoint that makes pictures."""
    return PictureAnswer(tuple(picture_of(item) for item in body["data"]), body)


def picture_of(item: Mapping[str, Any]) -> Picture:
    """The picture in one entry or event of an answer."""
    return Picture(base64.b64decode(item["b64_json"], validate=True))
