"""GGUF files, written and read: llama.cpp gives the text that the network gives, in every architecture."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="the extra `train` isn't installed")

from aigc.errors import InvalidModelFile, UserError  # noqa: E402
from aigc.models.gpt import GPT, GPTConfig  # noqa: E402
from aigc.recipes.text import gguf_file  # noqa: E402
from aigc.recipes.text.gguf_file import Entry  # noqa: E402

SIZES = {"vocabulary": 258, "context": 64, "width": 64, "layers": 2, "heads": 4}
BASE: dict[str, Any] = {**SIZES, "key_heads": 2, "head_width": 16, "inner": 96}
FORMS = {
    "gpt2": GPTConfig(positions="learned", norm="layer", feed="gelu_tanh", biases="all", **{**BASE, "key_heads": 4}),
    "llama": GPTConfig(tied=False, **BASE),
    "qwen2": GPTConfig(biases="qkv", rotary_base=1e6, **BASE),
    "qwen3": GPTConfig(norm_qk=True, **{**BASE, "head_width": 32}),
}


def _words() -> list[Entry]:
    """A tokenizer of 256 bytes, one pair and an end, as GPT-2's files have it."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    rest = [b for b in range(256) if b not in plain]
    letters = {**{b: chr(b) for b in plain}, **{b: chr(256 + i) for i, b in enumerate(rest)}}
    tokens = [*(letters[b] for b in range(256)), "ab", "<|end|>"]
    text, numbers = 8, 5
    return [
        Entry("tokenizer.ggml.model", "gpt2", text, None),
        Entry("tokenizer.ggml.pre", "gpt-2", text, None),
        Entry("tokenizer.ggml.tokens", tokens, 9, text),
        Entry("tokenizer.ggml.token_type", [1] * 257 + [3], 9, numbers),
        Entry("tokenizer.ggml.merges", ["a b"], 9, text),
        Entry("tokenizer.ggml.eos_token_id", 257, 4, None),
        Entry("tokenizer.chat_template", "{{ messages[0].content }}", text, None),
    ]


def _gpt(form: str) -> GPT:
    torch.manual_seed(7)
    gpt = GPT(FORMS[form]).eval()
    for parameter in gpt.parameters():  # large weights, so that the likeliest token is so by far
        parameter.data += 0.15 * torch.randn_like(parameter)
    for table in (gpt.embed, gpt.head):
        if table is not None:
            table.weight.data[128:256] = 0  # never the likeliest: half a character would not be told by itself
    return gpt


@pytest.mark.parametrize("form", FORMS)
def test_llama_cpp_gives_the_same_greedy_tokens(form: str, tmp_path: Path) -> None:
    xllamacpp = pytest.importorskip("xllamacpp")
    gpt = _gpt(form)
    gguf_file.save(gpt, tmp_path / "toy.gguf", _words(), packing="f32", about={"general.name": "toy"})
    prompt = [72, 101, 108, 108, 111]
    ours = list(gpt.generate(torch.tensor(prompt), 12))
    params = xllamacpp.CommonParams()
    params.model.path = str(tmp_path / "toy.gguf")
    params.n_ctx, params.n_parallel, params.warmup = 64, 1, False
    server = xllamacpp.Server(params)
    told = server.handle_completions(
        {"prompt": prompt, "max_tokens": 12, "temperature": 0, "ignore_eos": True, "logprobs": 1}
    )
    theirs = [entry["id"] for entry in told["choices"][0]["logprobs"]["content"]]
    assert theirs == ours


@pytest.mark.parametrize("form", FORMS)
def test_what_is_read_is_what_was_written(form: str, tmp_path: Path) -> None:
    gpt = _gpt(form)
    gguf_file.save(gpt, tmp_path / "toy.gguf", _words(), packing="f32")
    again = gguf_file.load(tmp_path / "toy.gguf")
    assert again.config == gpt.config
    assert all(torch.equal(again.state_dict()[name], x) for name, x in gpt.state_dict().items())
    assert gguf_file.words_of(tmp_path / "toy.gguf") == _words()


@pytest.mark.parametrize(("packing", "most"), [("f16", 1e-3), ("bf16", 8e-3), ("q8_0", 1e-2), ("q4_0", 0.15)])
def test_packings_lose_as_little_as_they_should(packing: Any, most: float, tmp_path: Path) -> None:
    gpt = _gpt("llama")
    gguf_file.save(gpt, tmp_path / "toy.gguf", _words(), packing=packing)
    again = gguf_file.load(tmp_path / "toy.gguf")
    error = (again.blocks[0].feed.up.weight - gpt.blocks[0].feed.up.weight).norm()
    assert 0 < error / gpt.blocks[0].feed.up.weight.norm() < most


def test_a_tokenizer_of_another_size_is_refused(tmp_path: Path) -> None:
    gpt = GPT(GPTConfig(**{**BASE, "vocabulary": 260}))
    with pytest.raises(UserError, match="the tokenizer has 258 tokens, the network 260"):
        gguf_file.save(gpt, tmp_path / "toy.gguf", _words())


def test_files_that_are_none_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.gguf").write_bytes(b"GGUF" + b"\xff" * 60)
    (tmp_path / "b.gguf").write_bytes(b"<!doctype html>")
    for name in ("a.gguf", "b.gguf", "c.gguf"):
        with pytest.raises(InvalidModelFile, match="is not a readable GGUF file"):
            gguf_file.load(tmp_path / name)
