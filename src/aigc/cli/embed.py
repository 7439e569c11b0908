"""``aigc embed``: texts as vectors.

Knows: options and output forms. Does not know: HTTP.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from aigc.cli.ask import given, open_client, piped, with_model
from aigc.cli.chat import Yes
from aigc.cli.output import data, data_json
from aigc.errors import UnknownModel
from aigc.i18n import t

if TYPE_CHECKING:
    from aigc.client.results import EmbeddingResult
    from aigc.client.sync import Client


def embed(
    texts: Annotated[list[str] | None, typer.Argument(help="Texts; without any: one a line from a pipe.")] = None,
    model: Annotated[str, typer.Option("--model", "-m", help="Id or alias of the model.")] = "default",
    dimensions: Annotated[int | None, typer.Option("--dimensions", help="Shorter vectors, if the model can.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one object with vectors, model and usage.")] = False,
    yes: Yes = False,
) -> None:
    """Texts that mean the same give vectors that point the same way: their scalar product ranks how alike they are.
    Prints one JSON list of numbers a line, in the order of the texts.

    Examples:
        aigc embed "a cat" "a kitten" "a bicycle"
        cat titles.txt | aigc embed > vectors.jsonl  # one text a line
        aigc embed "你好" --json
    """
    wanted = texts or piped().splitlines()
    if not wanted:
        raise typer.BadParameter(t("there is no text to embed: give one, or pipe them in"))
    params: dict[str, Any] = {"model": model, **given(dimensions=dimensions)}
    name = "embedding" if model == "default" else model
    with open_client() as client:

        def ask() -> EmbeddingResult:
            if model == "default" and not _can_embed(client):
                raise UnknownModel(t("no embedding model is installed"), hint="`aigc pull embedding`")
            return client.embed(wanted, **params)

        result = with_model(client, name, yes, ask)
    if json:
        used = {"prompt_tokens": result.usage.prompt_tokens}
        data_json({"model": result.model, "width": result.width, "usage": used, "vectors": result.vectors})
        return
    for vector in result.vectors:
        data("[" + ", ".join(f"{x:.8g}" for x in vector) + "]")


def _can_embed(client: Client) -> bool:
    """Whether `default` has a model to mean here; other servers than ours don't say what their models can."""
    return any("embedding" in model.capabilities or not model.capabilities for model in client.models())
