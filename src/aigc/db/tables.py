"""The tables, as SQLAlchemy sees them; `migrations/` creates and changes them.

Knows: column names, types and indexes. Does not know: queries.
Times are whole Unix seconds, UTC.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, LargeBinary, String
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    """Every table's metadata."""


class KeyRow(Base):
    """An API key: everything but the key."""

    __tablename__ = "keys"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    owner: Mapped[str] = mapped_column(String(128), index=True)
    name: Mapped[str] = mapped_column(String(128))
    prefix: Mapped[str] = mapped_column(String(32), unique=True)
    """The first characters of the key: found by them, shown in lists."""
    salt: Mapped[bytes] = mapped_column(LargeBinary(16))
    hash: Mapped[bytes] = mapped_column(LargeBinary(32))
    """sha256 of salt + key. A slow password hash buys nothing here: the key is 32 random bytes, not a word."""
    created: Mapped[int] = mapped_column(BigInteger)
    last_used: Mapped[int | None] = mapped_column(BigInteger)
    revoked: Mapped[int | None] = mapped_column(BigInteger)
