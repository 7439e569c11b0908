"""``aigc edit``: a picture changed by words, by a mask, by a style.

Knows: options. Does not know: HTTP, files; the shared parts do.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from aigc.cli.ask import given, open_client
from aigc.cli.pictures import (
    Count,
    Format,
    Guidance,
    Json,
    Mask,
    Model,
    Output,
    Quality,
    Seed,
    StepBar,
    Steps,
    Style,
    format_of,
    keep,
)


def edit(
    photo: Annotated[Path, typer.Argument(help="The picture to begin with.")],
    prompt: Annotated[str, typer.Argument(help="What is to be seen then; not needed with --style.")] = "",
    mask: Mask = None,
    strength: Annotated[
        float | None, typer.Option("--strength", help="How far it may change: 0 not at all, 1 altogether.")
    ] = None,
    style: Style = None,
    output: Output = None,
    n: Count = 1,
    seed: Seed = None,
    steps: Steps = None,
    guidance: Guidance = None,
    model: Model = "default",
    format: Format = None,
    quality: Quality = None,
    json: Json = False,
) -> None:
    """With a mask, only what the mask shows is painted anew, and every other pixel stays as it was. Without one, the
    whole picture changes, as far as --strength says. Without -o the file gets a new name beside the old one's.

    Examples:
        aigc edit photo.png "a castle" --mask mask.png
        aigc edit photo.png "at sunset" --strength 0.5
        aigc edit photo.png --style watercolour
    """
    options = given(
        mask=mask,
        strength=strength,
        style=style,
        seed=seed,
        steps=steps,
        guidance=guidance,
        output_format=format_of(format, output),
        output_compression=quality,
    )
    with open_client() as client, StepBar(n) as bar:
        answer = client.edit(photo, prompt, model=model, batch_size=n, on_progress=bar, **options)
    keep(answer, output, f"{photo.stem}-edited", bar, json=json)
