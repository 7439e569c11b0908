"""Tiny archives as the npm index has them, and the real list of sets with their checksums."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Mapping
from pathlib import Path

import pytest
from PIL import Image

from aigc.recipes.image.stickers import figures, packs, source

RED_DISC = '<circle cx="8" cy="8" r="7" fill="#e02020"/>'
BLUE_BAR = '<rect x="1" y="5" width="14" height="6" fill="#2060e0"/>'


def archive(members: Mapping[str, bytes]) -> bytes:
    """A .tgz with these files."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def icons(drawings: Mapping[str, str], chars: Mapping[str, str], aliases: Mapping[str, str] | None = None) -> bytes:
    """A set of SVG drawings in Iconify's form."""
    table = {
        "prefix": "toy",
        "width": 16,
        "height": 16,
        "icons": {name: {"body": body} for name, body in drawings.items()},
        "aliases": {name: {"parent": parent} for name, parent in (aliases or {}).items()},
    }
    return archive({"package/icons.json": json.dumps(table).encode(), "package/chars.json": json.dumps(chars).encode()})


def webp(colour: str) -> bytes:
    """A square of one colour as a WebP file."""
    buffer = io.BytesIO()
    Image.new("RGBA", (32, 32), colour).save(buffer, "WEBP", lossless=True)
    return buffer.getvalue()


def three_sets() -> dict[str, bytes]:
    """One with code points, one with names only, one of picture files."""
    both = {"red-apple": RED_DISC, "banana": BLUE_BAR}
    return {
        "coded": icons(both, {"1f34e": "red-apple", "1f34c": "banana"}),
        "named": icons({"apple-red": RED_DISC}, {}, {"red-apple": "apple-red"}),
        "files": archive({"package/assets/1f34c.webp": webp("#f0d020")}),
    }


def install(folder: Path, monkeypatch: pytest.MonkeyPatch, archives: Mapping[str, bytes] | None = None) -> packs.Table:
    """Write the archives into a folder, and make them the sets there are."""
    found = archives if archives is not None else three_sets()
    listed = tuple(
        packs.Pack(
            key=key,
            name=f"@toys/{key}",
            version="1.0.0",
            sha256=hashlib.sha256(content).hexdigest(),
            size_bytes=len(content),
            title=key,
            author="us",
            licence="MIT",
            home="https://example.org",
            style="3-D" if key == "files" else "flat",
        )
        for key, content in found.items()
    )
    folder.mkdir(parents=True, exist_ok=True)
    for pack, content in zip(listed, found.values(), strict=True):
        (folder / pack.file).write_bytes(content)
    table = packs.Table(listed, {"apple": packs.Emoji(("1F34E",)), "banana": packs.Emoji(("1F34C",))})
    for module in (packs, figures, source):
        monkeypatch.setattr(module, "table", lambda: table)
    figures.figures.cache_clear()
    return table
