"""The header check: agrees with ggml's own reader on good files and refuses every bad one with our error."""

from __future__ import annotations

import struct
import time
from collections.abc import Callable
from pathlib import Path

import gguf
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from store_toys import TEMPLATE, TOKENS, write_gguf

from aigc.errors import InvalidModelFile
from aigc.store import gguf_format
from aigc.store.gguf_check import read_header
from aigc.store.gguf_facts import read_facts


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return write_gguf(tmp_path_factory.mktemp("gguf") / "toy.gguf").read_bytes()


def text(value: str) -> bytes:
    return struct.pack("<Q", len(value.encode())) + value.encode()


def pair(key: str, kind: int, value: bytes) -> bytes:
    return text(key) + struct.pack("<I", kind) + value


def tensor(name: str, shape: tuple[int, ...], kind: int, offset: int) -> bytes:
    return text(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, kind, offset)


def build(
    pairs: list[bytes],
    tensors: list[bytes],
    data: bytes = b"",
    *,
    version: int = 3,
    counts: tuple[int, int] | None = None,
) -> bytes:
    head = b"GGUF" + struct.pack("<IQQ", version, *(counts or (len(tensors), len(pairs))))
    body = head + b"".join(pairs) + b"".join(tensors)
    return body + bytes(-len(body) % 32) + data


def compare_with_reference(path: Path) -> None:
    header = read_header(path)
    reference = gguf.GGUFReader(path)
    assert len(header.tensors) == len(reference.tensors)
    for ours, theirs in zip(header.tensors, reference.tensors, strict=True):
        assert (ours.name, list(ours.shape)) == (theirs.name, theirs.shape.tolist())
        assert (ours.type, ours.offset, ours.size_bytes) == (
            theirs.tensor_type.name,
            theirs.data_offset,
            theirs.n_bytes,
        )
    names = [name for name in reference.fields if not name.startswith("GGUF.")]
    assert sorted(names) == sorted(header.metadata.keys() | header.array_lengths.keys())
    for name in names:
        field = reference.fields[name]
        if field.types[0] == gguf.GGUFValueType.ARRAY:
            assert header.array_lengths[name] == len(field.data)
            if name in header.metadata:
                assert list(header.metadata[name]) == pytest.approx(field.contents())
        else:
            assert header.metadata[name] == field.contents()


def test_it_reads_what_the_reference_reader_reads(good: bytes, tmp_path: Path) -> None:
    path = tmp_path / "toy.gguf"
    path.write_bytes(good)
    compare_with_reference(path)


@pytest.mark.models
def test_it_reads_what_the_reference_reader_reads_in_real_models(models_home: Path) -> None:
    paths = sorted((models_home / "models").glob("*/*.gguf"))
    assert paths
    for path in paths:
        start = time.perf_counter()
        read_facts(read_header(path))
        assert time.perf_counter() - start < 0.3
        compare_with_reference(path)


def test_sizes_of_tensor_types_are_those_of_ggml() -> None:
    theirs = {kind.value: (kind.name, *size) for kind, size in gguf.GGML_QUANT_SIZES.items()}
    assert {k: v for k, v in gguf_format.TENSOR_TYPES.items() if k in theirs} == {
        k: v for k, v in theirs.items() if k in gguf_format.TENSOR_TYPES
    }
    assert gguf_format.TENSOR_TYPES.keys() <= theirs.keys()


def test_names_of_quantisations_are_those_of_ggml() -> None:
    names = {t.value: t.name.removeprefix("MOSTLY_").removeprefix("ALL_") for t in gguf.LlamaFileType}
    for number, name in gguf_format.FILE_TYPES.items():
        assert names.get(number, name).removesuffix("_MOE") == name


