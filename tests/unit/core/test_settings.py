"""Settings: precedence, forms, refusals."""

from __future__ import annotations

from pathlib import Path

import pytest

from aigc.errors import UserError
from aigc.settings import Remote, Settings, child_environment, load, parse_size, table


def test_the_environment_wins_over_the_file_and_arguments_win_over_both(tmp_path: Path) -> None:
    (tmp_path / "aigc.toml").write_text('port = 1111\nhost = "127.0.0.2"\nqueue_size = 3\n')
    settings = load({"AIGC_HOME": str(tmp_path), "AIGC_PORT": "2222", "AIGC_QUEUE_SIZE": "4"}, queue_size=5)
    assert (settings.host, settings.port, settings.queue_size) == ("127.0.0.2", 2222, 5)


@pytest.mark.parametrize(
    ("text", "value"), [("512m", 536870912), ("6g", 6442450944), ("1.5 GiB", 1610612736), ("100", 100), ("2KB", 2048)]
)
def test_sizes_have_units(text: str, value: int) -> None:
    assert parse_size(text) == value


@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        ("AIGC_PORT", "http", "AIGC_PORT: 'http' is not accepted"),
        ("AIGC_PORT", "70000", "port is 70000; accepted: 0 to 65535"),
        ("AIGC_OFFLINE", "maybe", "expected true or false"),
        ("AIGC_MEMORY_BUDGET_BYTES", "lots", "'lots' is not a size"),
        ("AIGC_API_KEY", "short", "16 to 256 printable"),
        ("AIGC_LOG_LEVEL", "loud", "accepted: debug, info, warning, error"),
    ],
)
def test_a_value_of_the_wrong_form_stops_the_start_and_says_what_is_accepted(
    tmp_path: Path, variable: str, value: str, words: str
) -> None:
    with pytest.raises(UserError, match=words.replace("(", r"\(")):
        load({"AIGC_HOME": str(tmp_path), variable: value})


def test_a_name_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    (tmp_path / "aigc.toml").write_text("prot = 1\n")
    with pytest.raises(UserError, match="no setting is called 'prot'"):
        load({"AIGC_HOME": str(tmp_path)})


def test_remotes_come_from_the_file_and_their_keys_from_the_environment(tmp_path: Path) -> None:
    (tmp_path / "aigc.toml").write_text(
        '[[remotes]]\nname = "vllm"\nbase_urls = ["http://127.0.0.1:1/v1"]\napi_key = "env:VLLM_KEY"\n'
    )
    (remote,) = load({"AIGC_HOME": str(tmp_path), "VLLM_KEY": "secret"}).remotes
    assert (remote.name, remote.base_urls, remote.api_key) == ("vllm", ("http://127.0.0.1:1/v1",), "secret")


def test_the_table_hides_secrets() -> None:
    remote = Remote(name="vllm", base_urls=("http://127.0.0.1:1/v1",), api_key="sk-remote")
    shown = {name: value for name, value, _ in table(Settings(api_key="sk-0123456789abcdef", remotes=(remote,)))}
    assert shown["AIGC_API_KEY"] == "(set)"
    assert shown["remotes in aigc.toml"] == "vllm"


def test_a_key_variable_that_is_not_set_stops_the_start(tmp_path: Path) -> None:
    (tmp_path / "aigc.toml").write_text('[[remotes]]\nname = "x"\nbase_urls = []\napi_key = "env:NOT_THERE"\n')
    with pytest.raises(UserError, match="the variable NOT_THERE, which is not set"):
        load({"AIGC_HOME": str(tmp_path)})


def test_tables_belong_into_the_file(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="AIGC_ALIASES can't be set in the environment"):
        load({"AIGC_HOME": str(tmp_path), "AIGC_ALIASES": "{}"})


def test_workers_do_not_inherit_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIGC_API_KEY", "sk-0123456789abcdef")
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    assert not {"AIGC_API_KEY", "HF_TOKEN"} & set(child_environment())
