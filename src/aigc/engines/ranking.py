"""``best_of``: all answers are drawn before the likeliest of them are told.

An answer's rank is the mean log-probability of its tokens, as they were drawn.

Knows: events of choices. Does not know: engines, requests.
"""

from __future__ import annotations

import msgspec

from aigc.engines.choice import Choice
from aigc.types import Delta, Event, Finished


class Ranking:
    """Holds the events of one request's choices back until all are complete.

    Args:
        n: how many choices are told.
        logprobs: whether the client wants the log-probabilities, or they were drawn for the rank alone.
    """

    def __init__(self, n: int, *, logprobs: bool) -> None:
        self._n = n
        self._logprobs = logprobs
        self._held: dict[int, list[Event]] = {}

    def hold(self, choice: Choice, events: list[Event]) -> None:
        """Take the events of a choice out of ``events``."""
        self._held.setdefault(choice.index, []).extend(events)
        events.clear()

    def told(self, choices: list[Choice]) -> list[Event]:
        """The events of the best, numbered anew from the best on."""
        best = sorted(choices, key=lambda choice: -choice.mean_logprob)[: self._n]
        return [
            self._numbered(event, place)
            for place, choice in enumerate(best)
            for event in self._held.get(choice.index, ())
        ]

    def _numbered(self, event: Event, place: int) -> Event:
        if isinstance(event, Delta) and not self._logprobs:
            return msgspec.structs.replace(event, index=place, logprobs=())
        assert isinstance(event, (Delta, Finished))
        return msgspec.structs.replace(event, index=place)
