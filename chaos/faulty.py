"""Writes that fail on demand: builds ``faults.c`` and moves its plan.

Knows: a C compiler, the plan's layout. Does not know: what is written.
"""

from __future__ import annotations

import errno
import mmap
import shutil
import struct
import subprocess
from pathlib import Path


class Faults:
    """The shim, and when it strikes.

    Args:
        scratch: where the library and the plan go.
        folder: only files below it are concerned.
    Raises:
        RuntimeError: there is no C compiler.
    """

    def __init__(self, scratch: Path, folder: Path) -> None:
        compiler = shutil.which("cc") or shutil.which("gcc")
        if compiler is None:
            raise RuntimeError("a C compiler is needed to make writes fail")
        library, plan = scratch / "faults.so", scratch / "faults.plan"
        source = Path(__file__).with_name("faults.c")
        subprocess.run([compiler, "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True)
        plan.write_bytes(bytes(32))
        with plan.open("r+b") as file:
            self._plan = mmap.mmap(file.fileno(), 32)
        self.environment = {"LD_PRELOAD": str(library), "CHAOS_FAULTS": str(plan), "CHAOS_FAULTS_IN": str(folder)}

    def strike(self, after: int, times: int, number: int = errno.EIO) -> None:
        """Let the next ``after`` writes pass and as many as ``times`` fail."""
        self._plan[:] = struct.pack("<4q", after, times, number, 0)

    def stop(self) -> int:
        """No more. Returns: how many failed."""
        failed: int = struct.unpack("<4q", self._plan[:])[3]
        self._plan[:] = bytes(32)
        return failed
