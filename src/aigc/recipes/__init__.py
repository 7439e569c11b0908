"""Named runs: which network, which data, which losses. `find` imports the one that is asked for.

Knows: names and places. Does not know: what recipes do.
"""

from __future__ import annotations

import difflib
import importlib
from typing import TYPE_CHECKING, cast

from aigc.errors import EngineMissing, NotFound

if TYPE_CHECKING:
    from aigc.recipes.base import Recipe

PLACES = {
    "image/vae": "Pictures to an eighth of their side and back; everything else waits for it.",
    "image/flow": "Text to pictures, in English and Chinese; also fills in parts and makes panoramas.",
    "image/gan": "Small pictures from a caption in one pass, for instant previews.",
    "image/restorer": "Repairs noise, JPEG blocks, blur, darkness, small size and scratches.",
}
"""Name to one line about it; the module has the same name below this package, with a `RECIPE`."""


def find(name: str) -> Recipe:
    """The recipe of that name.

    Raises:
        NotFound: there is none; the nearest names are in the hint.
        EngineMissing: the extra ``train`` isn't installed.
    """
    if name not in PLACES:
        near = difflib.get_close_matches(name, PLACES, 2, 0.5) or sorted(PLACES)
        raise NotFound(f"no recipe is called {name!r}", hint=f"there are: {', '.join(near)}")
    try:
        return cast("Recipe", importlib.import_module(f"aigc.recipes.{name.replace('/', '.')}").RECIPE)
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("aigc"):
            raise
        raise EngineMissing(
            f"training needs the library {error.name}, which is not installed",
            hint="pip install 'aigc-studio[train]'",
        ) from error
