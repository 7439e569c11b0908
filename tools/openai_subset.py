"""Cuts what the tests and the outside suites compare with out of OpenAI's OpenAPI document.

    python tools/openai_subset.py openapi.json > tests/data/openai-subset.json
    python tools/openai_subset.py openapi.json --paths > conformance/openai-text.json

The first has schemas, the second whole operations of the text endpoints. Texts and examples are left out; what the
schemas say stays as it is.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

ROOTS = (
    "ChatCompletionDeleted",
    "ChatCompletionList",
    "ChatCompletionMessageList",
    "CreateChatCompletionRequest",
    "CreateChatCompletionResponse",
    "CreateChatCompletionStreamResponse",
    "CreateCompletionRequest",
    "CreateCompletionResponse",
    "CreateEmbeddingRequest",
    "CreateEmbeddingResponse",
    "CreateImageEditRequest",
    "CreateImageRequest",
    "CreateImageVariationRequest",
    "CreateSpeechRequest",
    "CreateSpeechResponseStreamEvent",
    "CreateTranscriptionRequest",
    "CreateTranscriptionResponseJson",
    "CreateTranscriptionResponseStreamEvent",
    "CreateTranscriptionResponseVerboseJson",
    "CreateTranslationRequest",
    "CreateTranslationResponseJson",
    "CreateTranslationResponseVerboseJson",
    "EditImageBodyJsonParam",
    "ErrorResponse",
    "ImageEditStreamEvent",
    "ImageGenStreamEvent",
    "ImagesResponse",
    "ListModelsResponse",
    "Model",
)
PATHS = ("/chat/completions", "/completions", "/embeddings", "/models")
_PREFIX = "#/components/schemas/"
_WORDS = ("description", "example", "title", "x-oaiMeta", "x-oaiTypeLabel", "x-stainless-const", "x-oaiExpandable")


def strip(node: Any, *, names: bool = False) -> Any:
    """``node`` without its texts; ``names``: its keys are the names of fields, all of which stay."""
    if isinstance(node, dict):
        kept = node.items() if names else [(key, value) for key, value in node.items() if key not in _WORDS]
        return {key: strip(value, names=not names and key == "properties") for key, value in kept}
    return [strip(one) for one in node] if isinstance(node, list) else node


def references(node: Any) -> set[str]:
    """Names of the schemas that ``node`` points to."""
    if isinstance(node, dict):
        own = {node["$ref"].removeprefix(_PREFIX)} if isinstance(node.get("$ref"), str) else set()
        return own.union(*(references(value) for value in node.values()))
    return set().union(*(references(one) for one in node)) if isinstance(node, list) else set()


def closure(everything: dict[str, Any], roots: set[str]) -> dict[str, Any]:
    """The schemas of these names and all that they point to."""
    wanted, open_ends = set(), set(roots)
    while open_ends:
        name = open_ends.pop()
        wanted.add(name)
        open_ends |= references(everything[name]) - wanted
    return {name: strip(everything[name]) for name in sorted(wanted)}


def operations(document: dict[str, Any]) -> dict[str, Any]:
    """A document of the text endpoints alone, as a tester reads it: request bodies, parameters, successful answers."""
    paths = {path: strip(methods) for path, methods in document["paths"].items() if path.startswith(PATHS)}
    for methods in paths.values():
        for operation in methods.values():
            operation["responses"] = {code: one for code, one in operation["responses"].items() if code == "200"}
            operation["responses"]["200"].setdefault("description", "OK")
    return {
        "openapi": document["openapi"],
        "info": {"title": "OpenAI API, text endpoints", "version": document["info"]["version"]},
        "paths": paths,
        "components": {"schemas": closure(document["components"]["schemas"], references(paths))},
    }


def main() -> None:
    """Read the document, write the subset."""
    document = json.loads(Path(sys.argv[1]).read_text("utf-8"))
    notice = "From OpenAI's OpenAPI document, Copyright (c) OpenAI, MIT licence; see openai-subset.LICENSE"
    if "--paths" in sys.argv:
        subset = {"x-notice": notice} | operations(document)
    else:
        schemas = closure(document["components"]["schemas"], set(ROOTS))
        subset = {"notice": notice, "version": document["info"]["version"], "components": {"schemas": schemas}}
    json.dump(subset, sys.stdout, indent=1, sort_keys=True)
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()
