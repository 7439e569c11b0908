"""How a prompt goes in whose answer shall not depend on its neighbours."""

from aigc.engines.openvino_repeat import pieces

SIZE = 50_000


def meant(spelled):
    """The tokens that the network understands: indices count from the end where they are negative."""
    return [token % SIZE for token in spelled]


def test_the_pieces_of_a_prompt_end_at_fixed_places_and_each_holds_the_one_before():
    prompt = list(range(300))
    found = pieces(prompt, SIZE, 1)
    assert [len(piece) for piece in found] == [128, 256, 300]
    assert meant(found[-1]) == prompt
    assert found[0] == found[2][:128]


def test_a_prompt_that_fills_its_pieces_has_no_empty_one():
    assert [len(piece) for piece in pieces(range(256), SIZE, 1)] == [128, 256]


def test_the_same_prompt_is_spelled_another_way_every_time():
    spellings = {tuple(pieces(range(100, 140), SIZE, number)[0]) for number in range(4000)}
    assert len(spellings) == 4000


def test_a_short_prompt_goes_in_token_by_token_in_a_spelling_of_its_own():
    assert pieces([7, 8, 9], SIZE, 5) == [[-49993], [-49993, -49992], [-49993, -49992, -49991]]
    longer = [pieces(range(7, 47), SIZE, number)[0] for number in range(4095)]
    assert not any(all(token < 0 for token in spelled[:12]) for spelled in longer)
