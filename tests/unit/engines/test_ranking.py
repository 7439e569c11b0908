"""`best_of`: which answers are told, and how."""

from aigc.engines.base import SequenceDelta
from aigc.engines.choice import Choice, ChoiceRules
from aigc.engines.ranking import Ranking
from aigc.types import Delta, Finished, TokenLogprob


def drawn(ranking, index, text, *logprobs):
    """A choice that was drawn with these log-probabilities, one a letter."""
    choice = Choice(index, ChoiceRules())
    tokens = tuple(TokenLogprob(token=t, bytes=(ord(t),), logprob=p) for t, p in zip(text, logprobs, strict=True))
    events = []
    choice.push(SequenceDelta(id=1, text=text, tokens=len(text), logprobs=tokens, finish="length"), events)
    ranking.hold(choice, events)
    assert events == []
    return choice


def test_the_mean_counts_not_the_sum():
    ranking = Ranking(1, logprobs=False)
    short = drawn(ranking, 0, "a", -1.0)
    long = drawn(ranking, 1, "bcde", -0.5, -0.5, -0.5, -0.5)
    assert ranking.told([short, long]) == [Delta(index=0, text="bcde"), Finished(index=0, reason="length")]


def test_the_told_ones_are_numbered_from_the_best_on():
    ranking = Ranking(2, logprobs=True)
    choices = [
        drawn(ranking, i, letter, score)
        for i, (letter, score) in enumerate(zip("abc", (-3.0, -1.0, -2.0), strict=True))
    ]
    told = ranking.told(choices)
    assert [(e.index, e.text, e.logprobs[0].logprob) for e in told if isinstance(e, Delta)] == [
        (0, "b", -1.0),
        (1, "c", -2.0),
    ]
