"""``aigc image`` and ``aigc panorama``: pictures from words.

Knows: options. Does not know: HTTP, files; the shared parts do.
"""

from __future__ import annotations

from typing import Annotated

import typer

from aigc.cli.ask import given, open_client, piped
from aigc.cli.pictures import (
    Count,
    Format,
    Guidance,
    Json,
    Model,
    Output,
    Quality,
    Seed,
    StepBar,
    Steps,
    Style,
    format_of,
    keep,
    size_of,
)
from aigc.i18n import t

Prompt = Annotated[str | None, typer.Argument(help="What is to be seen; without it: what is piped in.")]


def image(
    prompt: Prompt = None,
    output: Output = None,
    n: Count = 1,
    size: Annotated[str | None, typer.Option("--size", "-s", help="Width and height, like 512x512.")] = None,
    seed: Seed = None,
    steps: Steps = None,
    guidance: Guidance = None,
    style: Style = None,
    transparent: Annotated[bool, typer.Option("--transparent", help="No background: for stickers.")] = False,
    model: Model = "default",
    format: Format = None,
    quality: Quality = None,
    json: Json = False,
) -> None:
    """The prompt may be English or Chinese. The file's name is printed, and on standard error how the picture was made:
    the seed that makes it again, the words that the model knows and those it doesn't. Without -o the file is named
    after the prompt and the seed. Ctrl-C stops the work and writes nothing.

    Examples:
        aigc image "a beautiful landscape" -o out.png
        aigc image "a red fox in a snowy forest at night" --n 4 --seed 7 --steps 12
        aigc image "雪山下的湖，日落"
        aigc image "sticker of a happy robot" --transparent
    """
    words = _words(prompt)
    options = given(
        seed=seed,
        steps=steps,
        guidance=guidance,
        style=style,
        output_format=format_of(format, output),
        output_compression=quality,
    )
    width, height = size_of(size)
    with open_client() as client, StepBar(n) as bar:
        answer = client.generate(
            words,
            model=model,
            batch_size=n,
            transparent=transparent,
            on_progress=bar,
            width=width,
            height=height,
            **options,
        )
    keep(answer, output, words, bar, json=json)


def panorama(
    prompt: Prompt = None,
    output: Output = None,
    n: Count = 1,
    size: Annotated[str | None, typer.Option("--size", "-s", help="Twice as wide as high, like 2048x1024.")] = None,
    seed: Seed = None,
    style: Style = None,
    model: Model = "default",
    format: Format = None,
    quality: Quality = None,
    json: Json = False,
) -> None:
    """The picture shows all that is around, 360 degrees from left to right and 180 from top to bottom; its left and
    right edges touch without a seam. Viewers for panoramas and game engines read it as it is.

    Examples:
        aigc panorama "a lake under mountains at dawn" --size 2048x1024
        aigc panorama "冬天的森林，夜晚" -o forest.png --seed 3
    """
    words = _words(prompt)
    options = given(seed=seed, style=style, output_format=format_of(format, output), output_compression=quality)
    width, height = size_of(size)
    with open_client() as client, StepBar(n) as bar:
        answer = client.panorama(
            words, model=model, batch_size=n, on_progress=bar, width=width, height=height, **options
        )
    keep(answer, output, words, bar, json=json)


def _words(prompt: str | None) -> str:
    words = prompt if prompt is not None else piped().strip()
    if not words:
        raise typer.BadParameter(t("there are no words to make a picture of: give some, or pipe them in"))
    return words
