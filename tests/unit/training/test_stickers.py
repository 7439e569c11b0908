"""Stickers out of archives of others: whole, in true colours, with captions that are read as what they say."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import numpy as np
import pytest

pytest.importorskip("resvg_py")

from sticker_toys import RED_DISC, archive, icons, install, three_sets

from aigc.errors import ChecksumMismatch, InvalidModelFile, NotFound, UserError
from aigc.recipes.image.stickers import packs
from aigc.recipes.image.stickers.figures import figures, pixels
from aigc.recipes.image.stickers.recolour import TYPICAL, Look, from_lab, to_lab, word
from aigc.recipes.image.stickers.source import Figures, Stickers, draw
from aigc.scenes import caption, held_out
from aigc.scenes.captions import Form, Language
from aigc.scenes.concepts import NUMBERS, slot
from aigc.scenes.kinds import named
from aigc.scenes.reading import read
from aigc.scenes.vocabulary import COLOURS


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    install(tmp_path, monkeypatch)
    return tmp_path


@pytest.fixture
def every(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """One set that shows all the kinds of the real list as the same red disc."""
    real = packs.table().kinds
    code = {entry.emoji[0].lower(): kind for kind, entry in real.items()}
    content = icons(dict.fromkeys(code.values(), RED_DISC), code)
    table = install(tmp_path, monkeypatch, {"coded": content})
    table.kinds.clear()
    table.kinds.update({kind: packs.Emoji((entry.emoji[0],)) for kind, entry in real.items()})
    return tmp_path


# ---------------------------------------------------------------- archives


def test_every_kind_of_the_real_list_is_a_concept_and_every_licence_may_be_passed_on() -> None:
    table = packs.table()
    assert all(f"kind:{kind}" in NUMBERS and kind in named() for kind in table.kinds)
    assert {pack.licence for pack in table.pack} <= {"MIT", "Apache-2.0", "CC-BY-4.0"}
    keys = {pack.key for pack in table.pack}
    assert all(set(entry.without) <= keys for entry in table.kinds.values())
    assert all(len(pack.sha256) == 64 and pack.size_bytes > 10_000 for pack in table.pack)


def test_drawings_are_found_by_code_point_by_name_by_alias_and_as_files(folder: Path) -> None:
    found = figures(folder)
    assert [f.pack for f in found["apple"]] == ["coded", "named"]
    assert [(f.pack, f.style) for f in found["banana"]] == [("coded", "flat"), ("files", "3-D")]


def test_missing_archives_are_named_and_fetched_if_somebody_fetches(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = install(tmp_path, monkeypatch)
    content = (tmp_path / "named-1.0.0.tgz").read_bytes()
    (tmp_path / "named-1.0.0.tgz").unlink()
    with pytest.raises(NotFound, match=r"lacks named-1\.0\.0\.tgz") as caught:
        packs.require(table.pack, tmp_path)
    assert "@toys/named@1.0.0" in (caught.value.hint or "")
    asked: list[str] = []

    def fetch(missing, into: Path) -> None:  # type: ignore[no-untyped-def]
        asked.extend(pack.file for pack in missing)
        (into / "named-1.0.0.tgz").write_bytes(content)

    packs.require(table.pack, tmp_path, fetch)
    assert asked == ["named-1.0.0.tgz"]


def test_an_archive_with_other_bytes_is_refused_before_it_is_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = install(tmp_path, monkeypatch)
    (tmp_path / "coded-1.0.0.tgz").write_bytes(archive({"package/icons.json": b"{}"}))
    with pytest.raises(ChecksumMismatch, match=r"coded-1\.0\.0\.tgz has the sha256"):
        packs.require(table.pack, tmp_path)


def test_a_damaged_archive_and_a_table_that_is_none_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path / "a", monkeypatch, {"coded": three_sets()["coded"][:200]})
    with pytest.raises(InvalidModelFile, match=r"coded-1\.0\.0\.tgz can't be read"):
        figures(tmp_path / "a")
    install(tmp_path / "b", monkeypatch, {"coded": archive({"package/icons.json": b"[]"})})
    with pytest.raises(InvalidModelFile, match=r"icons\.json is missing or damaged"):
        figures(tmp_path / "b")


def test_only_wanted_files_are_read_and_none_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = archive({"../../outside.txt": b"x", "package/icons.json": b"{}"})
    table = install(tmp_path / "in", monkeypatch, {"coded": content})
    found = packs.members(table.pack[0], tmp_path / "in", lambda name: name == "package/icons.json")
    assert found == {"package/icons.json": b"{}"}
    assert sorted(p.name for p in tmp_path.rglob("*")) == ["coded-1.0.0.tgz", "in"]


# ---------------------------------------------------------------- colours


def test_oklab_is_the_published_one() -> None:
    # Source: Ottosson 2020; pure red in OKLab.
    assert np.allclose(to_lab(np.array([[255, 0, 0]], np.uint8)), [[0.62796, 0.22486, 0.12585]], atol=1e-4)
    every = np.array([[r, g, b] for r in (0, 90, 255) for g in (0, 120, 255) for b in (0, 200, 255)], np.uint8)
    assert np.abs(from_lab(to_lab(every)).astype(int) - every).max() <= 1


def test_every_colour_word_names_the_colour_that_it_is_shown_with() -> None:
    assert {name: word(*TYPICAL[name]) for name in COLOURS} == {name: name for name in COLOURS}


def test_a_drawing_shown_in_another_colour_has_it_and_keeps_its_outline() -> None:
    rows, columns = np.mgrid[:64, :64]
    rgba = np.zeros((64, 64, 4), np.uint8)
    disc = (rows - 32) ** 2 + (columns - 32) ** 2 < 28**2
    rgba[disc] = (224, 32, 32, 255)
    eye = (rows - 24) ** 2 + (columns - 24) ** 2 < 5**2
    rgba[eye] = (10, 10, 10, 255)
    look = Look(rgba)
    assert look.named == "red"
    for name in COLOURS:
        shown = look.shown_as(rgba, name)
        assert Look(shown).named == name
        assert np.array_equal(shown[:, :, 3], rgba[:, :, 3])
        assert np.array_equal(shown[eye], rgba[eye])


def test_a_drawing_of_many_colours_has_no_colour_word() -> None:
    rgba = np.full((30, 30, 4), 255, np.uint8)
    for number, colour in enumerate([(230, 30, 30), (30, 200, 40), (30, 60, 230), (250, 220, 30), (130, 30, 160)]):
        rgba[:, number * 6 : number * 6 + 6, :3] = colour
    look = Look(rgba)
    assert (look.named, look.changeable) == (None, False)


# ---------------------------------------------------------------- stickers


def test_a_drawing_is_cut_to_what_is_seen_of_it(folder: Path) -> None:
    bar = figures(folder)["banana"][0]
    assert pixels(bar, 160).shape == (60, 140, 4)
    assert tuple(pixels(bar, 160)[30, 70]) == (0x20, 0x60, 0xE0, 255)


def test_the_same_number_gives_the_same_picture_and_captions(folder: Path) -> None:
    one, two = Stickers(folder, 64), Stickers(folder, 64)
    assert one.identity == two.identity
    for number in range(6):
        a, b = one.sample("sticker", number, False), two.sample("sticker", number, False)
        assert np.array_equal(a.pixels, b.pixels)
        assert (a.english, a.chinese) == (b.english, b.chinese)
    assert not np.array_equal(one.sample("sticker", 1, False).pixels, one.sample("sticker", 2, False).pixels)


def test_other_archives_and_sizes_are_another_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path / "a", monkeypatch)
    first = Stickers(tmp_path / "a", 64).identity
    assert Stickers(tmp_path / "a", 32).identity != first
    changed = three_sets()
    changed["files"] = archive({"package/assets/1f34c.webp": changed["coded"]})
    install(tmp_path / "b", monkeypatch, {**three_sets(), "more": three_sets()["named"]})
    assert Stickers(tmp_path / "b", 64).identity != first


def test_things_are_whole(folder: Path) -> None:
    art = Figures(folder)
    for seed in range(60):
        scene = draw(seed, art)
        for thing in scene.things:
            rows, columns, _ = pixels(art.figure(thing.kind, thing.variant), 96).shape
            half = thing.size * columns / rows
            assert thing.x - half >= -1
            assert thing.x + half <= 1
            assert thing.y >= -0.5
            assert thing.y + thing.size <= 0.5


def test_what_is_held_out_is_never_trained_on(every: Path) -> None:
    art = Figures(every)
    assert not any(held_out(draw(seed, art)) for seed in range(60))
    assert all(held_out(draw(seed, art, kept_back=True)) for seed in range(20))


def test_a_kind_that_no_set_shows_is_refused(folder: Path) -> None:
    with pytest.raises(UserError, match="no set of stickers shows 'fox'"):
        Figures(folder).kind("fox")
    with pytest.raises(UserError, match="no kind 'perspective'"):
        Stickers(folder).sample("perspective", 0, False)


def test_every_caption_of_every_kind_is_read_as_what_it_says(every: Path) -> None:
    art, met = Figures(every), set()
    for seed in range(700):
        scene = draw(seed, art)
        for language in get_args(Language):
            for form in get_args(Form):
                found = caption(scene, language, form, seed, art)
                reading = read(found.text)
                assert reading.unknown == (), found.text
                told = sorted(c for c in reading.concepts if slot(c) == "kind")
                assert told == sorted(f"kind:{g.kind}" for g in found.said.groups), found.text
                colours = [f"colour:{found.said.groups[i].colour}" for i in found.said.coloured]
                colours += [f"colour:{found.said.backdrop_colour}"] if found.said.backdrop_colour else []
                assert sorted(c for c in reading.concepts if slot(c) == "colour") == sorted(colours), found.text
        met |= {thing.kind for thing in scene.things}
    # A tenth of the kinds is held out in the one style there is here.
    assert len(met) > 0.85 * len(packs.table().kinds)
