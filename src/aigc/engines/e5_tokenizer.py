"""Text to token ids as multilingual-e5 learned them: XLM-RoBERTa's unigram vocabulary.

First every character is replaced as the model's own map says (control characters vanish, white space becomes a
space, full-width and other compatibility forms become plain ones), the result is composed (NFC), runs of spaces become
one. Then SentencePiece splits it; ``<s>`` and ``</s>`` go around it. Names of marks inside a text are plain text.

SentencePiece rather than the library ``tokenizers``: with 250,000 pieces it takes 40 MB instead of 280 MB.

Knows: the two files ``tokenizer.model`` and ``characters.json``. Does not know: the model, lengths, batches.
"""

from __future__ import annotations

import json
import re
import struct
import unicodedata
from pathlib import Path
from typing import Any

from aigc.engines.e5_file import E5File
from aigc.errors import StoreError, UserError

_MODEL, _CHARACTERS = "tokenizer.model", "characters.json"
_SPACE = "▁"
"""How the vocabulary writes a space."""
_NORMAL, _UNKNOWN, _CONTROL = 1, 2, 3
"""Types of pieces in SentencePiece."""


class E5Tokenizer:
    """A loaded vocabulary. Thread-safe.

    Raises:
        StoreError: the folder lacks one of the files, or one is damaged.
    """

    def __init__(self, folder: Path) -> None:
        import sentencepiece

        self._processor: Any = sentencepiece.SentencePieceProcessor()
        try:
            self._processor.LoadFromSerializedProto((folder / _MODEL).read_bytes())
            table: dict[str, str] = json.loads((folder / _CHARACTERS).read_text("utf-8"))
        except (OSError, ValueError, RuntimeError) as error:
            raise StoreError(f"the tokenizer in {folder.name} can't be read", hint="`aigc verify`") from error
        self._characters = {int(point): text for point, text in table.items()}
        self._begin, self._end = self._processor.bos_id(), self._processor.eos_id()
        self.size: int = self._processor.vocab_size()

    def encode(self, text: str) -> list[int]:
        """Token ids with ``<s>`` and ``</s>`` around them.

        Raises:
            UserError: the text holds half a surrogate pair.
        """
        plain = re.sub(" {2,}", " ", unicodedata.normalize("NFC", text.translate(self._characters)))
        if plain and plain[0] != " ":
            plain = " " + plain
        try:
            inner: list[int] = self._processor.EncodeAsIds(plain.replace(" ", _SPACE).encode())
        except UnicodeEncodeError as error:
            place = f"U+{ord(plain[error.start]):04X}"
            raise UserError(f"the text is not valid Unicode: it holds half a surrogate pair ({place})") from error
        return [self._begin, *inner, self._end]

    def piece(self, token: int) -> bytes:
        """UTF-8 of a token's text.

        Raises:
            UserError: an id outside the vocabulary.
        """
        if not 0 <= token < self.size:
            raise UserError(f"there is no token {token}; ids go from 0 to {self.size - 1}")
        text: str = self._processor.IdToPiece(token)
        return text.replace(_SPACE, " ").encode()


def write(file: E5File, folder: Path) -> None:
    """Write the two files for `E5Tokenizer`."""
    (folder / _MODEL).write_bytes(_model(file))
    table = json.dumps({str(point): text for point, text in file.characters.items()}, ensure_ascii=False)
    (folder / _CHARACTERS).write_text(table, "utf-8")


def _model(file: E5File) -> bytes:
    """A SentencePiece ``ModelProto`` that changes no character by itself.

    Source: sentencepiece_model.proto of google/sentencepiece (field numbers), protobuf.dev/programming-guides/encoding.
    """
    words = file.vocabulary
    # Marks have the score 0. As "control" pieces they are never found in a text.
    parts = [
        _message(1, _bytes(1, piece.encode()) + _float(2, score) + _integer(3, _CONTROL if score == 0 else _NORMAL))
        if index != words.unknown
        else _message(1, _bytes(1, piece.encode()) + _float(2, score) + _integer(3, _UNKNOWN))
        for index, (piece, score) in enumerate(zip(words.pieces, words.scores, strict=True))
    ]
    names = ((45, words.unknown), (46, words.begin), (47, words.end), (48, words.pad))
    trainer = _integer(3, 1)  # model_type: unigram
    trainer += _integer(40, words.unknown) + _integer(41, words.begin)
    trainer += _integer(42, words.end) + _integer(43, words.pad)
    trainer += b"".join(_bytes(field, words.pieces[index].encode()) for field, index in names)
    normaliser = _bytes(1, b"identity") + _integer(3, 0) + _integer(4, 0) + _integer(5, 0)
    return b"".join([*parts, _message(2, trainer), _message(3, normaliser)])


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


def _bytes(field: int, value: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(value)) + value


_message = _bytes


def _float(field: int, value: float) -> bytes:
    return _varint(field << 3 | 5) + struct.pack("<f", value)


def _integer(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)
