"""What ``/auth`` accepts and answers.

Knows: the shapes. Does not know: sessions.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, Field

from aigc.server.fields import Body


class Login(Body):
    """A key, typed into the page."""

    key: Annotated[str, Field(strict=True, min_length=1, max_length=256)]


class Me(BaseModel):
    """Who is logged in."""

    object: str = "session"
    owner: str
    key_id: str
