from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pytest

from aigc.cli.main import run


class Piped(io.StringIO):
    def isatty(self) -> bool:
        return False


@pytest.fixture(autouse=True)
def no_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", Piped(""))


def call(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = run(arguments)
    out, err = capsys.readouterr()
    return code, out, err


def test_an_answer_is_the_only_thing_on_stdout(api, capsys) -> None:
    assert call(capsys, "chat", "hello") == (0, "you said hello\n", "")


def test_options_reach_the_server_under_the_names_of_the_api(api, capsys, tmp_path: Path) -> None:
    schema = tmp_path / "a person.json"
    schema.write_text('{"type": "object"}')
    options = "-m m -s brief --temperature 0 --top-p 0.5 --max-tokens 9 --seed 3 --schema".split()
    assert call(capsys, "chat", "hi", *options, str(schema))[0] == 0
    body = api.bodies[0]
    assert body["messages"] == [{"role": "system", "content": "brief"}, {"role": "user", "content": "hi"}]
    assert {name: body[name] for name in ("model", "temperature", "top_p", "max_tokens", "seed")} == {
        "model": "m",
        "temperature": 0,
        "top_p": 0.5,
        "max_tokens": 9,
        "seed": 3,
    }
    assert body["response_format"] == {
        "type": "json_schema",
        "json_schema": {"name": "a_person", "schema": {"type": "object"}, "strict": True},
    }


def test_options_that_are_not_given_are_not_sent(api, capsys) -> None:
    call(capsys, "chat", "hi")
    assert sorted(api.bodies[0]) == ["messages", "model", "stream", "stream_options"]


def test_piped_text_follows_the_question(api, capsys, monkeypatch) -> None:
    monkeypatch.setattr(sys, "stdin", Piped("the text\n"))
    call(capsys, "chat", "Summarise.")
    assert api.bodies[0]["messages"][0]["content"] == "Summarise.\n\nthe text"


def test_json_is_the_answer_of_the_api(api, capsys) -> None:
    code, out, err = call(capsys, "chat", "hi", "--json")
    assert (code, json.loads(out)["choices"][0]["message"]["content"], err) == (0, "you said hi", "")


def test_an_answer_that_was_cut_off_says_so_on_stderr(api, capsys) -> None:
    code, out, err = call(capsys, "chat", "hi", "--max-tokens", "1")
    assert (code, out) == (0, "you said hi\n")
    assert err == "(cut off: the longest answer allowed was reached; --max-tokens sets it)\n"


def test_an_error_of_the_server_is_two_lines_and_exit_code_1(api, capsys) -> None:
    assert call(capsys, "chat", "hi", "-m", "nope") == (
        1,
        "",
        "error: no model is called 'nope'\nhint: `aigc list` shows them\n",
    )


def test_no_server_at_the_address(capsys, monkeypatch) -> None:
    monkeypatch.setenv("AIGC_BASE_URL", "http://127.0.0.1:9/v1")
    code, out, err = call(capsys, "chat", "hi")
    assert (code, out) == (1, "")
    assert err.startswith("error: no server answers at http://127.0.0.1:9/v1\nhint: `aigc serve` starts one")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["chat"], "there is no question: give one, or pipe text in"),
        (["chat", "--temprature", "1", "hi"], "there is no option --temprature; did you mean --temperature?"),
        (["chat", "hi", "--seed", "x"], "--seed: "),
        (["pull"], "source is missing"),
        (["chta"], "there is no command chta; did you mean chat"),
        (["chat", "hi", "--schema", "/no/such/file"], "/no/such/file can't be read as JSON: "),
        (["serve", "--port", "70000"], "--port/-p: "),
        (["keys", "nope"], "there is no command nope"),
    ],
)
def test_wrong_use_is_exit_code_2(capsys, arguments: list[str], message: str) -> None:
    code, out, err = call(capsys, *arguments)
    assert (code, out) == (2, "")
    assert err.startswith(f"error: {message}")
    assert "--help` explains it\n" in err or "can't be read" in err


def test_a_wrong_setting_is_told_with_its_place(capsys, monkeypatch) -> None:
    monkeypatch.setenv("AIGC_PORT", "many")
    code, out, err = call(capsys, "list")
    assert (code, out) == (1, "")
    assert err.startswith("error: AIGC_PORT: 'many' is not accepted")


def test_a_fault_of_ours_has_no_traceback_unless_asked_for(capsys, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "aigc.cli.models", None)
    code, out, err = call(capsys, "list")
    assert (code, out, "Traceback" in err) == (1, "", False)
    assert err.startswith("error: a fault of aigc itself: ModuleNotFoundError")
    with pytest.raises(ModuleNotFoundError):
        run(["--debug", "list"])


def test_complete_prints_the_continuation(api, capsys) -> None:
    assert call(capsys, "complete", "Once", "--stop", ".", "--max-tokens", "5") == (0, " and on\n", "")
    assert (api.bodies[0]["prompt"], api.bodies[0]["stop"], api.bodies[0]["max_tokens"]) == ("Once", ["."], 5)


def test_embed_prints_one_list_a_line(api, capsys, monkeypatch) -> None:
    monkeypatch.setattr(sys, "stdin", Piped("a\nb\n"))
    assert call(capsys, "embed") == (0, "[1, -2]\n[1, -2]\n", "")
    assert api.bodies[0]["input"] == ["a", "b"]
    _code, out, _ = call(capsys, "embed", "x", "--json")
    assert json.loads(out) == {"model": "e5", "width": 2, "usage": {"prompt_tokens": 2}, "vectors": [[1.0, -2.0]]}


