from __future__ import annotations

import json

from test_commands import call

ASKED = ("--questions", "20", "--size", "64")


def test_the_table_has_a_row_for_every_attribute_and_both_ways_of_retrieval(api, capsys) -> None:
    code, out, err = call(capsys, "eval", "image", "-m", "m", *ASKED, "--steps", "3")
    assert code == 0, err
    table = [line.split("\t") for line in out.splitlines()]
    assert table[0][:3] == ["attribute", "verdicts", "all"]
    assert table[0][-2:] == ["real renders", "other pictures"]
    assert [row[0] for row in table[1:15]] == [
        "object", "colour", "count", "left or right", "place", "season", "hour", "weather", "extra", "style", "all",
        "R@1", "R@10", "goal",
    ]  # fmt: skip
    assert table[12][1] == table[13][1] == "20"
    assert out.splitlines()[15].startswith("distance from real renders: ")
    assert "(among these: " in out
    assert err.splitlines()[:4] == ["pictures: 20", "panoramas: 4", "real renders: 20", "renders of other prompts: 20"]
    drawn = [body for body in api.bodies if body["path"] == "/v1/images/generations"]
    assert len(drawn) == 20
    assert {(body["model"], body["size"], body["steps"]) for body in drawn} == {("m", "64x64", 3)}


def test_the_same_as_one_json_object(api, capsys) -> None:
    code, out, _ = call(capsys, "eval", "image", *ASKED, "--json")
    told = json.loads(out)
    assert code == 0
    assert told["attributes"]["R@10"]["verdicts"] == 20
    assert told["kid"] > told["kid_floor"]
    assert told["goals"] == {"seen": 0.85, "held out": 0.55}


def test_fewer_questions_than_make_a_table_and_more_than_captions_are_refused(api, capsys) -> None:
    for number, accepted in (("19", "greater than or equal to 20"), ("1001", "less than or equal to 1000")):
        code, _, err = call(capsys, "eval", "image", "--questions", number)
        assert code == 2
        assert accepted in err
    assert api.bodies == []
