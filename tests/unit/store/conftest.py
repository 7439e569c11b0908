"""Fixtures of the store's tests."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from store_toys import ToyEngines, entry, split_into_wheels, wheel_source, write_gguf

from aigc.settings import Settings
from aigc.store import Store
from aigc.store.catalogue import Alias, Catalogue, Choice
from aigc.store.entry import Entry, Local

GIB = 2**30


@pytest.fixture
def toy_file(tmp_path: Path) -> Path:
    return write_gguf(tmp_path / "Toy Model.gguf")


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of wheels that pip is configured to use, as on an air-gapped machine."""
    folder = tmp_path / "index"
    folder.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    return folder


@pytest.fixture
def engines() -> ToyEngines:
    return ToyEngines()


@pytest.fixture
def toy_entries(toy_file: Path) -> list[Entry]:
    """`toy-model`, whose source is a file: a wheel costs a run of pip."""
    return [entry("toy-model", Local(path=str(toy_file)), size=toy_file.stat().st_size)]


@pytest.fixture
def wheel_entries(index: Path, toy_file: Path) -> list[Entry]:
    """`toy-model`, in a wheel of the index."""
    data = toy_file.read_bytes()
    return [entry("toy-model", wheel_source(split_into_wheels(index, data, 1)), size=len(data))]


@pytest.fixture
def make_store(tmp_path: Path, engines: ToyEngines) -> Callable[..., Store]:
    """A store with a catalogue of its own, in which `default` is big with 6 GiB of memory and small below."""

    def make(entries: list[Entry] | None = None, *, free: int = 8 * GIB, home: str = "home", **values: object) -> Store:
        stub = wheel_source([])
        listed = [
            *(entries or []),
            entry("big", stub),
            entry("small", stub),
            entry("e5", stub, capabilities=("embedding",)),
        ]
        aliases = [
            Alias(name="default", choices=(Choice(id="big", free_memory_bytes=6 * GIB), Choice(id="small"))),
            Alias(name="tiny", choices=(Choice(id="small"),)),
            Alias(name="embedding", choices=(Choice(id="e5"),)),
        ]
        catalogue = Catalogue(listed, aliases, lambda: free)
        settings = Settings(home=tmp_path / home, **values)  # type: ignore[arg-type]
        return Store(settings, catalogue=catalogue, engines=lambda: engines, free_memory=lambda: free)

    return make


@pytest.fixture
def background() -> Iterator[Callable[[Callable[[], object]], threading.Thread]]:
    """Runs something beside the test and waits for it at the end."""
    threads: list[threading.Thread] = []

    def run(work: Callable[[], object]) -> threading.Thread:
        thread = threading.Thread(target=work)
        threads.append(thread)
        thread.start()
        return thread

    yield run
    for thread in threads:
        thread.join(20)
        assert not thread.is_alive()
