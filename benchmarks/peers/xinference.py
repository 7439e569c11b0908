"""``xinference-local``, which runs GGUF files with xllamacpp; the file is registered as a model of its own."""

from __future__ import annotations

import json

import httpx

from peers.base import Peer, Site

_NAME = "measured"


def _load(site: Site) -> None:
    """Register the model file and launch it."""
    url = f"http://127.0.0.1:{site.port}"
    spec = {
        "model_format": "ggufv2",
        "model_size_in_billions": 1,
        "quantization": "default",
        "quantizations": ["default"],
        "model_file_name_template": site.gguf.name,
        "model_uri": f"file://{site.gguf}",
    }
    model = {
        "version": 2,
        "model_name": _NAME,
        "model_family": "other",
        "model_lang": ["en"],
        "model_ability": ["generate"],
        "context_length": site.streams * site.context_tokens,
        "model_specs": [spec],
    }
    with httpx.Client(base_url=url, timeout=300) as client:
        body = {"model": json.dumps(model), "persist": False}
        client.post("/v1/model_registrations/LLM", json=body).raise_for_status()
        launch = {
            "model_name": _NAME,
            "model_uid": _NAME,
            "model_engine": "llama.cpp",
            "model_format": "ggufv2",
            "model_size_in_billions": 1,
            "quantization": "default",
            "n_gpu": None,
        }
        client.post("/v1/models", json=launch).raise_for_status()


PEER = Peer(
    name="xinference",
    requirements=("xinference", "xllamacpp"),
    package="xinference",
    command=lambda site: [site.python.parent / "xinference-local", "--host", "127.0.0.1", "--port", str(site.port)],
    model_name=lambda site: _NAME,
    after_start=_load,
    environment=lambda site: {
        "XINFERENCE_HOME": str(site.folder / "home"),
        "XINFERENCE_AUTH_ADVANCED": "0",  # else it asks for an administrator first
        "HF_HUB_OFFLINE": "1",
        "OMP_NUM_THREADS": str(site.threads),
    },
    llama_cpp=True,
)
