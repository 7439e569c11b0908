"""Engines: tokens in, tokens out, and the text semantics above them.

`import openvino` reports itself to its makers through the package ``openvino_telemetry``, without asking, unless that
package can't be imported. Here nothing leaves the machine, so it can't: whichever module of this package loads
OpenVINO, this file has run before it. `tests/integration/test_offline.py` watches.

Knows: how to silence a library. Does not know: which engines there are (`aigc.engines.registry`).
"""

import sys

sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]  # None is how an import is forbidden
