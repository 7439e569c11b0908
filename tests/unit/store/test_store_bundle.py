"""Bundles: what goes in comes out, and nothing that was changed, renamed or smuggled in does."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from store_toys import sha256, write_gguf

from aigc.errors import AigcError, ChecksumMismatch, Conflict, StoreError, UnknownModel
from aigc.store import Progress, Store
from aigc.store.archive import parse_index

MakeStore = Callable[..., Store]


@pytest.fixture
def bundle(make_store: MakeStore, toy_file: Path, tmp_path: Path) -> Path:
    store = make_store(home="there")
    store.pull(str(toy_file), name="mine")
    path = tmp_path / "out.tar"
    store.bundle(path, ["mine"], models_only=True)
    return path


def members(path: Path) -> list[tuple[tarfile.TarInfo, bytes]]:
    with tarfile.open(path) as archive:
        found = []
        for info in archive:
            reader = archive.extractfile(info)
            found.append((info, reader.read() if reader else b""))
        return found


def rewrite(path: Path, change: Callable[[list[tuple[tarfile.TarInfo, bytes]]], None]) -> None:
    found = members(path)
    change(found)
    with tarfile.open(path, "w") as archive:
        for info, data in found:
            if info.isreg():
                info.size = len(data)
            archive.addfile(info, io.BytesIO(data))


def edit_index(found: list[tuple[tarfile.TarInfo, bytes]], change: Callable[[dict[str, object]], None]) -> None:
    info, data = found[0]
    index = msgspec.json.decode(data)
    change(index)
    found[0] = (info, msgspec.json.encode(index))


def nothing_installed(home: Path) -> bool:
    return [p for p in home.rglob("*") if p.is_file() and p.suffix != ".lock"] == []


def test_a_model_travels(bundle: Path, make_store: MakeStore, tmp_path: Path) -> None:
    store = make_store(home="here")
    seen: list[Progress] = []
    result = store.unbundle(bundle, seen.append)
    assert (result.models, result.present, result.wheels, result.pip_command) == (("mine",), (), None, None)
    spec = store.get("mine")
    assert spec.engines[0].path == str(tmp_path / "here" / "models" / "mine" / "first")
    assert store.verify("mine") == []
    assert seen[-1].done_bytes == seen[-1].total_bytes
    assert store.unbundle(bundle).present == ("mine",)


def test_the_archive_is_plain_and_says_what_to_do(bundle: Path) -> None:
    assert [info.name for info, _ in members(bundle)] == [
        "aigc-bundle.json",
        "INSTALL.txt",
        "models/mine/manifest.json",
        "models/mine/LICENSE",
        "models/mine/first/model.xml",
        "models/mine/model.gguf",
    ]
    assert "aigc unbundle out.tar" in members(bundle)[1][1].decode()


def test_writing_refuses_an_existing_file_an_unknown_model_and_a_damaged_one(
    make_store: MakeStore, toy_file: Path, tmp_path: Path
) -> None:
    store = make_store()
    store.pull(str(toy_file), name="mine")
    (tmp_path / "there.tar").write_bytes(b"")
    with pytest.raises(Conflict):
        store.bundle(tmp_path / "there.tar", ["mine"], models_only=True)
    with pytest.raises(UnknownModel):
        store.bundle(tmp_path / "new.tar", ["other"], models_only=True)
    (tmp_path / "home" / "models" / "mine" / "LICENSE").write_text("changed")
    with pytest.raises(ChecksumMismatch):
        store.bundle(tmp_path / "new.tar", ["mine"], models_only=True)
    assert not list(tmp_path.glob("*new*")) + list(tmp_path.glob(".aigc*"))


def append(name: str, kind: bytes = tarfile.REGTYPE, data: bytes = b"x") -> Callable[..., None]:
    def change(found: list[tuple[tarfile.TarInfo, bytes]]) -> None:
        info = tarfile.TarInfo(name)
        info.type, info.linkname = kind, "/etc/passwd"
        found.append((info, data if kind == tarfile.REGTYPE else b""))

    return change


def flip(found: list[tuple[tarfile.TarInfo, bytes]]) -> None:
    info, data = found[-1]
    found[-1] = (info, data[:-1] + bytes([data[-1] ^ 1]))


def shorten(found: list[tuple[tarfile.TarInfo, bytes]]) -> None:
    info, data = found[-1]
    found[-1] = (info, data[:-1])


def replaced_by_link(found: list[tuple[tarfile.TarInfo, bytes]]) -> None:
    info, _ = found[-1]
    info.type, info.linkname, info.size = tarfile.SYMTYPE, "/etc/passwd", 0
    found[-1] = (info, b"")


def listed(name: str) -> Callable[..., None]:
    def change(found: list[tuple[tarfile.TarInfo, bytes]]) -> None:
        append(name)(found)
        one = {"name": name, "size_bytes": 1, "sha256": sha256(b"x")}
        edit_index(found, lambda index: index["members"].append(one))  # type: ignore[attr-defined]

    return change


def other_manifest(found: list[tuple[tarfile.TarInfo, bytes]]) -> None:
    info, data = found[2]
    changed = data.replace(b'"first"', b'"../../x"')
    found[2] = (info, changed)

    def fix(index: dict[str, object]) -> None:
        row = index["members"][1]  # type: ignore[index]
        row |= {"size_bytes": len(changed), "sha256": sha256(changed)}

    edit_index(found, fix)


CHANGES: dict[str, Callable[..., None]] = {
    "changed bytes": flip,
    "fewer bytes": shorten,
    "a missing file": lambda f: f.pop(),
    "a link in place of a file": replaced_by_link,
    "an unlisted file": append("models/mine/extra.bin"),
    "a file twice": lambda f: f.append(f[-1]),
    "a symbolic link": append("models/mine/link", tarfile.SYMTYPE),
    "a hard link": append("models/mine/link", tarfile.LNKTYPE),
    "a device": append("models/mine/null", tarfile.CHRTYPE),
    "a folder": append("models/mine/more", tarfile.DIRTYPE),
    "a way out": listed("models/mine/../../../escaped"),
    "an absolute name": listed("/tmp/escaped"),
    "a file of an unannounced model": listed("models/other/x.bin"),
    "another kind of file": listed("scripts/run.sh"),
    "a manifest that points elsewhere": other_manifest,
    "no index": lambda f: f.pop(0),
    "an index of another form": lambda f: edit_index(f, lambda i: i.update(aigc_bundle=2)),
    "an announced model without files": lambda f: edit_index(f, lambda i: i.update(models=["mine", "ghost"])),
    "a reserved name": lambda f: edit_index(f, lambda i: i.update(models=["default"])),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_bundle_installs_nothing(change: str, bundle: Path, make_store: MakeStore, tmp_path: Path) -> None:
    rewrite(bundle, CHANGES[change])
    with pytest.raises(AigcError) as caught:
        make_store(home="here").unbundle(bundle)
    assert isinstance(caught.value, StoreError) or change == "a reserved name"
    assert nothing_installed(tmp_path / "here")
    assert not list(tmp_path.rglob("escaped"))


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 1.0])
def test_a_bundle_that_is_cut_off_installs_nothing(
    share: float, bundle: Path, make_store: MakeStore, tmp_path: Path
) -> None:
    content = bundle.read_bytes().rstrip(b"\0")  # tar ends in zeros that nobody misses
    bundle.write_bytes(content[: int(len(content) * share) - 1])
    with pytest.raises(StoreError):
        make_store(home="here").unbundle(bundle)
    assert nothing_installed(tmp_path / "here")


def test_something_else_is_no_bundle(make_store: MakeStore, toy_file: Path, tmp_path: Path) -> None:
    store = make_store()
    for path in (toy_file, tmp_path / "nowhere.tar"):
        with pytest.raises(StoreError):
            store.unbundle(path)


def test_another_model_of_that_name_is_left_alone(bundle: Path, make_store: MakeStore, tmp_path: Path) -> None:
    store = make_store(home="here")
    spec = store.pull(str(write_gguf(tmp_path / "other.gguf", seed=7)), name="mine")
    with pytest.raises(Conflict, match="another model is installed as 'mine'"):
        store.unbundle(bundle)
    assert store.get("mine") == spec


def test_an_index_with_too_many_files_is_refused() -> None:
    row = {"name": "INSTALL.txt", "size_bytes": 1, "sha256": "0" * 64}
    index = {"aigc_bundle": 1, "aigc": "1", "python": "", "platform": "", "models": [], "members": [row] * 20_001}
    with pytest.raises(StoreError, match="at most 20000"):
        parse_index(msgspec.json.encode(index))


@pytest.fixture
def wheels_in(bundle: Path) -> Path:
    """The bundle with a wheel added, as a full bundle has."""
    data = b"not really a wheel"

    def change(found: list[tuple[tarfile.TarInfo, bytes]]) -> None:
        info = tarfile.TarInfo("wheels/toy-1.0-py3-none-any.whl")
        found.append((info, data))
        row = {"name": info.name, "size_bytes": len(data), "sha256": sha256(data)}
        edit_index(found, lambda index: index["members"].append(row))  # type: ignore[attr-defined]

    rewrite(bundle, change)
    return bundle


def test_wheels_are_laid_ready_with_the_command_that_installs_them(
    wheels_in: Path, make_store: MakeStore, tmp_path: Path
) -> None:
    result = make_store(home="here").unbundle(wheels_in)
    folder = tmp_path / "here" / "wheels"
    assert result.wheels == folder
    assert [p.name for p in folder.iterdir()] == ["toy-1.0-py3-none-any.whl"]
    assert result.pip_command is not None
    assert result.pip_command[1:] == ("-m", "pip", "install", "--no-index", "--find-links", str(folder), "aigc-studio")


def test_wheels_can_be_left_in_the_archive(wheels_in: Path, make_store: MakeStore, tmp_path: Path) -> None:
    assert make_store(home="here").unbundle(wheels_in, models_only=True).wheels is None
    assert not (tmp_path / "here" / "wheels").exists()
