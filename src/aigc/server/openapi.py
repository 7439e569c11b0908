"""The OpenAPI document of this server, with the errors and the keys that it really has.

Knows: FastAPI's generator and what it gets wrong about us. Does not know: any endpoint.
"""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from aigc.server.auth import PUBLIC

_ERROR = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["message", "type", "param", "code"],
            "properties": {
                "message": {"type": "string", "description": "What was wrong, the value seen, what is accepted."},
                "type": {"type": "string"},
                "param": {"type": ["string", "null"], "description": "Path of the field, like messages.0.content."},
                "code": {"type": ["string", "null"]},
                "hint": {"type": "string", "description": "What to do next."},
            },
        }
    },
}


def install(app: FastAPI) -> None:
    """Make ``app.openapi()`` give the document."""

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _document(app)
        return app.openapi_schema

    app.openapi = document  # type: ignore[method-assign]


def _document(app: FastAPI) -> dict[str, Any]:
    found = get_openapi(title=app.title, version=app.version, summary=app.summary, routes=app.routes)
    components = found.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    schemas["Error"] = _ERROR
    components["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
    error = {
        "description": "Any error",
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}},
    }
    for path, methods in found["paths"].items():
        for operation in methods.values():
            operation["responses"].pop("422", None)  # FastAPI's own form of a validation error: ours is a 400
            operation["responses"]["default"] = error
            operation["security"] = [] if path in PUBLIC else [{"key": []}]
    return found
