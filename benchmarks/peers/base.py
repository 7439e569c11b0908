"""What an adapter tells of its server.

Knows: the fields. Does not know: any server, how it is measured.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Site:
    """What a server is started with."""

    python: Path
    """Interpreter of the peer's own environment."""
    folder: Path
    """Its own folder, kept between runs."""
    gguf: Path
    """The model file that all of them read."""
    model: str
    """Id of the model in AIGC_HOME."""
    port: int
    threads: int
    streams: int
    """Most streams at once that will be asked for."""
    context_tokens: int
    """Of one stream."""


def completion(model: str, prompt: str, tokens: int) -> dict[str, Any]:
    """The body that most of them understand."""
    return {
        "model": model,
        "prompt": prompt,
        "max_tokens": tokens,
        "temperature": 0,
        "stream": True,
        "stream_options": {"include_usage": True},
    }


@dataclass(frozen=True, kw_only=True)
class Peer:
    """One server."""

    name: str
    requirements: Sequence[str]
    """What pip installs into its own environment; empty: it runs in ours."""
    package: str
    """Whose version is reported."""
    command: Callable[[Site], Sequence[str | Path]]
    """Starts the server in the foreground."""
    model_name: Callable[[Site], str] = lambda site: site.model
    """What requests call the model."""
    body: Callable[[str, str, int], dict[str, Any]] = completion
    """Body of a request from model name, prompt and number of tokens."""
    path: str = "/v1/completions"
    environment: Callable[[Site], dict[str, str]] = lambda site: {}
    key: str | None = None
    prepare: Callable[[Site], None] | None = None
    """Once after the installation, e.g. to convert the model file."""
    after_start: Callable[[Site], None] | None = None
    """Once the port is open, e.g. to load the model."""
    llama_cpp: bool = False
    """Whether llama.cpp computes."""
