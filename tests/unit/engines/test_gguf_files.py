from __future__ import annotations

from pathlib import Path

import gguf
import numpy as np
import pytest
from gguf import GGMLQuantizationType as Kind
from gguf_toys import write

from aigc.engines import gguf_header, llama_cpp_file, openvino_convert, registry, vocabulary
from aigc.engines.gguf_requantise import requantise
from aigc.errors import InvalidModelFile

KEEP = frozenset({0, 1, 2, 3, 8, 12, 14})


def test_the_header_reads_what_the_reference_writer_wrote(tmp_path: Path) -> None:
    path = write(tmp_path / "m.gguf")
    header = gguf_header.read(path)
    assert header.architecture == "qwen2"
    assert header.of_model("context_length") == 512
    assert header.metadata["tokenizer.chat_template"] == "{{ messages }}"
    assert [(t.name, t.shape, t.type) for t in header.tensors] == [("token_embd.weight", (64, 8), 2)]
    assert header.data_at + header.tensors[0].offset == gguf.GGUFReader(path).tensors[0].data_offset


@pytest.mark.parametrize("length", [0, 3, 20, 100, 300])
def test_a_file_that_ends_early_is_refused(tmp_path: Path, length: int) -> None:
    path = tmp_path / "cut.gguf"
    path.write_bytes(write(tmp_path / "m.gguf").read_bytes()[:length])
    with pytest.raises(InvalidModelFile, match=r"cut\.gguf"):
        gguf_header.read(path)


def test_tokens_become_the_bytes_that_they_stand_for(tmp_path: Path) -> None:
    header = gguf_header.read(write(tmp_path / "m.gguf"))
    expected = [b"!", b" a", b"\xe9", "é".encode(), b"", b"<tool_call>", b"", b"\xf0\x9f"]
    assert vocabulary.pieces(header) == expected


def test_sentence_piece_tokens_become_bytes(tmp_path: Path) -> None:
    path = write(tmp_path / "m.gguf", tokenizer="llama", tokens=["<unk>", "▁the", "<0x0A>", "s"], kinds=[2, 1, 6, 1])
    assert vocabulary.pieces(gguf_header.read(path)) == [b"", b" the", b"\n", b"s"]


def test_the_end_of_an_answer_is_known_by_number_and_by_name(tmp_path: Path) -> None:
    tokens = ["a", "<|endoftext|>", "<|eot_id|>", "x", "<|odd_end|>"]
    path = write(tmp_path / "m.gguf", tokens=tokens, kinds=[1, 3, 3, 1, 3])
    speech = vocabulary.speech(gguf_header.read(path))
    assert speech.stop_ids == (1, 2, 4)
    assert (speech.eos_token, speech.bos_token, speech.chat_template) == ("<|odd_end|>", "", "{{ messages }}")


def test_tensors_are_rewritten_within_half_a_step_of_eight_bits(tmp_path: Path) -> None:
    values = np.random.default_rng(1).normal(size=(48, 96)).astype(np.float32)
    norm = np.arange(64, dtype=np.float32)
    path = write(
        tmp_path / "m.gguf", tensors={"a": (values, Kind.Q5_0), "n": (norm, Kind.F32), "b": (values, Kind.Q8_0)}
    )
    shares: list[float] = []
    requantise(path, tmp_path / "new.gguf", gguf_header.read(path), KEEP, shares.append)
    before, after = (gguf.GGUFReader(p) for p in (path, tmp_path / "new.gguf"))
    assert [t.tensor_type for t in after.tensors] == [Kind.Q8_0, Kind.F32, Kind.Q8_0]
    assert after.fields.keys() == before.fields.keys()
    for old, new in zip(before.tensors, after.tensors, strict=True):
        one, two = (gguf.quants.dequantize(t.data, t.tensor_type) for t in (old, new))
        np.testing.assert_allclose(two, one, atol=float(np.abs(one).max()) / 127 / 2 * 1.01 if old.name == "a" else 0)
    assert shares == sorted(shares)
    assert shares[-1] == 1.0


def test_openvino_reads_the_families_that_it_knows(tmp_path: Path) -> None:
    assert openvino_convert.unreadable(gguf_header.read(write(tmp_path / "m.gguf"))) is None
    for more, words in (
        ({"architecture": "gemma3"}, "gemma3"),
        ({"pre": "tekken"}, "gpt2/tekken"),
        ({"tokenizer": "llama"}, "llama/qwen2"),
        ({"rope__scaling__type": "yarn"}, "positions"),
    ):
        reason = openvino_convert.unreadable(gguf_header.read(write(tmp_path / "m.gguf", **more)))
        assert reason is not None
        assert words in reason


def test_engines_are_chosen_by_what_is_in_the_file(tmp_path: Path) -> None:
    assert list(registry.engines_for(write(tmp_path / "a.bin"))) == ["openvino", "llama_cpp"]
    assert list(registry.engines_for(write(tmp_path / "b.bin", architecture="gemma3"))) == ["llama_cpp"]
    (tmp_path / "c.bin").write_bytes(b"something else entirely")
    assert list(registry.engines_for(tmp_path / "c.bin")) == []
    with pytest.raises(InvalidModelFile):
        registry.engines_for(tmp_path / "nowhere.gguf")


def test_the_cache_of_a_token_is_keys_and_values_of_all_layers_in_16_bits(tmp_path: Path) -> None:
    # 2 layers x 2 key-value heads x (16 + 16) values x 2 bytes
    assert llama_cpp_file.cache_bytes_per_token(gguf_header.read(write(tmp_path / "m.gguf"))) == 256


def test_a_model_in_several_files_is_measured_as_a_whole() -> None:
    names = [p.name for p in llama_cpp_file.parts(Path("m-00001-of-00003.gguf"), 3)]
    assert names == ["m-00001-of-00003.gguf", "m-00002-of-00003.gguf", "m-00003-of-00003.gguf"]
