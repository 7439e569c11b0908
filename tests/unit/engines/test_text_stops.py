import pytest
from hypothesis import given
from hypothesis import strategies as st

from aigc.engines.stops import StopMatcher


def test_a_stop_string_across_pieces_never_shows_a_letter():
    matcher = StopMatcher(["END"])
    assert [matcher.push(piece) for piece in ("one E", "N", "D two")] == ["one ", "", ""]
    assert matcher.hit == "END"


def test_what_only_looked_like_a_stop_string_is_given_later():
    matcher = StopMatcher(["END"])
    assert [matcher.push(piece) for piece in ("E", "N", "x")] == ["", "", "ENx"]
    assert matcher.hit is None


def test_text_held_back_at_the_end_is_flushed():
    matcher = StopMatcher(["\n\n"])
    assert matcher.push("a\n") == "a"
    assert matcher.flush() == "\n"
    assert matcher.flush() == ""


def test_the_stop_string_that_is_complete_first_wins():
    matcher = StopMatcher(["abcd", "bc"])
    assert matcher.push("xabcd") == "xa"
    assert matcher.hit == "bc"


def test_nothing_comes_after_a_stop():
    matcher = StopMatcher(["."])
    assert matcher.push("a.b") == "a"
    assert matcher.push("c") == ""
    assert matcher.flush() == ""


def test_an_empty_stop_string_is_refused():
    with pytest.raises(ValueError, match="must not be empty"):
        StopMatcher([""])


@given(
    st.lists(st.text(alphabet="ab中", min_size=1, max_size=4), min_size=1, max_size=4),
    st.lists(st.text(alphabet="ab中", max_size=5), max_size=12),
)
def test_any_cutting_of_the_text_equals_a_search_in_the_whole_text(stops, pieces):
    whole = "".join(pieces)
    ends = [(whole.find(stop) + len(stop), whole.find(stop)) for stop in stops if stop in whole]
    expected = whole[: min(ends)[1]] if ends else whole

    matcher = StopMatcher(stops)
    shown = "".join(matcher.push(piece) for piece in pieces) + matcher.flush()

    assert shown == expected
    assert (matcher.hit is not None) == bool(ends)
