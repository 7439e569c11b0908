"""One choice of an answer: from what the engine adds to a sequence to the events that a client sees.

The way of a piece of text: thoughts (if the model has any), tool parser (if tools may be called), stop strings,
log-probabilities (if asked for, and only of what is shown). A plain answer passes through untouched: this code runs for
every token of every stream.

Knows: pieces of text and events. Does not know: engines, requests' ids, threads.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from aigc.engines.base import SequenceDelta
from aigc.engines.json_check import Check, parse
from aigc.engines.parts import Hidden, Thought, hidden
from aigc.engines.prediction import PredictionReader
from aigc.engines.stops import StopMatcher
from aigc.engines.thinking import ThinkingParser
from aigc.engines.tools import Callee, Part, ToolParser
from aigc.errors import EngineError, UserError
from aigc.types import Delta, Event, Finished, FinishReason, TokenLogprob, ToolCallDelta


@dataclass(frozen=True)
class ChoiceRules:
    """What all choices of a request have in common."""

    stop: tuple[str, ...] = ()
    tools: Mapping[str, Callee] | None = None
    """Those that may be called; None where there are none."""
    required: bool = False
    parallel: bool = True
    bare: bool = False
    """Calls without tags are calls, too."""
    named: bool = False
    """One certain function was asked for: OpenAI then says ``stop`` where it else says ``tool_calls``."""
    json: Check | None = None
    """What the client's schema says about an answer that calls nothing."""
    thinks: bool = False
    """The answer may begin with thoughts."""
    thinking: bool = False
    """It begins in the middle of them."""
    prediction: Sequence[bytes] = ()
    """The tokens that the client expects."""


