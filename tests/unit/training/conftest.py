"""Fixtures for tests of the teaching tower, which need torch: `make test` installs it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """Sums in one order on every machine, and no fight for its cores."""
    torch = pytest.importorskip("torch", reason="the extra `train` isn't installed")
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