def test_ps_shows_what_is_in_memory(api, capsys) -> None:
    code, out, err = call(capsys, "ps")
    assert code == 0
    assert out.splitlines()[1] == "tiny\techo\tready\t7\t400 MB\t1\t2\t3 s"
    assert err == "500 MB of 8.0 GB for models are taken\n"


def test_bench_measures_through_the_api(api, capsys) -> None:
    code, out, _ = call(capsys, "bench", "--json", "--repeats", "1", "--streams", "1", "--streams", "2")
    found = json.loads(out)
    assert code == 0
    assert (found["model"], found["fingerprint"], found["load_seconds"]) == ("tiny", "echo-1", None)
    assert sorted(found["tokens_per_second"]) == ["1", "2"]
    assert found["memory_bytes"] == 400_000_000
    streamed = [body for body in api.bodies if body.get("stream")]
    assert [len(body["prompt"]) for body in streamed] == [512, 16, 16, 16]
    assert all(body["ignore_eos"] for body in streamed)


def test_keys_are_created_listed_and_revoked(capsys) -> None:
    code, out, err = call(capsys, "keys", "create", "my laptop")
    key = out.strip()
    assert (code, err) == (0, "This is the key; it is shown only now:\n")
    assert key.startswith("sk-aigc-")
    code, out, _ = call(capsys, "keys", "list")
    assert "my laptop" in out
    assert key not in out
    identity = json.loads(call(capsys, "keys", "list", "--json")[1])[0]["id"]
    assert call(capsys, "keys", "revoke", identity) == (0, "", f"my laptop ({identity}) is revoked\n")
    assert "revoked" in call(capsys, "keys", "list")[1]
    assert call(capsys, "keys", "revoke", "key_nope")[0] == 1


def test_an_empty_store_says_how_to_fill_it_and_lists_what_comes_with_the_package(capsys) -> None:
    code, out, err = call(capsys, "list")
    assert (code, err) == (
        0,
        "no chat model is installed; `aigc pull default` fetches one, `aigc search` lists more\n",
    )
    assert "aigc-scenes\timage, panorama\t0 B\tscenes\tApache-2.0" in out.splitlines()
    assert "aigc-scenes" in [model["id"] for model in json.loads(call(capsys, "list", "--json")[1])]


def test_a_model_of_the_package_is_shown_and_verified_and_stays(capsys) -> None:
    shown = json.loads(call(capsys, "show", "aigc-scenes", "--json")[1])
    assert (shown["capabilities"], shown["installed"], shown["disk_bytes"]) == (["image", "panorama"], True, 0)
    assert json.loads(call(capsys, "show", "panorama", "--json")[1])["id"] == "aigc-scenes"
    assert call(capsys, "verify", "aigc-scenes") == (0, "aigc-scenes: ok\n", "")
    assert call(capsys, "rm", "aigc-scenes", "--yes") == (
        1,
        "",
        "error: aigc-scenes comes with the package and can't be removed\n",
    )


def test_search_and_show_read_the_catalogue(capsys) -> None:
    code, out, _ = call(capsys, "search", "smollm2", "135m")
    assert (code, out.splitlines()[1].split("\t")[0]) == (0, "smollm2-135m-instruct")
    code, out, err = call(capsys, "search", "no-such-model")
    assert (code, out, err) == (1, "", "error: nothing in the catalogue has all these words: no-such-model\n")
    assert json.loads(call(capsys, "show", "tiny", "--json")[1])["installed"] is False
    assert call(capsys, "show", "nope")[0] == 1


def test_a_missing_model_is_named_with_the_way_to_get_it(capsys, monkeypatch) -> None:
    from aigc.cli import ask
    from aigc.client.address import Address
    from aigc.errors import UnknownModel

    class Local:
        address = Address(None, None, "process")

    def refuse() -> None:
        raise UnknownModel("tiny is not installed")

    with pytest.raises(UnknownModel) as caught:
        ask.with_model(Local(), "tiny", False, refuse)  # type: ignore[arg-type]
    assert caught.value.hint == "`aigc pull smollm2-135m-instruct` fetches it (98 MB)"


def test_doctor_judges_and_explains(capsys, monkeypatch) -> None:
    code, out, err = call(capsys, "doctor", "--json")
    found = json.loads(out)
    states = {check["name"]: check["state"] for check in found["checks"]}
    assert states["Python"] == "ok"
    assert states["default model"] == "warn"
    assert states["to fetch"] == "warn"
    assert (code, found["ok"], err) == (0, True, "")


def test_doctor_lists_every_setting_without_secrets(capsys, monkeypatch) -> None:
    monkeypatch.setenv("AIGC_API_KEY", "0123456789abcdef")
    code, out, _ = call(capsys, "doctor", "--settings")
    assert code == 0
    assert "AIGC_API_KEY\t(set)\t" in out
    assert "0123456789abcdef" not in out


def test_the_version_is_printed(capsys) -> None:
    assert call(capsys, "--version") == (0, "aigc 0.1.0\n", "")


def test_a_first_start_fetches_what_no_installed_model_does(home: Path) -> None:
    from aigc import settings
    from aigc.cli.serve import missing
    from aigc.store import Store

    def wanted(**explicit: object) -> list[str]:
        found = settings.load(**explicit)
        return [entry.id for entry in missing(found, Store(found, free_memory=lambda: 8 * 2**30))]

    assert wanted() == ["qwen2.5-coder-1.5b-instruct", "multilingual-e5-small"]
    assert wanted(default_model="tiny") == ["smollm2-135m-instruct", "multilingual-e5-small"]
    remote = settings.Remote(name="r", base_urls=("http://127.0.0.1:9/v1",))
    assert wanted(remotes=(remote,)) == ["multilingual-e5-small"]
