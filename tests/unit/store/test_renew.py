"""Models that an earlier version made ready are made ready again from what is there; nothing that fails harms them."""

from __future__ import annotations

import errno
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from store_toys import ToyEngines

from aigc.errors import StorageFull, StoreError
from aigc.store import Store
from aigc.store.entry import Entry
from aigc.store.manifest import PREPARED, read_manifest, write_manifest
from aigc.types import EngineFile

MakeStore = Callable[..., Store]
NEW = f"prepared{PREPARED}"


@pytest.fixture
def folder(make_store: MakeStore, toy_entries: list[Entry], tmp_path: Path) -> Path:
    """An installed model as an earlier version left it; its source is gone."""
    make_store(toy_entries).pull("toy-model")
    found = tmp_path / "home" / "models" / "toy-model"
    write_manifest(found, msgspec.structs.replace(read_manifest(found), prepared=1))
    (found / "first" / "model.xml").write_text("<old/>")
    old = read_manifest(found)
    files = tuple(f for f in old.files if f.path != "first/model.xml")
    write_manifest(found, msgspec.structs.replace(old, files=files))
    return found


def engine_paths(store: Store, folder: Path) -> list[str]:
    return [Path(engine.path).relative_to(folder).as_posix() for engine in store.get("toy-model").engines]


def test_a_pull_makes_it_ready_again_and_the_next_takes_the_old_conversion_away(
    make_store: MakeStore, toy_entries: list[Entry], folder: Path, engines: ToyEngines
) -> None:
    store = make_store(toy_entries)
    assert store.show("toy-model")["behind"]
    store.pull("toy-model")
    assert not store.show("toy-model")["behind"]
    assert engine_paths(store, folder) == [f"{NEW}/first", "model.gguf"]
    assert (folder / "first").exists()  # a server may still run from it
    assert store.verify("toy-model") == []
    engines.calls.clear()
    store.pull("toy-model")
    assert engines.calls == []
    assert not (folder / "first").exists()
    assert store.verify("toy-model") == []


def test_what_a_killed_process_left_is_in_nobodys_way(
    make_store: MakeStore, toy_entries: list[Entry], folder: Path
) -> None:
    (folder / NEW / ".first.x").mkdir(parents=True)
    (folder / NEW / ".first.x" / "half").write_text("...")
    (folder / ".manifest.json").write_text("{")
    store = make_store(toy_entries)
    assert engine_paths(store, folder) == ["first", "model.gguf"]
    store.pull("toy-model")
    assert engine_paths(store, folder) == [f"{NEW}/first", "model.gguf"]
    assert not (folder / NEW / ".first.x").exists()


class Full(ToyEngines):
    def prepare(self, engine: str, weights: Path, folder: Path, on_progress: Callable[[float], None]) -> EngineFile:
        (folder.parent / "half").write_text("...")
        raise OSError(errno.ENOSPC, "No space left on device")


class Stopped(ToyEngines):
    def prepare(self, engine: str, weights: Path, folder: Path, on_progress: Callable[[float], None]) -> EngineFile:
        raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("broken", "error"),
    [
        (Full(), StorageFull),
        (Stopped(), KeyboardInterrupt),
        (ToyEngines(broken=frozenset(["first"])), StoreError),
    ],
)
def test_whatever_fails_the_old_one_stays_as_it_was(
    make_store: MakeStore, toy_entries: list[Entry], folder: Path, broken: ToyEngines, error: type[BaseException]
) -> None:
    before = (folder / "manifest.json").read_bytes()
    store = make_store(toy_entries)
    store._engines = lambda: broken
    with pytest.raises(error):
        store.pull("toy-model")
    assert (folder / "manifest.json").read_bytes() == before
    assert (folder / "first" / "model.xml").read_text() == "<old/>"
    assert not (folder / NEW).exists()


def test_a_server_that_runs_notices(make_store: MakeStore, toy_entries: list[Entry], folder: Path) -> None:
    before = folder.parent.stat().st_mtime_ns
    make_store(toy_entries).pull("toy-model")
    assert folder.parent.stat().st_mtime_ns > before
