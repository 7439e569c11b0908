"""What the picture endpoints accept. Field by field as in OpenAI's CreateImageRequest, CreateImageEditRequest,
EditImageBodyJsonParam and CreateImageVariationRequest, and our extensions.

Knows: fields, ranges, which of them contradict each other. Does not know: how pictures are made, file formats.
"""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from aigc.errors import UnsupportedParameter
from aigc.pictures.decode import MAX_PIXELS
from aigc.pictures.encode import Format
from aigc.server.errors import InvalidValue
from aigc.server.fields import Body, Flag, Label, ModelName, invalid, only
from aigc.server.form_body import typed
from aigc.server.images.sources import Source, Sources

MAX_PROMPT = 32_000
MAX_SEED = 2**63 - 1
_DRAWN_SEEDS = 2**32
"""Seeds that nobody gave are small: some readers of JSON know no integers above 2**53."""
_SIZE = re.compile(r"([1-9][0-9]{0,5})x([1-9][0-9]{0,5})")


def _size(value: Any) -> Any:
    if isinstance(value, str) and value != "auto":
        found = _SIZE.fullmatch(value)
        if found is None:
            invalid('"auto" or WIDTHxHEIGHT in pixels, like 512x512')
        if int(found[1]) * int(found[2]) > MAX_PIXELS:
            invalid(f"at most {MAX_PIXELS} pixels")
    return value


def _filled(value: Any) -> Any:
    if isinstance(value, str) and not value.strip():
        invalid(f"1 to {MAX_PROMPT} characters that say what to paint")
    return value


Prompt = Annotated[str, Field(strict=True, max_length=MAX_PROMPT), BeforeValidator(_filled)]
Size = Annotated[str, Field(strict=True), BeforeValidator(_size)]
Count = Annotated[int, Field(strict=True, ge=1, le=10), typed]
Percent = Annotated[int, Field(strict=True, ge=0, le=100), typed]
Previews = Annotated[int, Field(strict=True, ge=0, le=3), typed]
Switch = Annotated[Flag, typed]
Seed = Annotated[int, Field(strict=True, ge=0, le=MAX_SEED), typed]
Steps = Annotated[int, Field(strict=True, ge=1, le=1000), typed]
Guidance = Annotated[float, Field(strict=True, ge=0, le=100), typed]
Strength = Annotated[float, Field(strict=True, ge=0, le=1), typed]
Scale = Annotated[int, Field(strict=True, ge=1, le=8), typed]
Style = Annotated[str, Field(strict=True, min_length=1, max_length=64)]


@dataclass(frozen=True, slots=True)
class Output:
    """How the answer is to look."""

    task: Literal["generation", "edit", "variation", "restoration", "panorama"]
    format: Format
    quality: int
    as_url: bool
    stream: bool
    previews: int
    progress: bool
    detach: bool


class Made(Body):
    """What every request for a picture may say about its answer."""

    model: ModelName | None = None
    response_format: Literal["b64_json", "url"] | None = None
    output_format: Format | None = None
    output_compression: Percent | None = None
    stream: Switch | None = None
    partial_images: Previews | None = None
    user: Label | None = None
    progress: Switch | None = None
    """Extension: events that say how far each picture has come."""
    detach: Switch | None = None
    """Extension: answer at once with a job that can be asked later."""

    def output(self, task: Literal["generation", "edit", "variation", "restoration", "panorama"]) -> Output:
        """The checked form of the answer. Raises: UserError: fields that contradict each other."""
        format = self.output_format or "png"
        if format == "png" and self.output_compression not in (None, 100):
            raise InvalidValue(
                f"output_compression is {self.output_compression} and output_format png, which loses nothing; "
                "accepted: 100",
                param="output_compression",
                hint="set output_format to jpeg or webp",
            )
        for name in ("partial_images", "progress"):
            if getattr(self, name) and not self.stream:
                raise InvalidValue(f"{name} needs stream: true", param=name, hint="set stream, or leave it out")
        if self.detach and self.stream:
            raise InvalidValue("detach and stream exclude each other", param="detach", hint="leave one of them out")
        if self.stream and self.response_format == "url":
            raise UnsupportedParameter(
                "response_format is not supported: a stream carries the pictures themselves; accepted: 'b64_json'",
                param="response_format",
            )
        return Output(
            task=task,
            format=format,
            quality=100 if self.output_compression is None else self.output_compression,
            as_url=self.response_format == "url",
            stream=bool(self.stream),
            previews=self.partial_images or 0,
            progress=bool(self.progress),
            detach=bool(self.detach),
        )


