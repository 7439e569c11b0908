"""The JSON of answers with pictures, whole and as events.

``usage`` counts what these models really work on: characters of the prompt, and patches of 16x16 pixels.

Knows: OpenAI's ImagesResponse and stream events. Does not know: where files come from.
"""

from __future__ import annotations

import base64
import time
from collections.abc import Sequence
from math import ceil

import msgspec

from aigc.server.images.making import Made, Preview, Progress
from aigc.server.images.protocol import Output
from aigc.types import JSON, ImageRequest, PictureRequest, Raster

_PATCH = 16
_EVENTS = {
    "generation": "image_generation",
    "edit": "image_edit",
    "variation": "image_variation",
    "restoration": "image_restoration",
    "panorama": "image_panorama",
}


class PictureForm:
    """The JSON of one request's answer.

    Args:
        request: what was asked.
        output: how the answer is to look.
    """

    def __init__(self, request: PictureRequest, output: Output) -> None:
        self._request = request
        self._output = output
        self._prefix = _EVENTS[output.task]
        self.created = int(time.time())

    def whole(self, made: Sequence[Made], urls: Sequence[str] | None) -> bytes:
        """The body of an answer; with ``urls`` instead of the pictures."""
        data = []
        for number, one in enumerate(made):
            content = {"url": urls[number]} if urls is not None else {"b64_json": _text(one.data)}
            data.append({**content, "seed": one.seed, "facts": one.facts})
        shape = self._shape(made[0].size, transparent=any(one.transparent for one in made))
        return msgspec.json.encode({"created": self.created, "data": data, **shape, "usage": self._usage(made)})

    def event(self, told: Progress | Preview | Made) -> bytes:
        """The bytes of a stream's event."""
        content: JSON
        if isinstance(told, Progress):
            kind, content = "progress", {"step": told.step, "steps": told.steps}
        elif isinstance(told, Preview):
            kind = "partial_image"
            content = {"b64_json": _text(told.data), "partial_image_index": told.number} | self._shape(told.size)
        else:
            kind = "completed"
            content = {"b64_json": _text(told.data), "seed": told.seed, "facts": told.facts}
            content |= self._shape(told.size, transparent=told.transparent) | {"usage": self._usage([told])}
        name = f"{self._prefix}.{kind}"
        body = {"type": name, "created_at": int(time.time()), "index": told.index, **content}
        return b"event: " + name.encode() + b"\ndata: " + msgspec.json.encode(body) + b"\n\n"

    def _shape(self, size: str, *, transparent: bool = False) -> JSON:
        return {
            "background": "transparent" if transparent else "opaque",
            "output_format": self._output.format,
            "size": size,
            "quality": "medium",
        }

    def _usage(self, made: Sequence[Made]) -> JSON:
        request = self._request
        text = len(request.prompt) if isinstance(request, ImageRequest) else 0
        given = 0 if request.image is None else _patches(request.image)
        output = sum(_patches_of(one.size) for one in made)
        return {
            "input_tokens": text + given,
            "input_tokens_details": {"text_tokens": text, "image_tokens": given},
            "output_tokens": output,
            "output_tokens_details": {"text_tokens": 0, "image_tokens": output},
            "total_tokens": text + given + output,
        }


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _patches(picture: Raster) -> int:
    return ceil(picture.width / _PATCH) * ceil(picture.height / _PATCH)


def _patches_of(size: str) -> int:
    width, _, height = size.partition("x")
    return ceil(int(width) / _PATCH) * ceil(int(height) / _PATCH)