def test_facts_describe_the_model(good: bytes, tmp_path: Path) -> None:
    path = tmp_path / "toy.gguf"
    path.write_bytes(good)
    facts = read_facts(read_header(path))
    assert (facts.architecture, facts.name, facts.quantisation, facts.licence) == ("llama", "Toy", "Q8_0", "mit")
    assert (facts.context_tokens, facts.layers, facts.embedding_width) == (128, 2, 64)
    assert facts.vocabulary_size == len(TOKENS)
    assert facts.chat_template == TEMPLATE
    assert facts.parameters == 8 * 64 + 4 * 64 + 64
    # 2 layers, 2 key-value heads, 16 values a head, keys and values, 2 bytes each.
    assert facts.cache_bytes_per_token == 2 * 2 * 16 * 2 * 2


BAD: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "empty": (lambda g: b"", "too few"),
    "short": (lambda g: g[:20], "too few"),
    "magic": (lambda g: b"GGML" + g[4:], "starts with"),
    "version 1": (lambda g: g[:4] + struct.pack("<I", 1) + g[8:], "version is 1"),
    "big endian": (lambda g: g[:4] + struct.pack(">I", 3) + g[8:], "big-endian"),
    "tensor count": (lambda g: g[:8] + struct.pack("<Q", 2**63) + g[16:], "number of tensors"),
    "key count": (lambda g: g[:16] + struct.pack("<Q", 2**40) + g[24:], "number of metadata keys"),
    "cut off": (lambda g: g[:-1], "the file has"),
    "key length": (lambda g: g[:24] + struct.pack("<Q", 2**62) + g[32:], "length of a metadata key"),
    "key not utf-8": (lambda g: build([pair("k", 4, bytes(4)).replace(b"k", b"\xff")], []), "not UTF-8"),
    "empty key": (lambda g: build([pair("", 4, bytes(4))], []), "empty"),
    "key twice": (lambda g: build([pair("k", 4, bytes(4))] * 2, []), "twice"),
    "value type": (lambda g: build([pair("k", 13, bytes(4))], []), "unknown value type 13"),
    "bool 2": (lambda g: build([pair("k", 7, b"\x02")], []), "truth value"),
    "value past the end": (lambda g: build([pair("k", 8, struct.pack("<Q", 1000))], []), "wants 1000 bytes"),
    "long string": (lambda g: build([pair("k", 8, struct.pack("<Q", 2**40))], []), "length of the value"),
    "nested array": (lambda g: build([pair("k", 9, struct.pack("<IQ", 9, 1))], []), "array of arrays"),
    "array type": (lambda g: build([pair("k", 9, struct.pack("<IQ", 99, 1))], []), "unknown type 99"),
    "array length": (lambda g: build([pair("k", 9, struct.pack("<IQ", 4, 2**50))], []), "length of the array"),
    "array past the end": (lambda g: build([pair("k", 9, struct.pack("<IQ", 10, 1000))], []), "wants 8000 bytes"),
    "strings past the end": (lambda g: build([pair("k", 9, struct.pack("<IQ", 8, 1000))], []), "leaves the file"),
    "huge text in array": (lambda g: build([pair("k", 9, struct.pack("<IQQ", 8, 1, 2**63))], []), "leaves the file"),
    "alignment 0": (lambda g: build([pair("general.alignment", 4, struct.pack("<I", 0))], []), "alignment is 0"),
    "alignment 33": (lambda g: build([pair("general.alignment", 4, struct.pack("<I", 33))], []), "power of two"),
    "alignment text": (lambda g: build([pair("general.alignment", 8, text("32"))], []), "whole number"),
    "no dimension": (lambda g: build([], [tensor("t", (), 0, 0)]), "0 dimensions"),
    "5 dimensions": (lambda g: build([], [tensor("t", (1,) * 5, 0, 0)]), "5 dimensions"),
    "zero length": (lambda g: build([], [tensor("t", (0,), 0, 0)]), "impossible shape"),
    "overflowing shape": (lambda g: build([], [tensor("t", (2**32,) * 4, 0, 0)]), "impossible shape"),
    "tensor type": (lambda g: build([], [tensor("t", (1,), 4, 0)], bytes(64)), "type 4"),
    "odd row": (lambda g: build([], [tensor("t", (33,), 8, 0)], bytes(64)), "multiple of 32"),
    "misaligned": (lambda g: build([], [tensor("t", (1,), 0, 4)], bytes(64)), "no multiple of 32"),
    "past the end": (lambda g: build([], [tensor("t", (64,), 0, 0)], bytes(64)), "ends at byte"),
    "offset past the end": (lambda g: build([], [tensor("t", (1,), 0, 2**60)], bytes(64)), "ends at byte"),
    "overlap": (lambda g: build([], [tensor("t", (9,), 0, 0), tensor("u", (1,), 0, 32)], bytes(64)), "overlap"),
    "same name": (lambda g: build([], [tensor("t", (1,), 0, 0), tensor("t", (1,), 0, 32)], bytes(64)), "two tensors"),
    "long name": (lambda g: build([], [tensor("t" * 64, (1,), 0, 0)], bytes(64)), "at most 63"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_file_is_refused_and_the_message_says_why(case: str, good: bytes, tmp_path: Path) -> None:
    change, why = BAD[case]
    path = tmp_path / "bad.gguf"
    path.write_bytes(change(good))
    with pytest.raises(InvalidModelFile, match=r"bad\.gguf") as caught:
        read_header(path)
    assert why in caught.value.message


def test_every_truncation_is_refused(good: bytes, tmp_path: Path) -> None:
    path = tmp_path / "cut.gguf"
    for length in range(0, len(good), 31):
        path.write_bytes(good[:length])
        with pytest.raises(InvalidModelFile):
            read_header(path)


MISSING = {
    "no vocabulary": ("tokenizer.ggml.tokens", "tokenizer.ggml.tokenx", "no vocabulary"),
    "no layers": ("llama.block_count", "llama.block_counx", "llama.block_count is missing"),
    "no context": ("llama.context_length", "llama.context_lengtx", "llama.context_length is missing"),
    "no architecture": ("general.architecture", "general.architecturx", "general.architecture is missing"),
    "no heads": ("llama.attention.head_count\x04", "llama.attention.head_counx\x04", "head_count is missing"),
}


@pytest.mark.parametrize("case", MISSING)
def test_a_model_without_what_every_model_needs_is_refused(case: str, good: bytes, tmp_path: Path) -> None:
    old, new, why = MISSING[case]
    path = tmp_path / "lacking.gguf"
    path.write_bytes(good.replace(old.encode(), new.encode(), 1))
    with pytest.raises(InvalidModelFile) as caught:
        read_facts(read_header(path))
    assert why in caught.value.message


def test_token_ids_outside_the_vocabulary_are_refused(good: bytes, tmp_path: Path) -> None:
    key = b"tokenizer.ggml.eos_token_id" + struct.pack("<I", 4)
    path = tmp_path / "eos.gguf"
    path.write_bytes(good.replace(key + struct.pack("<I", 1), key + struct.pack("<I", 8)))
    with pytest.raises(InvalidModelFile, match="eos_token_id is 8; the vocabulary has 8 tokens"):
        read_facts(read_header(path))


@settings(max_examples=250, deadline=2000, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_random_damage_never_raises_anything_else(data: st.DataObject, good: bytes, tmp_path: Path) -> None:
    mutable = bytearray(good)
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, len(mutable) - 1))
        change = data.draw(st.binary(min_size=1, max_size=9))
        mutable[at : at + len(change)] = change
    path = tmp_path / "random.gguf"
    path.write_bytes(bytes(mutable[: data.draw(st.integers(0, len(mutable)))]) if data.draw(st.booleans()) else mutable)
    try:
        header = read_header(path)
        read_facts(header)
    except InvalidModelFile:
        return
    size = path.stat().st_size
    assert all(t.offset + t.size_bytes <= size for t in header.tensors)
