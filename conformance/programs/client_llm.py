"""llm, Simon Willison's command line, as its users call it: a file that names the server, then commands."""

import contextlib
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import checks

PROGRAM = str(Path(sys.executable).with_name("llm"))
CITY = {
    "type": "object",
    "properties": {"city": {"type": "string", "maxLength": 20}},
    "required": ["city"],
    "additionalProperties": False,
}


def llm(*arguments):
    environment = os.environ | {"OPENAI_BASE_URL": checks.URL}
    done = subprocess.run([PROGRAM, *arguments], env=environment, capture_output=True, text=True, timeout=90)
    assert done.returncode == 0, done.stderr.strip()[-200:]
    return done.stdout.strip()


def set_up(folder):
    os.environ["LLM_USER_PATH"] = folder
    model = {"model_name": checks.MODEL, "api_base": checks.URL, "api_key_name": "openai"}
    models = [
        {"model_id": "chat", "supports_schema": True, "supports_tools": True, **model},
        {"model_id": "text", "completion": True, **model},
    ]
    Path(folder, "extra-openai-models.yaml").write_text(json.dumps(models), "utf-8")  # JSON is YAML


def chat():
    assert llm("-m", "chat", "--no-stream", "-o", "max_tokens", "8", "Say hello.")


def stream():
    assert llm("-m", "chat", "-o", "max_tokens", "8", "Say hello.")


def system_and_options():
    options = ("-o", "temperature", "0", "-o", "seed", "1", "-o", "stop", "###", "-o", "max_tokens", "8")
    assert llm("-m", "chat", "-s", "You are brief.", *options, "Say hello.")


def conversation():
    llm("-m", "chat", "-o", "max_tokens", "8", "My name is Ada.")
    assert llm("-c", "-o", "max_tokens", "8", "What is my name?")


def usage():
    llm("-m", "chat", "-o", "max_tokens", "8", "Say hello.")
    [last] = json.loads(llm("logs", "list", "-n", "1", "--json"))
    assert last["input_tokens"] > 0
    assert 0 < last["output_tokens"] <= 8


def completion():
    assert llm("-m", "text", "-o", "max_tokens", "8", "One, two,")


def schema():
    assert isinstance(json.loads(llm("-m", "chat", "--schema", json.dumps(CITY), "Name a city."))["city"], str)


def schema_of_many():
    schema = json.dumps({**CITY, "properties": {"city": {"enum": ["Rome", "Oslo"]}}})
    answer = llm("-m", "chat", "--schema", schema, "--no-stream", "Choose a city.")
    assert json.loads(answer) in ({"city": "Rome"}, {"city": "Oslo"})


def tool_by_itself():
    """The model has to decide to call: whether it can is the model's matter, that the call arrives the server's."""
    with contextlib.suppress(AssertionError):  # a model that goes on calling is stopped, and llm complains
        llm("-m", "chat", "-T", "llm_version", "--cl", "2", "-o", "max_tokens", "64", "Which version of llm is this?")
    calls = [call for row in json.loads(llm("logs", "list", "-n", "3", "--json")) for call in row["tool_calls"]]
    assert calls, "no tool call"


def embedding():
    assert len(json.loads(llm("embed", "-m", "3-small", "-c", "hello"))) > 1


with tempfile.TemporaryDirectory() as folder:
    set_up(folder)
    checks.run(
        chat,
        stream,
        system_and_options,
        conversation,
        usage,
        completion,
        schema,
        schema_of_many,
        tool_by_itself,
        embedding,
    )
