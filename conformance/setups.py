"""Installs what suites need, pinned, from the configured package indexes into one ignored folder.

A set-up that was finished is used again; one that was interrupted starts afresh.

Knows: venv, pip, npm, source packages. Does not know: suites.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

from suite import Setup

ROOT = Path(__file__).parents[1] / ".conformance"


class SetupError(Exception):
    """The environment of a suite could not be made."""


def ready(setup: Setup) -> Path:
    """The folder of the set-up, made if need be. Raises: SetupError: with the last lines of what went wrong."""
    pins = hashlib.sha256(repr(setup).encode()).hexdigest()[:8]
    folder = ROOT / f"{setup.name}-{pins}"
    if (folder / "ready").exists():
        return folder
    print(f"setting up {setup.name} ...", file=sys.stderr, flush=True)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        _node(folder, setup) if setup.node else _python(folder, setup)
    except (subprocess.CalledProcessError, OSError) as error:
        said = getattr(error, "stderr", "") or str(error)
        raise SetupError(f"setting up {setup.name} failed: {said[-300:]}") from error
    (folder / "ready").touch()
    return folder


def _run(folder: Path, *command: str) -> None:
    subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True)


def _node(folder: Path, setup: Setup) -> None:
    _run(folder, "npm", "init", "-y")
    _run(folder, "npm", "install", "--no-audit", "--no-fund", *setup.packages)


def _python(folder: Path, setup: Setup) -> None:
    _run(folder, sys.executable, "-m", "venv", "venv")
    pip = (str(folder / "venv" / "bin" / "python"), "-m", "pip", "--disable-pip-version-check", "--quiet")
    _run(folder, *pip, "install", *setup.packages)
    if setup.sources:
        _run(folder, *pip, "download", "--no-deps", "--no-binary", ":all:", "--no-build-isolation", setup.sources)
        with tarfile.open(next(folder.glob("*.tar.gz"))) as archive:
            for member in archive:
                member.name = member.name.partition("/")[2]
                if member.isfile() and (member.name == "pyproject.toml" or member.name.startswith("tests/")):
                    archive.extract(member, folder)
