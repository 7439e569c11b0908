"""Byte-level BPE: every text comes back, and llama.cpp cuts it as training does."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

torch = pytest.importorskip("torch", reason="the extra `train` isn't installed")

from aigc.errors import InvalidModelFile, UserError  # noqa: E402
from aigc.models.gpt import GPT, GPTConfig  # noqa: E402
from aigc.recipes.text import gguf_file, tokenizer  # noqa: E402

CORPUS = ["The lake is still. The lake is deep.", "湖水很静，湖水很深。", "def lake(x):\n    return x + 1\n"] * 20
TEXTS = [
    "The lake",
    "  two  spaces\n\n\tand tabs ",
    "1234567 and 3.14",
    "雪山下的湖，日落 2024年",
    "It's don't I'LL we've",
    "émigré 🙂👍🏽 ไทย",
    "<|im_start|>user\nhi<|im_end|>\n",
    "",
]


@pytest.fixture(scope="module")
def codec() -> tokenizer.Codec:
    return tokenizer.learn(CORPUS, 300, ["<|im_start|>", "<|im_end|>"], template="{{ messages[0].content }}")


@pytest.mark.parametrize("text", TEXTS)
def test_every_text_comes_back(codec: tokenizer.Codec, text: str) -> None:
    assert codec.decode(codec.encode(text)) == text


def test_what_stands_together_often_is_one_token(codec: tokenizer.Codec) -> None:
    assert codec.size == 300
    assert [codec.decode([n]) for n in codec.encode("The lake is")] == ["The", " lake", " is"]
    assert codec.encode("<|im_start|>") == [codec.inner.token_to_id("<|im_start|>")]
    assert codec.encode_all(["The lake", "<|endoftext|>"])[1] == [codec.end]


def test_it_is_kept_and_found_again(codec: tokenizer.Codec, tmp_path: Path) -> None:
    tokenizer.keep(codec, tmp_path)
    again = tokenizer.kept(tmp_path)
    assert (again.size, again.cut, again.end, again.template) == (300, "gpt-2", codec.end, codec.template)
    assert [again.encode(t) for t in TEXTS] == [codec.encode(t) for t in TEXTS]


def test_transformers_reads_what_is_kept(codec: tokenizer.Codec, tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers", reason="the extra `diffusers` isn't installed")
    tokenizer.keep(codec, tmp_path)
    theirs = transformers.AutoTokenizer.from_pretrained(tmp_path)
    assert [theirs.encode(t, add_special_tokens=False) for t in TEXTS] == [codec.encode(t) for t in TEXTS]
    assert theirs.chat_template == codec.template


def test_llama_cpp_cuts_texts_as_training_does(codec: tokenizer.Codec, tmp_path: Path) -> None:
    xllamacpp = pytest.importorskip("xllamacpp")
    words = tokenizer.to_words(codec)
    gpt = GPT(GPTConfig(vocabulary=300, context=64, width=32, layers=1, heads=2))
    gguf_file.save(gpt, tmp_path / "toy.gguf", words, packing="f32")
    again = tokenizer.from_words(gguf_file.words_of(tmp_path / "toy.gguf"))
    params = xllamacpp.CommonParams()
    params.model.path = str(tmp_path / "toy.gguf")
    params.n_ctx, params.n_parallel, params.warmup = 64, 1, False
    server = xllamacpp.Server(params)
    for text in TEXTS:
        asked = {"content": text, "add_special": False, "parse_special": True}
        told = httpx.post(f"{server.listening_address}/tokenize", json=asked, timeout=60).json()["tokens"]
        assert codec.encode(text) == told, text
        assert again.encode(text) == told, text


def test_too_small_a_vocabulary_and_unknown_tokenizers_are_refused(codec: tokenizer.Codec, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="a vocabulary of 257; accepted: more than 257"):
        tokenizer.learn(CORPUS, 257)
    words = [e._replace(value="tekken") if e.key == "tokenizer.ggml.pre" else e for e in tokenizer.to_words(codec)]
    with pytest.raises(UserError, match="cut by 'tekken'; accepted: 'gpt2', cut by gpt-2, smollm, qwen2"):
        tokenizer.from_words(words)
    with pytest.raises(InvalidModelFile, match="holds no readable tokenizer"):
        tokenizer.kept(tmp_path)
