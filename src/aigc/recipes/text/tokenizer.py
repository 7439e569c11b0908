"""Byte-level BPE: learned from texts, taken from a GGUF file, written into one.

Every text is a row of bytes, so no text is unknown; a token is a run of bytes that often stand together.

Source: Sennrich et al. 2015, arXiv:1508.07909 (byte-pair encoding); Radford et al. 2019 (bytes instead of characters,
and the pattern that cuts texts into words first).
Knows: the library `tokenizers`, GGUF's entries about tokens. Does not know: networks, chats.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aigc.errors import InvalidModelFile, UserError
from aigc.recipes.text.gguf_file import Entry
from aigc.training.checkpoint import replace

if TYPE_CHECKING:
    from tokenizers import Tokenizer

END = "<|endoftext|>"
"""Between two texts, and after an answer."""
_TEXT, _LIST, _UINT32, _INT32, _BOOL = 8, 9, 4, 5, 7
_NORMAL, _CONTROL, _OWN = 1, 3, 4
_QWEN2 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
_CUTS = ("gpt-2", "smollm", "qwen2")
"""Names of the ways to cut a text into words (``tokenizer.ggml.pre``) that are known here."""


@dataclass(frozen=True, slots=True)
class Codec:
    """Text to numbers and back.

    Attributes:
        inner: the library's tokenizer.
        cut: how texts are cut into words, by GGUF's name.
        end: number of the token that ends a text.
        template: Jinja source that makes a text of a chat; empty: the model has no chats.
    """

    inner: Tokenizer
    cut: str
    end: int
    template: str = ""

    @property
    def size(self) -> int:
        """Number of tokens."""
        return int(self.inner.get_vocab_size(with_added_tokens=True))

    def encode(self, text: str) -> list[int]:
        """Numbers; names of control tokens become those tokens, as a template writes them. Nothing is added."""
        return list(self.inner.encode(text, add_special_tokens=False).ids)

    def encode_all(self, texts: Sequence[str]) -> list[list[int]]:
        """The same for many texts, on all cores."""
        return [list(e.ids) for e in self.inner.encode_batch(list(texts), add_special_tokens=False)]

    def decode(self, tokens: Sequence[int]) -> str:
        """The text, names of control tokens included."""
        return str(self.inner.decode(list(tokens), skip_special_tokens=False))


def learn(texts: Iterable[str], size: int, controls: Sequence[str] = (), template: str = "") -> Codec:
    """A tokenizer for these texts.

    Args:
        texts: read once.
        size: most tokens: 256 for the bytes, one for each control token, the rest are learned, fewer if little repeats.
        controls: names of control tokens beside `END`.
        template: see `Codec`.

    Raises:
        UserError: the size leaves nothing to learn.
    """
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    names = list(dict.fromkeys([END, *controls]))
    if size <= (least := 256 + len(names)):
        raise UserError(f"a vocabulary of {size}; accepted: more than {least}, the bytes and the control tokens")
    inner = Tokenizer(models.BPE())
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    inner.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        special_tokens=names,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    inner.train_from_iterator(texts, trainer)
    end = inner.token_to_id(END)
    assert end is not None, "it was named above"
    return Codec(inner, "gpt-2", end, template)


def keep(codec: Codec, folder: Path) -> None:
    """Write ``tokenizer.json``, and ``tokenizer_config.json`` with the template, as `transformers` reads them.

    Raises: OSError.
    """
    end = codec.inner.id_to_token(codec.end)
    about = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "eos_token": end,
        "bos_token": end,
        "aigc_cut": codec.cut,
        **({"chat_template": codec.template} if codec.template else {}),
    }
    folder.mkdir(parents=True, exist_ok=True)
    replace(folder / "tokenizer.json", codec.inner.to_str().encode())
    replace(folder / "tokenizer_config.json", json.dumps(about, ensure_ascii=False, indent=1).encode())


def kept(folder: Path) -> Codec:
    """What `keep` wrote. Raises: InvalidModelFile."""
    from tokenizers import Tokenizer

    try:
        about = json.loads((folder / "tokenizer_config.json").read_text("utf-8"))
        inner = Tokenizer.from_str((folder / "tokenizer.json").read_text("utf-8"))
        if (end := inner.token_to_id(about["eos_token"])) is None:
            raise KeyError(about["eos_token"])
        return Codec(inner, about.get("aigc_cut", ""), end, about.get("chat_template", ""))
    except Exception as error:  # the library raises plain Exception
        raise InvalidModelFile(f"{folder} holds no readable tokenizer: {error}") from error


def from_words(words: Sequence[Entry]) -> Codec:
    """The tokenizer that a GGUF file describes.

    Args:
        words: see `aigc.recipes.text.gguf_file.words_of`.

    Raises:
        UserError: it is none of byte-level pairs, or cuts texts in a way that is not known here.
        InvalidModelFile: something is missing.
    """
    from tokenizers import AddedToken, Tokenizer, decoders, models

    told: dict[str, Any] = {entry.key.removeprefix("tokenizer."): entry.value for entry in words}
    if told.get("ggml.model") != "gpt2" or told.get("ggml.pre") not in _CUTS:
        raise UserError(
            f"the tokenizer is {told.get('ggml.model')!r}, cut by {told.get('ggml.pre')!r}; "
            f"accepted: 'gpt2', cut by {', '.join(_CUTS)}"
        )
    try:
        tokens, kinds, end = told["ggml.tokens"], told["ggml.token_type"], int(told["ggml.eos_token_id"])
        merges = [tuple(pair.split(" ", 1)) for pair in told["ggml.merges"]]
        vocabulary = {token: number for number, token in enumerate(tokens)}
        inner = Tokenizer(models.BPE(vocab=vocabulary, merges=merges))
    except Exception as error:  # the library raises plain Exception
        raise InvalidModelFile(f"the file's tokenizer can't be used: {error}") from error
    _cut(inner, told["ggml.pre"])
    inner.decoder = decoders.ByteLevel()
    named = [t for t, kind in zip(tokens, kinds, strict=True) if kind in (_CONTROL, _OWN)]
    inner.add_special_tokens([AddedToken(t, special=True, normalized=False) for t in named])
    return Codec(inner, told["ggml.pre"], end, told.get("chat_template", ""))


def to_words(codec: Codec) -> list[Entry]:
    """What a GGUF file says of a tokenizer that was learned here. Raises: UserError: it was not learned here."""
    if codec.cut not in _CUTS:
        raise UserError(f"how the tokenizer cuts texts is {codec.cut!r}; accepted: {', '.join(_CUTS)}")
    described = json.loads(codec.inner.to_str())
    controls = {entry["id"] for entry in described["added_tokens"]}
    tokens = [codec.inner.id_to_token(number) for number in range(codec.size)]
    merges = [" ".join(pair) if isinstance(pair, list) else pair for pair in described["model"]["merges"]]
    words = [
        Entry("tokenizer.ggml.model", "gpt2", _TEXT, None),
        Entry("tokenizer.ggml.pre", codec.cut, _TEXT, None),
        Entry("tokenizer.ggml.tokens", tokens, _LIST, _TEXT),
        Entry(
            "tokenizer.ggml.token_type",
            [_CONTROL if number in controls else _NORMAL for number in range(codec.size)],
            _LIST,
            _INT32,
        ),
        Entry("tokenizer.ggml.merges", merges, _LIST, _TEXT),
        Entry("tokenizer.ggml.eos_token_id", codec.end, _UINT32, None),
        Entry("tokenizer.ggml.bos_token_id", codec.end, _UINT32, None),
        Entry("tokenizer.ggml.add_bos_token", False, _BOOL, None),
    ]
    if codec.template:
        words.append(Entry("tokenizer.chat_template", codec.template, _TEXT, None))
    return words


def _cut(inner: Tokenizer, name: str) -> None:
    """Set how texts are cut into words before pairs are joined."""
    from tokenizers import Regex, normalizers
    from tokenizers.pre_tokenizers import ByteLevel, Digits, Split
    from tokenizers.pre_tokenizers import Sequence as Steps

    if name == "qwen2":
        inner.normalizer = normalizers.NFC()
        inner.pre_tokenizer = Steps(
            [Split(Regex(_QWEN2), "isolated"), ByteLevel(add_prefix_space=False, use_regex=False)]
        )
    elif name == "smollm":
        inner.pre_tokenizer = Steps([Digits(individual_digits=True), ByteLevel(add_prefix_space=False)])
    else:
        inner.pre_tokenizer = ByteLevel(add_prefix_space=False)
