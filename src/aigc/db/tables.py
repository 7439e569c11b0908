"""The tables, as SQLAlchemy sees them; `migrations/` creates and changes them.

Knows: column names, types and indexes. Does not know: queries.
Times are whole Unix seconds, UTC.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, ForeignKey, Index, LargeBinary, String
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


class CompletionRow(Base):
    """A chat that was to be kept. Its id begins with the time, so that the order of ids is the order of time."""

    __tablename__ = "completions"
    __table_args__ = (
        Index("ix_completions_owner", "owner", "id"),
        Index("ix_completions_created", "created"),
        Index("ix_completions_size", "owner", "size"),  # an owner's total is summed up without a look at the bodies
    )

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    owner: Mapped[str] = mapped_column(String(128))
    created: Mapped[int] = mapped_column(BigInteger)
    model: Mapped[str] = mapped_column(String(256))
    body: Mapped[bytes] = mapped_column(LargeBinary)
    """JSON of the answer with the request's fields, without metadata."""
    messages: Mapped[bytes] = mapped_column(LargeBinary)
    """JSON array of the request's messages."""
    size: Mapped[int] = mapped_column(BigInteger)
    """Bytes of both."""


class CompletionLabelRow(Base):
    """One pair of a stored completion's metadata."""

    __tablename__ = "completion_labels"

    completion: Mapped[str] = mapped_column(ForeignKey("completions.id", ondelete="CASCADE"), primary_key=True)
    key: Mapped[str] = mapped_column(String(64), primary_key=True)
    value: Mapped[str] = mapped_column(String(512))


class ReplyRow(Base):
    """The first answer to a request with an ``Idempotency-Key``."""

    __tablename__ = "replies"
    __table_args__ = (
        Index("ix_replies_created", "created"),
        Index("ix_replies_size", "owner", "size"),
    )

    owner: Mapped[str] = mapped_column(String(128), primary_key=True)
    key: Mapped[str] = mapped_column(String(255), primary_key=True)
    asked: Mapped[bytes] = mapped_column(LargeBinary(32))
    """sha256 of the request."""
    created: Mapped[int] = mapped_column(BigInteger)
    status: Mapped[int]
    media_type: Mapped[str] = mapped_column(String(128))
    body: Mapped[bytes] = mapped_column(LargeBinary)
    size: Mapped[int] = mapped_column(BigInteger)


class SessionRow(Base):
    """A session of the page."""

    __tablename__ = "sessions"

    digest: Mapped[bytes] = mapped_column(LargeBinary(32), primary_key=True)
    """sha256 of the cookie's value, which is 32 random bytes."""
    owner: Mapped[str] = mapped_column(String(128))
    key_id: Mapped[str] = mapped_column(String(128))
    ends: Mapped[int] = mapped_column(BigInteger)


class PictureRow(Base):
    """A picture that is kept for an address, or the job of a detached request with its answer."""

    __tablename__ = "pictures"
    __table_args__ = (Index("ix_pictures_ends", "ends"), Index("ix_pictures_size", "owner", "size"))

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    owner: Mapped[str] = mapped_column(String(128))
    created: Mapped[int] = mapped_column(BigInteger)
    ends: Mapped[int] = mapped_column(BigInteger)
    """When it is forgotten."""
    state: Mapped[str] = mapped_column(String(16))
    run: Mapped[str] = mapped_column(String(32))
    """Which start of a server works on it: no other one knows more."""
    media_type: Mapped[str] = mapped_column(String(128))
    body: Mapped[bytes] = mapped_column(LargeBinary)
    size: Mapped[int] = mapped_column(BigInteger)
