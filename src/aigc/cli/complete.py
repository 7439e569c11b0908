"""``aigc complete``: a text continued as it stands.

Knows: options. Does not know: HTTP.
"""

from __future__ import annotations

from typing import Annotated, Any

import typer

from aigc.cli.ask import given, open_client, piped, show_stream, tell_end, with_model
from aigc.cli.chat import Json, MaxTokens, Model, NoStream, Seed, Temperature, TopP, Yes
from aigc.cli.output import data, data_json
from aigc.i18n import t


def complete(
    prompt: Annotated[str | None, typer.Argument(help="The beginning; without one: what is piped in.")] = None,
    model: Model = "default",
    temperature: Temperature = None,
    top_p: TopP = None,
    max_tokens: MaxTokens = None,
    seed: Seed = None,
    stop: Annotated[list[str] | None, typer.Option("--stop", help="Stop before this text; up to four times.")] = None,
    json: Json = False,
    no_stream: NoStream = False,
    yes: Yes = False,
) -> None:
    r"""No conversation is put around the text: the model writes on where it ends. The API ends after 16 tokens where
    --max-tokens says nothing.

    Examples:
        aigc complete "Once upon a time" --max-tokens 100
        aigc complete "Q: 2+2?\nA:" --stop "\n" --temperature 0
        cat beginning.txt | aigc complete --max-tokens 400
    """
    text = prompt if prompt is not None else piped()
    if not text:
        raise typer.BadParameter(t("there is no text to continue: give one, or pipe it in"))
    params: dict[str, Any] = {
        "model": model,
        **given(temperature=temperature, top_p=top_p, max_tokens=max_tokens, seed=seed, stop=stop or None),
    }
    with open_client() as client:
        if json or no_stream:
            answer = with_model(client, model, yes, lambda: client.complete(text, stream=False, **params))
            data_json(answer.raw) if json else data(answer.text)
            tell_end(answer.finish_reason)
            return
        stream = with_model(client, model, yes, lambda: client.complete(text, stream=True, **params))
        show_stream(stream)
        tell_end(stream.answer.finish_reason)
