"""Where things lie under ``<home>/models``, and the locks that keep two processes apart.

::

    models/<id>/                  an installed model: manifest.json, LICENSE, weights, prepared folders
    models/.incoming/<id>/        unfinished downloads (in its folder "work"); kept so that the next pull goes on
    models/.incoming/<id>/model/  the model while it is built; renamed to models/<id> in one step at the end
    models/.locks/<id>.lock       held by the process that pulls, removes or unpacks that model
    models/.trash/...             models on their way out

Knows: paths, renames, locks. Does not know: what a model is made of.
"""

from __future__ import annotations

import logging
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from aigc.errors import UserError
from aigc.store.entry import check_id
from aigc.store.progress import OnProgress, Progress
from aigc.store.sources.base import storage_errors

_LOCK_SECONDS = 0.25
_log = logging.getLogger(__name__)


class Layout:
    """The folders of one store. Creating it touches nothing."""

    def __init__(self, models: Path) -> None:
        self.models = models
        self._trash = models / ".trash"

    def model(self, model_id: str) -> Path:
        """Where an installed model lies. Raises: UserError for a name that can't be an id."""
        return self.models / check_id(model_id)

    def incoming(self, model_id: str) -> Path:
        """Where a model is built."""
        return self.models / ".incoming" / check_id(model_id)

    def ids(self) -> list[str]:
        """Names of the folders that may be models, sorted; anything else in there is not ours and is left alone."""
        try:
            folders = [path.name for path in self.models.iterdir() if path.is_dir() and not path.is_symlink()]
        except FileNotFoundError:
            return []
        return sorted(name for name in folders if _is_id(name))

    @contextmanager
    def locked(self, model_id: str, on_progress: OnProgress) -> Iterator[None]:
        """Work on a model alone; waits, with progress, for any other process or thread that does.

        The lock is the kernel's: it falls when its holder ends, however it ends.
        """
        import filelock

        with storage_errors("the store can't be written"):
            folder = self.models / ".locks"
            folder.mkdir(parents=True, exist_ok=True)
            lock = filelock.FileLock(folder / f"{check_id(model_id)}.lock")
            while True:
                try:
                    lock.acquire(timeout=_LOCK_SECONDS)
                    break
                except filelock.Timeout:
                    on_progress(Progress("waiting", model_id, 0, 0))
        try:
            yield
        finally:
            lock.release()

    def install(self, model_id: str) -> Path:
        """Rename the finished model into its place, in one step."""
        final = self.model(model_id)
        incoming = self.incoming(model_id)
        with storage_errors(f"{model_id} can't be put into its place"):
            if final.exists():  # damaged: pull found no readable manifest in it
                self.discard(final)
            (incoming / "model").rename(final)
            shutil.rmtree(incoming, ignore_errors=True)
        return final

    def discard(self, folder: Path) -> None:
        """Take a folder away in one step, then delete it: nobody ever sees half of it."""
        with storage_errors(f"{folder.name} can't be removed"):
            self._trash.mkdir(parents=True, exist_ok=True)
            doomed = self._trash / f"{folder.name}-{secrets.token_hex(4)}"
            folder.rename(doomed)
        self.sweep()

    def sweep(self) -> None:
        """Delete what a process that was killed while removing has left."""
        if self._trash.is_dir():
            shutil.rmtree(self._trash, ignore_errors=True)
            if self._trash.exists():
                _log.warning("%s can't be emptied", self._trash)


def _is_id(name: str) -> bool:
    try:
        check_id(name)
    except UserError:
        return False
    return True