@dataclass
class Choice:
    """The state of one choice. ``completion_tokens`` counts every token that the engine drew, cut away or not."""

    index: int
    rules: ChoiceRules
    completion_tokens: int = 0
    cached_tokens: int = 0
    echo: str = ""
    """The prompt, where it is told with its log-probabilities."""
    reasoning_tokens: int = 0
    over: bool = False
    _stops: StopMatcher | None = field(init=False, default=None)
    _tools: ToolParser | None = field(init=False, default=None)
    _thoughts: ThinkingParser | None = field(init=False, default=None)
    _written: list[str] = field(init=False, default_factory=list)
    _waiting: list[tuple[int, TokenLogprob]] = field(init=False, default_factory=list)
    _scores: list[float] = field(init=False, default_factory=list)
    _drawn_bytes: int = field(init=False, default=0)
    _shown_bytes: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        rules = self.rules
        if rules.stop:
            self._stops = StopMatcher(rules.stop)
        if rules.tools is not None:
            self._tools = ToolParser(
                rules.tools, required=rules.required, parallel=rules.parallel, bare=rules.bare and rules.json is None
            )
        if rules.thinks:
            self._thoughts = ThinkingParser(begun=rules.thinking)
        self.prediction = PredictionReader(rules.prediction) if rules.prediction else None
        self._plain = not (rules.stop or rules.tools is not None or rules.json or rules.thinks or rules.prediction)

    def push(self, delta: SequenceDelta, events: list[Event]) -> bool:
        """Take what a step added; append what the client sees of it.

        Returns: whether the choice is complete; the engine may still be drawing then.

        Raises:
            EngineError: the answer breaks what was promised (schema, required call).
            UserError: the request's own stop string cut its JSON in two.
        """
        if delta.prompt_logprobs:
            events.append(Delta(index=self.index, text=self.echo, logprobs=delta.prompt_logprobs))
        self.completion_tokens += delta.tokens
        self.cached_tokens = max(self.cached_tokens, delta.cached_tokens)
        if self._plain and not delta.logprobs and not self._waiting:
            if delta.text:
                events.append(Delta(index=self.index, text=delta.text))
        else:
            self._shaped(delta, events)
        if self.over:
            events.append(Finished(index=self.index, reason=self._reason("stop")))
        elif delta.finish is not None:
            self._finish(delta.finish, events)
        return self.over

    @property
    def mean_logprob(self) -> float:
        """Of the tokens that were drawn, the one that ended the answer apart; 0 where there were none."""
        return sum(self._scores) / max(len(self._scores), 1)

    def _shaped(self, delta: SequenceDelta, events: list[Event]) -> None:
        for token in delta.logprobs:
            self._scores.append(token.logprob or 0.0)
            self._waiting.append((self._drawn_bytes, token))
            self._drawn_bytes += len(token.bytes)
        if self._thoughts is None:
            self._answered(delta.text, events)
            return
        inside = self._thoughts.inside
        self._thought(self._thoughts.push(delta.text), events)
        if inside or self._thoughts.inside:
            self.reasoning_tokens += delta.tokens

    def _thought(self, parts: Sequence[str | Thought | Hidden], events: list[Event]) -> None:
        for part in parts:
            if isinstance(part, Thought):
                events.append(Delta(index=self.index, reasoning=part.text))
                part = hidden(part.text)
            if isinstance(part, Hidden):
                self._hide(part.size)
            else:
                self._answered(part, events)

    def _answered(self, text: str, events: list[Event]) -> None:
        if self._tools is None:
            self._text(text, events)
            return
        self._parts(self._tools.push(text), events)
        if self._tools.over:
            self.over = True

    def _parts(self, parts: Sequence[Part], events: list[Event]) -> None:
        for part in parts:
            if isinstance(part, ToolCallDelta):
                # One piece an event, as OpenAI does: there are clients that read only the first of a chunk.
                if not (self._stops and self._stops.hit):
                    events.append(Delta(index=self.index, tool_calls=(part,)))
            elif isinstance(part, Hidden):
                self._flush_stops(events)
                self._hide(part.size)
            elif not self.over:
                self._text(part, events)

    def _text(self, text: str, events: list[Event]) -> None:
        if self._stops is not None:
            text = self._stops.push(text)
            self.over = self._stops.hit is not None
            if self.over:
                self._check_json(cut=self._stops.hit, rest=text)
        self._show(text, events)

    def _flush_stops(self, events: list[Event]) -> None:
        if self._stops is not None:
            self._show(self._stops.flush(), events)

    def _hide(self, size: int) -> None:
        """Of what is not shown no log-probability is told."""
        if self._waiting:
            self._shown_bytes += size
            self._take_waiting()

    def _take_waiting(self) -> tuple[TokenLogprob, ...]:
        """The tokens that begin before the end of what was shown or hidden so far."""
        waiting = self._waiting
        ready = next((n for n, (at, _) in enumerate(waiting) if at >= self._shown_bytes), len(waiting))
        taken = tuple(token for _, token in waiting[:ready])
        del waiting[:ready]
        return taken

    def _show(self, text: str, events: list[Event]) -> None:
        if self.rules.json is not None and text:
            self._written.append(text)
        if self.prediction is not None:
            self.prediction.push(text)
        logprobs: tuple[TokenLogprob, ...] = ()
        if self._waiting:
            self._shown_bytes += len(text.encode("utf-8", "surrogatepass"))
            # A token is told with the first of its bytes: what a stop string cut away is never told.
            logprobs = self._take_waiting()
        if text or logprobs:
            events.append(Delta(index=self.index, text=text, logprobs=logprobs))

    def _finish(self, finish: FinishReason, events: list[Event]) -> None:
        if self._thoughts is not None:
            self._thought(self._thoughts.finish(), events)
        if self._tools is not None:
            self._parts(self._tools.finish(), events)
        if not self.over:
            self._flush_stops(events)
        called = self._tools is not None and (self._tools.calls > 0 or self.rules.required)
        if self._waiting and not self.over and not called:
            tokens = tuple(token for _, token in self._waiting)
            self._waiting.clear()
            events.append(Delta(index=self.index, logprobs=tokens))
        if not self.over and finish == "stop":
            self._check_json()
            if self.rules.required and self._tools is not None and not self._tools.calls:
                raise EngineError("the model ended its answer without the required tool call")
        reason = "stop" if self.over else finish
        self.over = True
        events.append(Finished(index=self.index, reason=self._reason(reason)))

    def _reason(self, reason: FinishReason) -> FinishReason:
        called = self._tools is not None and self._tools.calls > 0
        return "tool_calls" if called and reason == "stop" and not self.rules.named else reason

    def _check_json(self, *, cut: str | None = None, rest: str = "") -> None:
        if self.rules.json is None or (self._tools is not None and self._tools.calls):
            return
        text = "".join(self._written) + rest
        try:
            problem = self.rules.json(parse(text))
        except ValueError as error:
            problem = str(error)[:200]
        if problem is None:
            return
        if cut is not None:
            raise UserError(
                f"the stop string {cut[:40]!r} cut the JSON answer in two",
                param="stop",
                hint="leave 'stop' out where 'response_format' asks for JSON",
            )
        raise EngineError(f"the answer breaks the JSON schema: {problem}", hint="ask again")
