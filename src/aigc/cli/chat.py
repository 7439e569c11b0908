"""``aigc chat``: one answer, or a conversation.

Knows: options and where the question comes from. Does not know: HTTP, how a conversation is kept.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from aigc.cli.ask import given, open_client, piped, read_json_file, show_stream, tell_end, with_model
from aigc.cli.output import data, data_json
from aigc.i18n import t

Model = Annotated[str, typer.Option("--model", "-m", help="Id or alias of the model.")]
Temperature = Annotated[
    float | None, typer.Option("--temperature", help="0: always the likeliest word; up to 2: more and more daring.")
]
TopP = Annotated[float | None, typer.Option("--top-p", help="Draw from the likeliest words of this total probability.")]
MaxTokens = Annotated[int | None, typer.Option("--max-tokens", help="Longest answer in tokens.")]
Seed = Annotated[int | None, typer.Option("--seed", help="The same number gives the same answer again.")]
Json = Annotated[bool, typer.Option("--json", help="Print the whole answer as JSON, as the API gives it.")]
NoStream = Annotated[bool, typer.Option("--no-stream", help="Print the answer when it is complete.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Fetch a missing model without asking.")]


def chat(
    prompt: Annotated[str | None, typer.Argument(help="The question; without one: a conversation.")] = None,
    model: Model = "default",
    system: Annotated[str | None, typer.Option("--system", "-s", help="How the model should behave.")] = None,
    temperature: Temperature = None,
    top_p: TopP = None,
    max_tokens: MaxTokens = None,
    seed: Seed = None,
    schema: Annotated[
        Path | None, typer.Option("--schema", help="File with a JSON schema; the answer is JSON that it accepts.")
    ] = None,
    json: Json = False,
    no_stream: NoStream = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="Draw headings, lists and code on a terminal.")] = False,
    yes: Yes = False,
) -> None:
    """The answer goes to standard output while it is made. Text that is piped in is put after the question. Without a
    question, on a terminal, a conversation begins: /help lists what can be said there. The model runs on the server
    that AIGC_BASE_URL names, else on the one that runs on this machine, else in this process.

    Examples:
        aigc chat "What is the capital of France?"
        aigc chat  # a conversation
        cat report.txt | aigc chat "Summarise this in two sentences." > summary.txt
        aigc chat "A person, made up" --schema person.json --json
    """
    params = given(temperature=temperature, top_p=top_p, max_tokens=max_tokens, seed=seed)
    if schema is not None:
        params["response_format"] = _response_format(schema)
    question = _question(prompt)
    if question is None:
        from aigc.cli.repl import converse

        converse(model, system, params, markdown=markdown, yes=yes)
        return
    with open_client() as client:
        ask: dict[str, Any] = {"model": model, "system": system, **params}
        if json or no_stream:
            answer = with_model(client, model, yes, lambda: client.chat(question, stream=False, **ask))
            data_json(answer.raw) if json else data(answer.text)
            tell_end(answer.finish_reason)
            return
        stream = with_model(client, model, yes, lambda: client.chat(question, stream=True, **ask))
        show_stream(stream, markdown=markdown and sys.stdout.isatty())
        tell_end(stream.answer.finish_reason)


def _question(prompt: str | None) -> str | None:
    """What is asked; None: a conversation is wanted."""
    text = piped()
    question = "\n\n".join(part for part in (prompt, text) if part)
    if question:
        return question
    if prompt is None and sys.stdin.isatty() and sys.stdout.isatty():
        return None
    raise typer.BadParameter(t("there is no question: give one, or pipe text in"))


def _response_format(schema: Path) -> dict[str, Any]:
    import re

    name = re.sub(r"[^A-Za-z0-9_-]", "_", schema.stem)[:64] or "schema"
    found = read_json_file(schema, "--schema")
    return {"type": "json_schema", "json_schema": {"name": name, "schema": found, "strict": True}}
