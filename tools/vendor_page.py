"""Fetch the libraries of the chat page from npm, and check that the copies in the tree are theirs.

::

    python tools/vendor_page.py            # fetch the pinned versions, write the files and vendor/README.md
    python tools/vendor_page.py --check    # compare the files with the sums in this file; needs no network

To move to a newer version: change the version below, run it, look at the difference, run the browser tests, and put
the sums that it prints into ``SUMS``. Needs ``npm`` (only here: neither users nor tests need it).

Knows: which files of which packages are kept, and their sha256. Does not know: what the page does with them.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import subprocess
import sys
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path

VENDOR = Path(__file__).resolve().parent.parent / "src" / "aigc" / "server" / "page" / "vendor"

LANGUAGES = ("bash", "cpp", "java", "javascript", "json", "python", "sql", "xml", "yaml")


@dataclass(frozen=True)
class Library:
    """One npm package: which of its files are kept, and under which names."""

    name: str
    version: str
    licence: str
    purpose: str
    files: tuple[tuple[str, str], ...]
    """(path in the package, path below vendor/)."""


LIBRARIES = (
    Library(
        "marked",
        "18.2.1",
        "MIT",
        "Markdown to HTML",
        (("lib/marked.esm.js", "marked.js"), ("LICENSE", "marked.LICENSE")),
    ),
    Library(
        "dompurify",
        "3.4.18",
        "Apache-2.0 OR MPL-2.0",
        "removes from HTML whatever is not on a list",
        (("dist/purify.es.mjs", "dompurify.js"), ("LICENSE", "dompurify.LICENSE")),
    ),
    Library(
        "@highlightjs/cdn-assets",
        "11.12.0",
        "BSD-3-Clause",
        "colours in code blocks; loaded with the first block that needs it",
        (
            ("es/core.min.js", "highlight/core.js"),
            *((f"es/languages/{name}.min.js", f"highlight/{name}.js") for name in LANGUAGES),
            ("LICENSE", "highlight/LICENSE"),
        ),
    ),
)

SUMS: dict[str, str] = {
    "marked.js": "5371fea86fd0656b4fc7bea7c94c663109d82789b69433eeee78d42895aa44de",
    "marked.LICENSE": "8e3a3f82f59a60958f56ca08f445647c32a4733dc7ca6c2c46f6eb898471ab9c",
    "dompurify.js": "1a06b721ad8b46d6174b21f22ea70290aaf3e5a81d65af3b7178113953f7c9b1",
    "dompurify.LICENSE": "cfc7749b96f63bd31c3c42b5c471bf756814053e847c10f3eb003417bc523d30",
    "highlight/core.js": "67a339aa68880a40c9803def9c8cebb2225dec76230382db86e349370dee70e9",
    "highlight/bash.js": "7db1758fe6f04cd410760c29879812a3774edc54edcc91323511a24efc0b9e61",
    "highlight/cpp.js": "aa67eeacdbbda9f40ca34c59147581aef1601f19b71a55966de4ccf4246e8c31",
    "highlight/java.js": "7987da1c2dcc1d83f7a5a670cdc622fdac834cb1c140ad503bf8d7ea9237ac36",
    "highlight/javascript.js": "c3dbd515a79e2c00ff4535aa5ad2fe539fb2587d047f9ab826107d0784da7bb6",
    "highlight/json.js": "8f2343ffbcc4fdea4b336a4241d54d223d52f99b67729d2d6d3556bbf66908ae",
    "highlight/python.js": "fd5d479dcc9d07b957cf07b1df76d3d8fb6ee6f6d1437238d9530a9be724c046",
    "highlight/sql.js": "79bead5cf2bfa93d3982073d000a97802f394fe287736644bab30f40cb5c7380",
    "highlight/xml.js": "2e8c8ba1e7a200cd83dfbf9c746b8e00f7d7bad966dbfd83eca142cf2caa4dd7",
    "highlight/yaml.js": "7010955f1f87aef1de085483d79d42817544aaf03c4f57a6fd4eb838f2cdf609",
    "highlight/LICENSE": "6c081431591d9df696c82dc598fe1423765b8a299b200ed00b281afd0f64c490",
}
"""sha256 of every file below vendor/, as reviewed."""


def sha256(content: bytes) -> str:
    """Hexadecimal sha256."""
    return hashlib.sha256(content).hexdigest()


def fetch(library: Library, folder: Path) -> dict[str, bytes]:
    """The kept files of a package, by their path below vendor/; nothing is unpacked to disk."""
    command = ["npm", "pack", f"{library.name}@{library.version}", "--json", "--ignore-scripts"]
    answer = subprocess.run(command, cwd=folder, check=True, stdout=subprocess.PIPE)
    packed = json.loads(answer.stdout)
    # npm 7 to 10 answer with a list, later ones with an object by package name.
    entry = packed[0] if isinstance(packed, list) else next(iter(packed.values()))
    kept = {}
    with tarfile.open(folder / entry["filename"]) as archive:
        for source, target in library.files:
            member = archive.extractfile(f"package/{source}")
            if member is None:
                raise SystemExit(f"{library.name}@{library.version}: {source} is not a plain file")
            kept[target] = member.read()
    return kept


def readme() -> str:
    """The page that lists what is here, from the files on disk."""
    lines = [
        "# Libraries of the chat page",
        "",
        "Unchanged copies of files from npm packages, kept here so that neither users nor the build need Node or a",
        "network. Written by `python tools/vendor_page.py`; `python tools/vendor_page.py --check` compares the sums.",
    ]
    for library in LIBRARIES:
        lines += [
            "",
            f"## {library.name} {library.version}",
            "",
            f"{library.purpose[0].upper()}{library.purpose[1:]}. Licence: {library.licence}.",
            f"Refresh: `npm pack {library.name}@{library.version}`, done by the tool above.",
            "",
            "| file | from | sha256 |",
            "|---|---|---|",
        ]
        lines += [f"| {t} | {s} | `{sha256((VENDOR / t).read_bytes())}` |" for s, t in library.files]
    return "\n".join(lines) + "\n"


def refresh() -> None:
    """Fetch everything and write it."""
    for library in LIBRARIES:
        with tempfile.TemporaryDirectory() as folder:
            for target, content in fetch(library, Path(folder)).items():
                path = VENDOR / target
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
    (VENDOR / "README.md").write_text(readme(), encoding="utf-8")


def problems() -> list[str]:
    """What differs between the tree and ``SUMS``, in words; empty when all is well."""
    found = []
    for library in LIBRARIES:
        for _, target in library.files:
            path = VENDOR / target
            if not path.is_file():
                found.append(f"{target} is missing")
            elif (seen := sha256(path.read_bytes())) != SUMS.get(target):
                found.append(f"{target}: sha256 is {seen}, reviewed was {SUMS.get(target)}")
    known = {target for library in LIBRARIES for _, target in library.files} | {"README.md"}
    there = {path.relative_to(VENDOR).as_posix() for path in VENDOR.rglob("*") if path.is_file()}
    found += [f"{name} is not listed" for name in sorted(there - known)]
    if not found and (VENDOR / "README.md").read_text(encoding="utf-8") != readme():
        found.append("README.md is not what the tool would write")
    return found


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description="Fetch or check the libraries of the chat page.")
    parser.add_argument("--check", action="store_true", help="compare only")
    if not parser.parse_args().check:
        refresh()
    found = problems()
    for line in found:
        print(line, file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    raise SystemExit(main())
