"""The tables of stored completions."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "completions",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("owner", sa.String(128), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("model", sa.String(256), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("messages", sa.LargeBinary(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
    )
    op.create_index("ix_completions_owner", "completions", ["owner", "id"])
    op.create_index("ix_completions_created", "completions", ["created"])
    op.create_index("ix_completions_size", "completions", ["owner", "size"])
    op.create_table(
        "completion_labels",
        sa.Column("completion", sa.String(64), sa.ForeignKey("completions.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("key", sa.String(64), primary_key=True),
        sa.Column("value", sa.String(512), nullable=False),
    )


def downgrade() -> None:
    """Drop the tables."""
    op.drop_table("completion_labels")
    op.drop_table("completions")
