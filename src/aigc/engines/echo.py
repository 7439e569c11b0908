"""A text engine without a model: it says back what it was told, one character a token, the same every time.

For tests, examples and measurements of everything around a model. A chat is answered with the last user message, a
completion with its prompt; under a constraint the answer is the shortest that it allows. All features are honoured:
every drawn token has the log-probability 0.0 and its rivals -1.0, a token biased to -100 is left out of the answer;
seeds, temperatures and penalties change nothing, for there is nothing to choose. ``ignore_eos`` repeats the answer up
to ``max_tokens``.

``path`` of its `aigc.types.EngineFile` is ``echo:`` with options, for instance ``echo:?delay=0.01&crash_after=5``:
``delay`` seconds per step; ``fail_after``, ``hang_after`` and ``crash_after`` tokens (counted since the engine was
loaded) an error, silence for ever, or the death of the process by SIGSEGV; ``load_delay`` seconds to load.

Knows: tokens. Does not know: conversations beyond finding the last user turn, HTTP, files.
"""

from __future__ import annotations

import signal
import threading
import time
from collections import OrderedDict
from dataclasses import dataclass
from typing import get_args
from urllib.parse import parse_qsl

import msgspec

from aigc.engines.base import Emit, LoadOptions, SequenceDelta, SequenceRequest
from aigc.engines.constraint import Constraint, ToolConstraint, whole
from aigc.engines.grammar import shortest
from aigc.errors import EngineError, UserError
from aigc.types import EngineFile, Feature, ModelSpec, TokenLogprob, TopLogprob

_START, _END = "<|im_start|>", "<|im_end|>"
_SPECIAL = {_START: 0x110000, _END: 0x110001}
_NAMES = {number: name for name, number in _SPECIAL.items()}

CHAT_TEMPLATE = (
    "{%- for message in messages %}"
    "{{ '<|im_start|>' + message.role + '\n' + message.content + '<|im_end|>\n' }}"
    "{%- endfor %}"
    "{%- if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{%- endif %}"
)


@dataclass(frozen=True)
class EchoOptions:
    """How the engine behaves; see the module."""

    delay_seconds: float = 0.0
    load_seconds: float = 0.0
    fail_after: int | None = None
    hang_after: int | None = None
    crash_after: int | None = None


def options(path: str) -> EchoOptions:
    """Read ``echo:?delay=0.01&crash_after=5``.

    Raises: UserError: another form, an unknown name, or a value that is no number of at least 0.
    """
    scheme, _, query = path.partition("?")
    if scheme != "echo:":
        raise UserError(f"an echo model's path looks like 'echo:?delay=0.01', got {path!r}")
    names = {"delay": "delay_seconds", "load_delay": "load_seconds"}
    values: dict[str, float | int] = {}
    for name, text in parse_qsl(query, keep_blank_values=True):
        field = names.get(name, name)
        if field not in EchoOptions.__dataclass_fields__ or (field == name and not name.endswith("_after")):
            raise UserError(f"echo has no option {name!r}: delay, load_delay, fail_after, hang_after, crash_after")
        try:
            values[field] = float(text) if field.endswith("_seconds") else int(text)
        except ValueError:
            raise UserError(f"echo's option {name!r} is a number, got {text!r}") from None
        if not 0 <= values[field] < 1e9:
            raise UserError(f"echo's option {name!r} is at least 0, got {text!r}")
    return EchoOptions(**values)  # type: ignore[arg-type]


@dataclass
class _Sequence:
    request: SequenceRequest
    answer: list[int]
    done: int = 0
    scored: bool = False


