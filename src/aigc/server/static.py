"""The page's files: read once at the start, served from memory. No other file can be reached.

Knows: bytes, media types, ETags. Does not know: what the page does.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from aigc.server import trace

FOLDER = Path(__file__).parent / "page"
_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".json": "application/json",
    ".webmanifest": "application/manifest+json",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".ico": "image/x-icon",
    ".woff2": "font/woff2",
    ".txt": "text/plain; charset=utf-8",
}
"""What is served; files with other endings stay in the package."""
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "font-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


@dataclass(frozen=True, slots=True)
class File:
    """A file in memory."""

    content: bytes
    media_type: str
    etag: str

    def answer(self, request: Request) -> Response:
        """The file, or 304 where the browser has it."""
        trace.of(request.scope).route = "page"
        headers = {"etag": self.etag, "cache-control": "no-cache", "content-security-policy": POLICY}
        known = [tag.strip().removeprefix("W/") for tag in request.headers.get("if-none-match", "").split(",")]
        if self.etag in known or "*" in known:
            return Response(status_code=304, headers=headers)
        return Response(self.content, headers=headers | {"content-type": self.media_type})


def load(folder: Path) -> dict[str, File]:
    """Every file in ``folder`` by its path, ``/index.html`` first of all; empty where there is no page."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.suffix in _TYPES and path.is_file() and not path.is_symlink():
            content = path.read_bytes()
            etag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
            found[f"/{path.relative_to(folder).as_posix()}"] = File(content, _TYPES[path.suffix], etag)
    return found


def routes(files: dict[str, File]) -> list[Route]:
    """A route for each file."""

    def route(path: str, file: File) -> Route:
        async def answer(request: Request) -> Response:
            return file.answer(request)

        return Route(path, answer, methods=["GET"])

    return [route(path, file) for path, file in files.items()]
