"""The servers that a user could pick instead, one adapter each.

Knows: which there are, and which can't be had from a package index. Does not know: how they are measured.
"""

from __future__ import annotations

from peers import aigc_server, llama_cpp_python, llama_server, transformers_serve, xinference
from peers.base import Peer

ALL: tuple[Peer, ...] = tuple(
    module.PEER for module in (aigc_server, llama_server, llama_cpp_python, transformers_serve, xinference)
)

NOT_ON_AN_INDEX = {
    "openvino-model-server": "comes as an archive or a container image; the package index carries only its client",
    "ollama": "comes as an archive or a container image; the package index carries only its client",
}
"""Servers that a machine with nothing but a package index can't run."""
