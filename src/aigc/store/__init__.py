"""Models on disk: a catalogue, the places they come from, and what is installed.

`Store` is the only name that the rest of the package needs.
"""

from aigc.store.catalogue import Catalogue
from aigc.store.entry import Entry
from aigc.store.progress import OnProgress, Progress
from aigc.store.store import Store

__all__ = ["Catalogue", "Entry", "OnProgress", "Progress", "Store"]
