"""What can be asked of pictures: ``generate``, ``edit``, ``vary``, ``restore``, ``panorama``, each as a request.

The functions here are the signatures and the documentation of those of `aigc`, `aigc.Client` and `aigc.AsyncClient`,
which send what they make and return a `PictureAnswer`. Other parameters of the API go in by name, e.g.
``output_format="webp"``, ``output_compression=80``, ``partial_images=2``; the server refuses what it doesn't know.

Knows: fields of OpenAI's image endpoints and of our extensions. Does not know: how it is sent, what a model can do.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from aigc.client.picture_events import OnProgress
from aigc.client.picture_results import PictureSource, file_of, mask_of
from aigc.errors import UserError


@dataclass(frozen=True, slots=True)
class PictureRequest:
    """One request for pictures."""

    path: str
    """Below the base URL."""
    fields: dict[str, Any]
    files: dict[str, bytes] = field(default_factory=dict)
    """Field to content; with any, the request is a form of several parts, else JSON."""
    count: int = 1
    """Pictures that the answer holds."""
    on_progress: OnProgress | None = None
    """Hears about every step; without it, the answer comes in one piece."""

    @property
    def body(self) -> dict[str, Any]:
        """What is sent beside the files."""
        return {**self.fields, "stream": True, "progress": True} if self.on_progress is not None else self.fields


def generate(
    prompt: str,
    *,
    model: str = "default",
    width: int | None = None,
    height: int | None = None,
    batch_size: int = 1,
    seed: int | None = None,
    steps: int | None = None,
    guidance: float | None = None,
    style: str | None = None,
    transparent: bool = False,
    on_progress: OnProgress | None = None,
    **params: Any,
) -> PictureRequest:
    """Make pictures from words.

    Args:
        prompt: what is to be seen, in English or Chinese.
        model: id or alias of a model.
        width: in pixels; None: the model's own size. Give both or neither.
        height: in pixels.
        batch_size: how many pictures, 1 to 10.
        seed: the same number gives the same picture again; the next pictures have the numbers that follow.
        steps: of the drawing; more take longer. None: the model's own number.
        guidance: how strictly the prompt is followed. None: the model's own number.
        style: a style that the model was trained in.
        transparent: without a background, for stickers; the format must be png or webp.
        on_progress: called with a `PictureProgress` after every step; what it raises ends the request and the work.
        **params: anything else that the API knows, e.g. ``output_format="webp"``.

    Raises:
        AigcError: the class says what happened, see `aigc.errors`.
    """
    size = {"n": batch_size, "size": _size(width, height)}
    drawing = {"seed": seed, "steps": steps, "guidance": guidance, "style": style}
    background = {"background": "transparent" if transparent else None}
    fields = _fields({"prompt": prompt, "model": model}, size, drawing, background, params)
    return PictureRequest("images/generations", fields, count=batch_size, on_progress=on_progress)


def panorama(
    prompt: str,
    width: int | None = None,
    height: int | None = None,
    *,
    model: str = "default",
    batch_size: int = 1,
    seed: int | None = None,
    style: str | None = None,
    on_progress: OnProgress | None = None,
    **params: Any,
) -> PictureRequest:
    """Make a picture of all that is around, 360 by 180 degrees, whose left and right edges touch.

    Args:
        prompt: what is to be seen, in English or Chinese.
        width: in pixels, twice the height; None: the model's own size. Give both or neither.
        height: in pixels.
        model: id or alias of a model that makes panoramas.
        batch_size: how many, 1 to 10.
        seed: the same number gives the same picture again.
        style: a style that the model knows.
        on_progress: called with a `PictureProgress` after every step; what it raises ends the request and the work.
        **params: anything else that the API knows.

    Raises:
        AigcError: the class says what happened, see `aigc.errors`.
    """
    size = {"n": batch_size, "size": _size(width, height)}
    fields = _fields({"prompt": prompt, "model": model}, size, {"seed": seed, "style": style}, params)
    return PictureRequest("images/panoramas", fields, count=batch_size, on_progress=on_progress)


def edit(
    image: PictureSource,
    prompt: str = "",
    *,
    mask: PictureSource | None = None,
    model: str = "default",
    batch_size: int = 1,
    seed: int | None = None,
    steps: int | None = None,
    guidance: float | None = None,
    strength: float | None = None,
    style: str | None = None,
    on_progress: OnProgress | None = None,
    **params: Any,
) -> PictureRequest:
    """Change a picture by words or by a style; with a mask, only where the mask says.

    Args:
        image: what to begin with: a Pillow image, a path, the bytes of a file, or a picture of another answer.
        prompt: what is to be seen then; may be left out where a style is given.
        mask: of the same size; what is transparent there is painted anew, every other pixel stays as it is. Of one in
            shades of grey it is the white.
        model: id or alias of a model that edits.
        batch_size: how many pictures, 1 to 10.
        seed: the same number gives the same picture again.
        steps: of the drawing; more take longer.
        guidance: how strictly the prompt is followed.
        strength: how far the picture may change: 0 not at all, 1 altogether.
        style: a style that the model was trained in, to turn the picture into.
        on_progress: called with a `PictureProgress` after every step; what it raises ends the request and the work.
        **params: anything else that the API knows.

    Raises:
        AigcError: the class says what happened, see `aigc.errors`.
    """
    drawing = {"seed": seed, "steps": steps, "guidance": guidance, "strength": strength, "style": style}
    fields = _fields({"prompt": prompt or None, "model": model, "n": batch_size}, drawing, params)
    # An edit says in words what is to be seen; the same picture in another style is a variation of it.
    path = "images/edits" if prompt or mask is not None or style is None else "images/variations"
    return PictureRequest(path, fields, _files(image, mask), batch_size, on_progress)


def vary(
    image: PictureSource,
    n: int = 1,
    *,
    model: str = "default",
    seed: int | None = None,
    strength: float | None = None,
    on_progress: OnProgress | None = None,
    **params: Any,
) -> PictureRequest:
    """Make pictures that are like another one, without words.

    Args:
        image: what to begin with: a Pillow image, a path, the bytes of a file, or a picture of another answer.
        n: how many pictures, 1 to 10.
        model: id or alias of a model that edits.
        seed: the same number gives the same picture again.
        strength: how far they may differ from it: 0 not at all, 1 altogether.
        on_progress: called with a `PictureProgress` after every step; what it raises ends the request and the work.
        **params: anything else that the API knows.

    Raises:
        AigcError: the class says what happened, see `aigc.errors`.
    """
    fields = _fields({"model": model, "n": n}, {"seed": seed, "strength": strength}, params)
    return PictureRequest("images/variations", fields, _files(image, None), n, on_progress)


def restore(
    image: PictureSource,
    task: str = "auto",
    *,
    mask: PictureSource | None = None,
    scale: int | None = None,
    model: str = "default",
    on_progress: OnProgress | None = None,
    **params: Any,
) -> PictureRequest:
    """Mend a photograph.

    Args:
        image: the photograph: a Pillow image, a path, the bytes of a file, or a picture of another answer.
        task: what is wrong with it; ``auto`` lets the model judge.
        mask: of the same size; what is transparent there, or white in a grey one, is lost and painted anew.
        scale: how many times as wide and high it is to be, for enlarging.
        model: id or alias of a model that mends.
        on_progress: called with a `PictureProgress` on the way; what it raises ends the request and the work.
        **params: anything else that the API knows.

    Raises:
        AigcError: the class says what happened, see `aigc.errors`.
    """
    fields = _fields({"task": task, "model": model}, {"scale": scale}, params)
    return PictureRequest("images/restorations", fields, _files(image, mask), 1, on_progress)


def as_method(build: Callable[..., Any], call: Callable[..., Any]) -> None:
    """Give ``call``, which takes a client and then what ``build`` takes, the words and the signature of ``build``."""
    signature = inspect.signature(build)
    client = inspect.Parameter("self", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    call.__name__, call.__doc__ = build.__name__, build.__doc__
    vars(call)["__signature__"] = inspect.Signature([client, *signature.parameters.values()])


def _size(width: int | None, height: int | None) -> str | None:
    """``512x384``; None: the model's own size."""
    if width is None and height is None:
        return None
    if width is None or height is None:
        raise UserError(
            f"width is {width} and height is {height}; accepted: both, or neither for the model's own size",
            param="width" if width is None else "height",
        )
    return f"{width}x{height}"


def _fields(*parts: Mapping[str, Any]) -> dict[str, Any]:
    """What is given of the parts; the later ones win."""
    # Addresses of pictures, which the oldest clients expect, would have to be fetched one by one.
    fields: dict[str, Any] = {"response_format": "b64_json"}
    for part in parts:
        fields |= {name: value for name, value in part.items() if value is not None}
    return fields


def _files(image: PictureSource, mask: PictureSource | None) -> dict[str, bytes]:
    files = {"image": file_of(image, "image")}
    return files if mask is None else {**files, "mask": mask_of(mask)}
