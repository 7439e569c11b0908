"""Ours, as `aigc serve` starts it."""

from __future__ import annotations

from typing import Any

from peers.base import Peer, completion
from served import KEY


def _body(model: str, prompt: str, tokens: int) -> dict[str, Any]:
    return completion(model, prompt, tokens) | {"ignore_eos": True}


PEER = Peer(
    name="aigc",
    requirements=(),
    package="aigc-studio",
    command=lambda site: [site.python, "-m", "aigc", "serve", "--no-pull"],
    environment=lambda site: {
        "AIGC_PORT": str(site.port),
        "AIGC_API_KEY": KEY,
        "AIGC_DEFAULT_MODEL": site.model,
        "AIGC_MAX_SEQUENCES": str(site.streams),
        "AIGC_QUEUE_SIZE": "512",
    },
    body=_body,
    key=KEY,
)
