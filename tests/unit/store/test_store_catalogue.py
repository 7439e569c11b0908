"""The catalogue that ships with the package: well-formed, pinned, searchable."""

from __future__ import annotations

import sys
from importlib import resources

import msgspec
import pytest

from aigc.errors import StoreError, UnknownModel
from aigc.store.catalogue import load_catalogue, parse_catalogue
from aigc.store.entry import RESERVED, Entry, HuggingFace, ModelScope, Wheels

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

GIB = 2**30


def test_every_key_in_the_file_is_a_field() -> None:
    text = resources.files("aigc.store").joinpath("catalogue.toml").read_text(encoding="utf-8")
    raw = tomllib.loads(text)["models"]

    def missing(given: object, read: object) -> list[str]:
        if isinstance(given, dict):
            assert isinstance(read, dict)
            return [k for k in given if k not in read] + [
                m for k in given.keys() & read for m in missing(given[k], read[k])
            ]
        if isinstance(given, list):
            assert isinstance(read, list)
            return [m for g, r in zip(given, read, strict=True) for m in missing(g, r)]
        return []

    assert missing(raw, msgspec.json.decode(msgspec.json.encode(load_catalogue().entries))) == []


@pytest.mark.parametrize(
    ("model_id", "digest", "wheels"),
    [
        ("qwen2.5-coder-1.5b-instruct", "cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046", 22),
        ("qwen2.5-coder-0.5b-instruct", "1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32", 6),
        ("smollm2-135m-instruct", "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53", 1),
        ("multilingual-e5-small", "1571fc9827503943b6bb2e2c03c071f70a14f6e8ffc673946a1f7abbbfbb782f", 1),
    ],
)
def test_the_defaults_come_from_the_package_index_and_are_pinned(model_id: str, digest: str, wheels: int) -> None:
    entry = load_catalogue().get(model_id)
    first = entry.sources[0]
    assert isinstance(first, Wheels)
    assert len(first.parts) == wheels
    assert sum(p.member_bytes for p in first.parts) == entry.size_bytes
    if wheels == 1:
        assert first.parts[0].member_sha256 == digest
    for other in entry.sources[1:]:
        assert isinstance(other, (HuggingFace, ModelScope))
        assert other.sha256 == (digest,)


def test_no_model_has_a_reserved_name_and_all_have_words_in_both_languages() -> None:
    for entry in load_catalogue().entries:
        assert entry.id not in RESERVED
        assert entry.card.en
        assert any("\u4e00" <= c <= "\u9fff" for c in entry.card.zh)
        assert entry.licence.spdx
        assert entry.engines
        assert entry.sources


def test_terms_that_are_no_open_source_licence_say_so() -> None:
    restricted = [e for e in load_catalogue().entries if e.licence.spdx.startswith("LicenseRef-")]
    assert {e.id.split("-")[0] for e in restricted} == {"llama", "gemma", "qwen2.5"}
    assert all(e.licence.notice and e.licence.url for e in restricted)


def test_default_means_the_larger_model_only_where_6_gib_are_free() -> None:
    assert load_catalogue(lambda: 6 * GIB).get("default").id == "qwen2.5-coder-1.5b-instruct"
    assert load_catalogue(lambda: 6 * GIB - 1).get("default").id == "qwen2.5-coder-0.5b-instruct"
    assert load_catalogue(lambda: 0).get("tiny").id == "smollm2-135m-instruct"
    assert load_catalogue(lambda: 0).get("embedding").id == "multilingual-e5-small"


def test_an_unknown_name_gets_near_ones() -> None:
    with pytest.raises(UnknownModel) as caught:
        load_catalogue().get("qwen3-5b")
    assert caught.value.message == "no model is called 'qwen3-5b' in the catalogue"
    assert "qwen3-4b" in str(caught.value.hint)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("gpt-oss", ["gpt-oss-20b", "gpt-oss-120b"]),
        ("EMBEDDING", ["multilingual-e5-small"]),
        ("qwen3 混合专家", ["qwen3-30b-a3b"]),
        ("no such model", []),
    ],
)
def test_search_finds_entries_with_every_word(text: str, found: list[str]) -> None:
    assert [entry.id for entry in load_catalogue().search(text)] == found


def test_search_for_nothing_lists_everything() -> None:
    catalogue = load_catalogue()
    assert catalogue.search("") == list(catalogue.entries)


@pytest.mark.parametrize("member", ["../x", "/etc/passwd", "a/../b", "a//b", ".hidden", ""])
def test_a_path_that_leaves_its_folder_is_refused_while_reading(member: str) -> None:
    source = {"kind": "huggingface", "repo": "a/b", "files": [member]}
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(source, HuggingFace)


def test_a_damaged_catalogue_is_a_store_error() -> None:
    with pytest.raises(StoreError, match="catalogue is damaged"):
        parse_catalogue("[[models]]\nid = 1")


def test_entries_survive_json() -> None:
    for entry in load_catalogue().entries:
        assert msgspec.json.decode(msgspec.json.encode(entry), type=Entry) == entry
