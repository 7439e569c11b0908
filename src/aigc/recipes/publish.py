"""From the folder of a run to what serving it needs, whichever recipe it was.

Knows: which recipes can be published. Does not know: how.
"""

from __future__ import annotations

from pathlib import Path

from aigc.errors import UserError
from aigc.recipes.base import read_run
from aigc.recipes.image.export import Published

__all__ = ["Published", "publish"]


def publish(run: Path, enlarger: Path | None = None) -> Published:
    """Export the newest checkpoint of a run.

    Args:
        run: its folder.
        enlarger: folder of a run of ``image/restorer`` that doubles the sides of the pictures of a flow or a GAN.

    Raises:
        UserError: no run, no checkpoint, or a recipe whose result is not served.
        EngineError: OpenVINO computes something else than torch.
        EngineMissing: a package for exporting isn't installed.
    """
    recipe = read_run(run).get("recipe")
    if recipe == "image/flow":
        from aigc.recipes.image.publish_flow import publish_flow

        return publish_flow(run, enlarger)
    if recipe == "image/gan":
        from aigc.recipes.image.publish_gan import publish_gan

        return publish_gan(run, enlarger)
    if enlarger is not None:
        raise UserError(f"{run} makes no pictures that could be enlarged", param="enlarger", hint="leave it out")
    if recipe == "image/restorer":
        from aigc.recipes.image.publish_restorer import publish_restorer

        return publish_restorer(run)
    found = f"a run of {recipe}" if recipe else "no run"
    raise UserError(
        f"{run} is {found}; accepted: runs of image/flow, image/gan and image/restorer",
        hint="a flow takes its auto-encoder along" if recipe == "image/vae" else None,
    )
