"""What the tokens of a GGUF model stand for, which of them end an answer, and the texts around a conversation.

Knows: how vocabularies write bytes (byte-level BPE, SentencePiece) and the names of end tokens.
Does not know: how text is split into tokens, engines.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import msgspec

from aigc.engines.gguf_header import Header
from aigc.errors import InvalidModelFile

_NORMAL, _UNKNOWN, _CONTROL, _USER_DEFINED, _UNUSED, _BYTE = 1, 2, 3, 4, 5, 6
"""``tokenizer.ggml.token_type``."""
_SPACE = "\u2581"
_NO_TOKEN = 2**32 - 1
"""How converters write that there is no such token."""

_END_NAMES = frozenset(
    "<|im_end|> <|endoftext|> <|eot_id|> <|eom_id|> <|end_of_text|> <end_of_turn> <|end|> <|eot|> <|return|> <|call|> "
    "</s> <eos> <EOT> <|end_of_role|> [EOS] <|END_OF_TURN_TOKEN|>".split()
) | {"<\uff5cend\u2581of\u2581sentence\uff5c>"}
"""Control tokens that end a turn, by the names that model families gave them. Files name only one or two of theirs."""


class Speech(msgspec.Struct, frozen=True, kw_only=True):
    """The tokens and texts with which a model begins and ends."""

    stop_ids: tuple[int, ...]
    control_ids: tuple[int, ...]
    """Tokens without text."""
    chat_template: str | None
    bos_token: str
    eos_token: str
    adds_bos: bool = False
    """Whether a text begins with ``bos_token``."""


def speech(header: Header) -> Speech:
    """Read the ends and the template of a model from its header. Raises: InvalidModelFile without a vocabulary."""
    names, kinds = _tokens(header)
    control = tuple(i for i, kind in enumerate(kinds) if kind in (_UNKNOWN, _CONTROL, _UNUSED))
    stops = {i for i in control if names[i].decode(errors="replace") in _END_NAMES}
    stops |= {i for role in ("eos", "eot", "eom") if (i := _special(header, role, len(names))) is not None}
    template = header.metadata.get("tokenizer.chat_template")
    return Speech(
        stop_ids=tuple(sorted(stops)),
        control_ids=control,
        chat_template=template or None,
        bos_token=_name(header, "bos", names),
        eos_token=_name(header, "eos", names),
        adds_bos=_adds_bos(header),
    )


def special_names(header: Header) -> frozenset[str]:
    """Names of the tokens that no ordinary text becomes. Raises: InvalidModelFile without a vocabulary."""
    names, kinds = _tokens(header)
    marks = (_CONTROL, _USER_DEFINED)
    return frozenset(name.decode(errors="replace") for name, kind in zip(names, kinds, strict=True) if kind in marks)


def control_names(header: Header) -> list[str]:
    """The names of the tokens without text. Raises: InvalidModelFile."""
    names, kinds = _tokens(header)
    return [names[i].decode(errors="replace") for i, kind in enumerate(kinds) if kind in (_UNKNOWN, _CONTROL)]


def _adds_bos(header: Header) -> bool:
    """As llama.cpp decides it: the file's own word, else what the family does. Source: llama.cpp, llama-vocab.cpp."""
    said = header.metadata.get("tokenizer.ggml.add_bos_token")
    if isinstance(said, bool):
        return said
    family = header.metadata.get("tokenizer.ggml.model") == "llama"
    return family or header.metadata.get("tokenizer.ggml.pre") in ("llama3", "llama-v3", "llama-bpe")


def pieces(header: Header) -> list[bytes]:
    """The bytes of every token, by id; empty for those that have no text. Raises: InvalidModelFile."""
    names, kinds = _tokens(header)
    byte_level = header.metadata.get("tokenizer.ggml.model") == "gpt2"
    plain = _byte_level if byte_level else _sentence_piece
    found = []
    for name, kind in zip(names, kinds, strict=True):
        if kind in (_UNKNOWN, _CONTROL, _UNUSED):
            found.append(b"")
        elif kind == _USER_DEFINED:
            found.append(name)
        elif kind == _BYTE:
            found.append(bytes([int(name[3:5], 16)]))
        else:
            found.append(plain(name))
    return found


def _tokens(header: Header) -> tuple[list[bytes], list[int]]:
    names: Any = header.metadata.get("tokenizer.ggml.tokens")
    if not isinstance(names, list) or not names:
        raise InvalidModelFile("the file holds no vocabulary (tokenizer.ggml.tokens)")
    kinds = header.metadata.get("tokenizer.ggml.token_type") or [_NORMAL] * len(names)
    if len(kinds) != len(names):
        raise InvalidModelFile(f"the file has {len(names)} tokens and {len(kinds)} token types")
    return names, kinds


def _special(header: Header, role: str, size: int) -> int | None:
    number = header.metadata.get(f"tokenizer.ggml.{role}_token_id", _NO_TOKEN)
    return number if isinstance(number, int) and 0 <= number < size else None


def _name(header: Header, role: str, names: list[bytes]) -> str:
    number = _special(header, role, len(names))
    return "" if number is None else names[number].decode(errors="replace")


@cache
def _letters() -> dict[str, int]:
    """The letters with which byte-level BPE writes bytes. Source: GPT-2's ``bytes_to_unicode``."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in printable]
    return {chr(b): b for b in printable} | {chr(256 + i): b for i, b in enumerate(others)}


def _byte_level(name: bytes) -> bytes:
    table = _letters()
    try:
        return bytes([table[letter] for letter in name.decode()])
    except (KeyError, UnicodeDecodeError):
        return name  # added later, written as it is


def _sentence_piece(name: bytes) -> bytes:
    return name.replace(_SPACE.encode(), b" ")
