"""The list of models that can be pulled by name.

Knows: the entries in ``catalogue.toml``, how to search them, and which one a name such as ``default`` means.
Does not know: what is installed, how anything is fetched.
"""

from __future__ import annotations

import difflib
import sys
from collections.abc import Callable, Iterable, Sequence
from importlib import resources

import msgspec

from aigc.errors import StoreError, UnknownModel
from aigc.store.entry import Entry
from aigc.store.memory import available_memory_bytes

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


class Choice(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One model that an alias may mean, and how much free memory it takes to choose it."""

    id: str
    free_memory_bytes: int = 0


class Alias(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A name that stands for the first of its choices for which there is memory."""

    name: str
    choices: tuple[Choice, ...]


class _Document(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    aliases: tuple[Alias, ...]
    models: tuple[Entry, ...]


class Catalogue:
    """The entries, in the order of the file.

    Args:
        entries: models, ids unique.
        aliases: each with at least one choice, all of them entries.
        free_memory: how many bytes a model may take now; asked only when an alias depends on it.
    """

    def __init__(
        self,
        entries: Iterable[Entry],
        aliases: Iterable[Alias] = (),
        free_memory: Callable[[], int] = available_memory_bytes,
    ) -> None:
        self.entries: tuple[Entry, ...] = tuple(entries)
        self.aliases: tuple[Alias, ...] = tuple(aliases)
        self._by_id = {entry.id: entry for entry in self.entries}
        self._by_alias = {alias.name: alias for alias in self.aliases}
        self._free_memory = free_memory
        assert len(self._by_id) == len(self.entries), "ids in the catalogue are unique"
        assert all(c.id in self._by_id for a in self.aliases for c in a.choices), "aliases mean entries"

    @property
    def alias_names(self) -> frozenset[str]:
        """Names that stand for a choice."""
        return frozenset(self._by_alias)

    def choices(self, alias: str) -> tuple[Choice, ...]:
        """What an alias may mean, best first. Raises: KeyError."""
        return self._by_alias[alias].choices

    def get(self, name: str) -> Entry:
        """The entry of an id or alias.

        Raises:
            UnknownModel: no such name; the hint has near ones.
        """
        if name in self._by_alias:
            return self._by_id[self._chosen(self._by_alias[name])]
        if name not in self._by_id:
            raise UnknownModel(f"no model is called {name[:80]!r} in the catalogue", hint=self._hint(name))
        return self._by_id[name]

    def search(self, text: str) -> list[Entry]:
        """Entries that contain every word of the text somewhere, in the catalogue's order; no text: all."""
        words = text.lower().split()
        return [entry for entry in self.entries if all(word in _haystack(entry) for word in words)]

    def near(self, name: str) -> list[str]:
        """Ids and aliases that look like the name, most alike first."""
        known = [*self._by_id, *self._by_alias]
        inside = [k for k in known if name and name.lower() in k]
        return list(dict.fromkeys([*difflib.get_close_matches(name.lower(), known, 3, 0.5), *inside]))[:5]

    def _chosen(self, alias: Alias) -> str:
        if any(choice.free_memory_bytes for choice in alias.choices):
            free = self._free_memory()
            return next((c.id for c in alias.choices if c.free_memory_bytes <= free), alias.choices[-1].id)
        return alias.choices[0].id

    def _hint(self, name: str) -> str:
        near = self.near(name)
        if near:
            return f"did you mean {' or '.join(near)}?"
        return "`aigc search` lists the names; a file, folder, hf:owner/repo/file.gguf or https address works as well"


def _haystack(entry: Entry) -> str:
    parts: Sequence[str] = (
        entry.id,
        entry.title,
        entry.architecture,
        entry.quantisation,
        entry.licence.spdx,
        entry.card.en,
        entry.card.zh,
        *entry.capabilities,
        *entry.languages,
    )
    return " ".join(parts).lower()


def load_catalogue(free_memory: Callable[[], int] = available_memory_bytes) -> Catalogue:
    """Read the catalogue that comes with the package.

    Raises:
        StoreError: the file breaks its own form; says where.
    """
    text = resources.files("aigc.store").joinpath("catalogue.toml").read_text(encoding="utf-8")
    return parse_catalogue(text, free_memory)


def parse_catalogue(text: str, free_memory: Callable[[], int] = available_memory_bytes) -> Catalogue:
    """Read a catalogue from TOML. Raises: StoreError."""
    try:
        document = msgspec.convert(tomllib.loads(text), _Document)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise StoreError(f"the catalogue is damaged: {error}", hint="reinstall aigc") from error
    return Catalogue(document.models, document.aliases, free_memory)
