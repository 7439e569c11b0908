"""``aigc restore``: a photograph mended.

Knows: options. Does not know: HTTP, files, how likeness is measured.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from aigc.cli.ask import given, open_client
from aigc.cli.output import note
from aigc.cli.pictures import Format, Json, Mask, Model, Output, Quality, StepBar, format_of, keep
from aigc.i18n import t


def restore(
    photo: Annotated[Path, typer.Argument(help="The photograph.")],
    task: Annotated[
        str, typer.Option("--task", "-t", help="auto, denoise, jpeg, deblur, lowlight, upscale or scratches.")
    ] = "auto",
    output: Output = None,
    scale: Annotated[int | None, typer.Option("--scale", help="Times as wide and high, for upscale.")] = None,
    mask: Mask = None,
    reference: Annotated[
        Path | None, typer.Option("--reference", help="The photograph as it should be: prints how near both come.")
    ] = None,
    model: Model = "default",
    format: Format = None,
    quality: Quality = None,
    json: Json = False,
) -> None:
    """With `auto` the model judges what is wrong. With a reference, the likeness to it is printed for the photograph
    as it was and as it is now, as PSNR in decibels: the higher, the nearer.

    Examples:
        aigc restore old.jpg -o new.png
        aigc restore noisy.png --task denoise --reference clean.png
        aigc restore small.jpg --task upscale --scale 2
    """
    options = given(scale=scale, mask=mask, output_format=format_of(format, output), output_compression=quality)
    with open_client() as client, StepBar() as bar:
        answer = client.restore(photo, task, model=model, on_progress=bar, **options)
    paths = keep(answer, output, f"{photo.stem}-restored", bar, json=json)
    if reference is not None:
        before, after = (_likeness(path, reference) for path in (photo, paths[0]))
        note(
            t("likeness to {name}: {before} dB before, {after} dB now", name=reference.name, before=before, after=after)
        )


def _likeness(path: Path, reference: Path) -> str:
    """PSNR in decibels; one of another size is brought to the reference's by bicubic interpolation."""
    import numpy as np
    from PIL.Image import Resampling

    from aigc.client.picture_results import file_of
    from aigc.pictures import rasters
    from aigc.pictures.decode import decode

    seen, wanted = (rasters.to_rgb(decode(file_of(one, str(one)), str(one)).raster) for one in (path, reference))
    image = rasters.to_image(seen)
    if image.size != (wanted.width, wanted.height):
        image = image.resize((wanted.width, wanted.height), Resampling.BICUBIC)
    error = np.mean((np.asarray(image, np.float64) - rasters.to_array(wanted)) ** 2)
    return f"{10 * np.log10(255**2 / error):.2f}" if error else "∞"
