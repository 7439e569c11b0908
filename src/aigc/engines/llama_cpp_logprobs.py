"""Log-probabilities of every token from llama.cpp, which tells them of the last token of a character only.

A character that spans tokens arrives with its last token; of those before, neither number nor probability is told.
Which they were follows from the bytes. How likely they were is asked afterwards, one token each: a request whose
sampled token is forced to be a complete character lists the raw probabilities of all tokens, the missing one among
them. The questions go from the last gap to the first, so that each finds its beginning in the cache. From the first gap
on, the answer waits.

Knows: llama.cpp's ``logprobs``. Does not know: how a sequence is computed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import msgspec

from aigc.engines.base import SequenceDelta
from aigc.engines.detokenise import token_logprob
from aigc.errors import EngineError
from aigc.types import JSON, TokenLogprob, TopLogprob


class Logprobs:
    """Puts log-probabilities into the deltas of one sequence.

    Args:
        prompt: its tokens.
        top: how many rivals to tell of.
        pieces: the bytes of every token.
    """

    def __init__(self, prompt: Sequence[int], top: int, pieces: Sequence[bytes]) -> None:
        self._tokens = list(prompt)
        self._top = top
        self._pieces = pieces
        self._waiting: list[tuple[SequenceDelta, list[TokenLogprob | int]]] = []

    def add(self, delta: SequenceDelta, entries: list[JSON]) -> SequenceDelta | None:
        """A delta with its log-probabilities; None while it has to wait. Raises: EngineError."""
        found: list[TokenLogprob | int] = []
        for entry in entries:
            for token in self._before(delta, entry):
                found.append(len(self._tokens))  # a gap: the place whose probabilities are still to be asked
                self._tokens.append(token)
            self._tokens.append(entry["id"])
            found.append(self._entry(entry["id"], entry["logprob"], entry["top_logprobs"]))
        complete = [item for item in found if isinstance(item, TokenLogprob)]
        if not self._waiting and len(complete) == len(found):
            return msgspec.structs.replace(delta, logprobs=tuple(complete))
        self._waiting.append((delta, found))
        return None

    def late(self, ask: Callable[[JSON], JSON]) -> Iterator[SequenceDelta]:
        """What had to wait, once the sequence is over; ``ask`` makes a request. Raises: EngineError."""
        gaps = [place for _, found in self._waiting for place in found if isinstance(place, int)]
        answers = {place: self._asked(place, ask) for place in reversed(gaps)}
        for delta, found in self._waiting:
            entries = tuple(answers[item] if isinstance(item, int) else item for item in found)
            yield msgspec.structs.replace(delta, logprobs=entries)

    def prompt(self, start: int, end: int, ask: Callable[[JSON], JSON]) -> Iterator[TokenLogprob]:
        """Tokens of the prompt, one request each; the place before it is in the cache. Raises: EngineError."""
        for place in range(start, end):
            if place == 0:
                yield token_logprob(self._pieces[self._tokens[0]], None)
            else:
                yield self._forced(place, ask) or self._asked(place, ask)

    def _forced(self, place: int, ask: Callable[[JSON], JSON]) -> TokenLogprob | None:
        """A place whose token is drawn by force, which tells its raw probability; None if it is no whole character."""
        token = self._tokens[place]
        if not self._pieces[token]:
            return None
        body = {"prompt": self._tokens[:place], "max_tokens": 1, "logprobs": max(1, self._top)}
        entries = (ask(body | {"logit_bias": [[token, 1000]]})["choices"][0]["logprobs"] or {}).get("content", [])
        if len(entries) != 1 or entries[0]["id"] != token:
            return None
        return self._entry(token, entries[0]["logprob"], entries[0]["top_logprobs"])

    def _before(self, delta: SequenceDelta, entry: JSON) -> list[int]:
        """The tokens of this delta that came before its last one."""
        missing = delta.tokens - 1
        if missing <= 0:
            return []
        text, last = delta.text.encode(), self._pieces[entry["id"]]
        found = self._split(text[: len(text) - len(last)], missing) if text.endswith(last) else None
        if found is None:
            raise EngineError("llama.cpp told no log-probabilities for a piece of this answer")
        return found

    def _split(self, data: bytes, count: int) -> list[int] | None:
        """``count`` tokens that make up these bytes, longer pieces first; None if there are none."""
        if count == 0:
            return None if data else []
        for length in range(len(data) - count + 1, 0, -1):
            token = self._by_bytes.get(data[:length])
            if token is not None and (rest := self._split(data[length:], count - 1)) is not None:
                return [token, *rest]
        return None

    @property
    def _by_bytes(self) -> dict[bytes, int]:
        if not hasattr(self, "_table"):
            self._table = {piece: token for token, piece in enumerate(self._pieces) if piece}
        return self._table

    def _asked(self, place: int, ask: Callable[[JSON], JSON]) -> TokenLogprob:
        token, count = self._tokens[place], max(64, self._top)
        forced = self._by_bytes[b"a"]
        while True:
            body = {"prompt": self._tokens[:place], "max_tokens": 1, "logprobs": count, "logit_bias": [[forced, 1000]]}
            entry = ask(body)["choices"][0]["logprobs"]["content"][0]
            for rival in entry["top_logprobs"]:
                if rival["id"] == token:
                    return self._entry(token, rival["logprob"], entry["top_logprobs"])
            if count >= len(self._pieces):
                raise EngineError("llama.cpp told no log-probabilities for a piece of this answer")
            count = len(self._pieces)

    def _entry(self, token: int, logprob: float, rivals: list[JSON]) -> TokenLogprob:
        top = []
        for rival in rivals[: self._top]:
            shown = token_logprob(self._pieces[rival["id"]], rival["logprob"])
            top.append(TopLogprob(token=shown.token, bytes=shown.bytes, logprob=rival["logprob"]))
        chosen = token_logprob(self._pieces[token], logprob)
        return TokenLogprob(token=chosen.token, bytes=chosen.bytes, logprob=chosen.logprob, top=tuple(top))