class EchoEngine:
    """`aigc.engines.base.TextEngine` that repeats.

    Args:
        spec: the model, for its context.
        file: its path holds the options.
        loading: the context to make room for; nothing else of it matters here.

    Raises:
        UserError: the path has another form, or options that don't exist.
    """

    features: frozenset[Feature] = frozenset(get_args(Feature))
    chat_template: str | None = CHAT_TEMPLATE
    bos_token = _START
    eos_token = _END
    control_names = tuple(_SPECIAL)
    adds_bos = False
    fingerprint = "echo-1"

    def __init__(self, spec: ModelSpec, file: EngineFile, loading: LoadOptions) -> None:
        self.context_tokens = min(spec.context_tokens, loading.context_tokens)
        self._how = options(file.path)
        time.sleep(self._how.load_seconds)
        self._work = threading.Condition()
        self._sequences: OrderedDict[int, _Sequence] = OrderedDict()
        self._closed = threading.Event()
        self._drawn = 0
        self._last_step = time.monotonic()
        self._thread: threading.Thread | None = None

    def encode(self, text: str, *, control: bool = True) -> list[int]:
        """One token a character; the names of the two control tokens are one token each."""
        found: list[int] = []
        at = 0
        while at < len(text):
            if control and text[at] == "<" and (name := next((n for n in _SPECIAL if text.startswith(n, at)), None)):
                found.append(_SPECIAL[name])
                at += len(name)
                continue
            if 0xD800 <= ord(text[at]) < 0xE000:
                raise UserError("the text holds half of a surrogate pair", hint="send valid UTF-8")
            found.append(ord(text[at]))
            at += 1
        return found

    def piece(self, token: int) -> bytes:
        """See `aigc.engines.base.TextEngine.piece`."""
        if token in _NAMES:
            return _NAMES[token].encode()
        if not 0 <= token < 0x110000 or 0xD800 <= token < 0xE000:
            raise UserError(f"there is no token {token}; ids are Unicode code points and 1114112 to 1114113")
        return chr(token).encode()

    def start(self, emit: Emit) -> None:
        """See `aigc.engines.base.TextEngine.start`."""
        self._thread = threading.Thread(target=self._run, args=(emit,), name="echo", daemon=True)
        self._thread.start()

    def submit(self, request: SequenceRequest) -> None:
        """See `aigc.engines.base.TextEngine.submit`."""
        banned = {token for token, bias in request.draw.logit_bias.items() if bias <= -100}
        answer = [token for token in self._answer(request) if token not in banned]
        with self._work:
            if not self._sequences:
                self._last_step = time.monotonic()
            self._sequences[request.id] = _Sequence(request, answer)
            self._work.notify()

    def cancel(self, sequence_id: int) -> None:
        """See `aigc.engines.base.TextEngine.cancel`."""
        with self._work:
            self._sequences.pop(sequence_id, None)

    def stalled_seconds(self) -> float:
        """See `aigc.engines.base.TextEngine.stalled_seconds`."""
        return time.monotonic() - self._last_step if self._sequences else 0.0

    def close(self) -> None:
        """See `aigc.engines.base.TextEngine.close`."""
        self._closed.set()
        with self._work:
            self._work.notify()
        if self._thread is not None:
            self._thread.join()

    def _answer(self, request: SequenceRequest) -> list[int]:
        if request.constraint is not None and (text := _constrained(request.constraint)):
            return self.encode(text)
        tokens = list(request.tokens)
        if _SPECIAL[_START] not in tokens:
            return tokens
        user = self.encode(f"{_START}user\n")
        for at in range(len(tokens) - len(user), -1, -1):
            if tokens[at : at + len(user)] == user:
                body = tokens[at + len(user) :]
                return body[: body.index(_SPECIAL[_END])] if _SPECIAL[_END] in body else body
        return []

    def _run(self, emit: Emit) -> None:
        while not self._closed.is_set():
            with self._work:
                while not self._sequences and not self._closed.is_set():
                    self._work.wait()
            if self._how.delay_seconds:
                self._closed.wait(self._how.delay_seconds)
            self._faults()
            with self._work:
                deltas = [self._step(sequence) for sequence in self._sequences.values()]
                for delta in deltas:
                    if delta.finish is not None or delta.error is not None:
                        del self._sequences[delta.id]
            emit(deltas)  # without the lock: the receiver may cancel
            self._last_step = time.monotonic()

    def _step(self, sequence: _Sequence) -> SequenceDelta:
        request = sequence.request
        if self._how.fail_after is not None and self._drawn >= self._how.fail_after:
            return SequenceDelta(id=request.id, error=EngineError(f"echo fails after {self._how.fail_after} tokens"))
        if request.scored is not None and not sequence.scored:
            sequence.scored = True
            start, end = request.scored
            scores = [_logprob(token, request.top_logprobs or 0) for token in request.tokens[start:end]]
            if start == 0 < end:
                scores[0] = msgspec.structs.replace(scores[0], logprob=None, top=())
            return SequenceDelta(
                id=request.id, prompt_logprobs=tuple(scores), finish=None if request.max_tokens else "length"
            )
        self._drawn += 1
        answer = sequence.answer
        if request.ignore_eos:
            token = (answer or [32])[sequence.done % max(len(answer), 1)]
        elif sequence.done == len(answer):
            return SequenceDelta(id=request.id, tokens=1, finish="stop")
        else:
            token = answer[sequence.done]
        sequence.done += 1
        return SequenceDelta(
            id=request.id,
            text="" if token in _NAMES else chr(token),
            tokens=1,
            logprobs=() if request.top_logprobs is None else (_logprob(token, request.top_logprobs),),
            finish="length" if sequence.done >= request.max_tokens else None,
        )

    def _faults(self) -> None:
        if self._how.crash_after is not None and self._drawn >= self._how.crash_after:
            signal.raise_signal(signal.SIGSEGV)  # to this thread: nothing is drawn after it
        if self._how.hang_after is not None and self._drawn >= self._how.hang_after:
            self._closed.wait()


def _constrained(constraint: Constraint) -> str:
    """The shortest answer that a constraint leaves; empty where it leaves all."""
    if isinstance(constraint, ToolConstraint) and constraint.waits:
        return ""
    return shortest(whole(constraint)) or ""


def _logprob(token: int, top: int) -> TokenLogprob:
    def piece(number: int) -> str:
        return _NAMES.get(number) or chr(number)

    rivals = [(token, 0.0), *[(32 + n if 32 + n < token else 33 + n, -1.0) for n in range(top - 1)]][:top]
    return TokenLogprob(
        token=piece(token),
        bytes=tuple(piece(token).encode()),
        logprob=0.0,
        top=tuple(TopLogprob(token=piece(t), bytes=tuple(piece(t).encode()), logprob=p) for t, p in rivals),
    )