_QUALITY = "how much work goes into a picture is said in steps"


class Painted(Made):
    """What the requests share whose pictures come from a model that paints."""

    n: Count | None = None
    size: Size | None = None
    quality: (
        Annotated[
            Literal["auto", "standard", "medium", "low", "high", "hd"],
            only("auto", "standard", "medium", reason=_QUALITY),
        ]
        | None
    ) = None
    background: Literal["auto", "opaque", "transparent"] | None = None
    moderation: Literal["auto", "low"] | None = None
    seed: Seed | None = None
    steps: Steps | None = None
    guidance: Guidance | None = None
    style: Style | None = None

    @property
    def count(self) -> int:
        """Pictures to make."""
        return self.n or 1

    def sides(self) -> tuple[int, int] | None:
        """Width and height; None: the model's own."""
        if self.size is None or self.size == "auto":
            return None
        width, _, height = self.size.partition("x")
        return int(width), int(height)

    def first_seed(self) -> int:
        """The given one, or one that is drawn. Raises: InvalidValue: the last picture would have too large a one."""
        if self.seed is None:
            return secrets.randbelow(_DRAWN_SEEDS)
        if self.seed + self.count - 1 > MAX_SEED:
            raise InvalidValue(
                f"seed is {self.seed}, and the last of {self.count} pictures would have one above {MAX_SEED}",
                param="seed",
            )
        return self.seed

    def transparent(self) -> bool:
        """Whether the ground is to be left out. Raises: InvalidValue: the format can't hold that."""
        if self.background == "transparent" and self.output_format == "jpeg":
            raise InvalidValue(
                "background is transparent and output_format jpeg, which can't hold that; accepted: png, webp",
                param="background",
            )
        return self.background == "transparent"


class GenerationRequest(Painted):
    """A picture from words."""

    prompt: Prompt


class PanoramaRequest(Painted):
    """Extension: a picture all around, 360 by 180 degrees."""

    prompt: Prompt


class FromPicture(Painted):
    """A picture from a picture."""

    strength: Strength | None = None


class EditRequest(FromPicture):
    """A picture changed by words: everywhere, or where a mask says so."""

    prompt: Prompt
    image: Sources | None = None
    images: Sources | None = None
    mask: Source | None = None
    input_fidelity: (
        Annotated[Literal["low", "high"], only("low", reason="how much of the picture stays is said in strength")]
        | None
    ) = None

    def source(self) -> tuple[str, bytes]:
        """The parameter that holds the picture, and its file. Raises: InvalidValue: none or two were given."""
        if (self.image is None) == (self.images is None):
            seen = "neither image nor images is given" if self.image is None else "image and images are both given"
            raise InvalidValue(f"{seen}; accepted: one of them", param="image")
        name, given = ("image", self.image) if self.image is not None else ("images", self.images)
        assert given is not None
        if not given:
            raise InvalidValue(f"{name} is empty; accepted: one picture", param=name)
        return name, given[0].data


class VariationRequest(FromPicture):
    """Another picture like one that is given."""

    image: Source


class RestorationRequest(Made):
    """Extension: a photograph to repair."""

    image: Source
    mask: Source | None = None
    task: Annotated[str, Field(strict=True, min_length=1, max_length=32)] | None = None
    scale: Scale | None = None
