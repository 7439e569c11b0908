"""Suites of endpoints that are not built yet: shown, so that the table does not look complete, and not run."""

from __future__ import annotations

_RESOURCES = "responses, conversations, files, uploads, batches, vector_stores, fine_tuning, moderations, audio"

NOT_BUILT = (
    *(f"openai-python 3.51.0: {resource}" for resource in _RESOURCES.split(", ")),
    "llm-comply: open-responses",
    "llm-comply: anthropic",
    "Anthropic SDK",
)
