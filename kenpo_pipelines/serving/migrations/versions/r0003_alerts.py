"""Alerts: what is to be told, to whom it was delivered, and what was last told of each subject."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.types import TypeEngine

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def _timestamp() -> TypeEngine[Any]:
    """A point in time; ISO 8601 text in UTC on SQLite."""
    return sa.DateTime(timezone=True).with_variant(sa.String(20), "sqlite")


def _text(name: str, comment: str, length: int | None = None, *, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, sa.String(length) if length else sa.Text(), nullable=nullable, comment=comment)


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "alerts",
        sa.Column(
            "alert_id", sa.Integer(), autoincrement=True, nullable=False, comment="Ascending in the order of telling"
        ),
        _text("alert_key", "Names the occurrence; an occurrence is told once"),
        _text("kind", "check_failed, check_recovered, run_failed, run_recovered, branches_late …", 32),
        _text("severity", "critical, warning or info", 8),
        _text("alert_group", "Alerts of one group are sent as one message: a run id, late:2025-07-10"),
        _text("month", "Reporting month, YYYY-MM", 7, nullable=True),
        _text("dataset", "Dataset or model; empty where there is none", 64),
        _text("subject", "What it is about: asset:check, or branch codes"),
        _text("title", "One line in Japanese"),
        _text("lines", "Facts in Japanese, one per line; never a value of a submitted row"),
        _text("branches", "Branches concerned, as people read them, one per line"),
        _text("routes", "Further tags of channels that get it, joined by commas"),
        _text("muted_by", "Entry of alerts.yml that keeps it from being sent; empty when it is sent"),
        _text("link", "URL of the run or asset; empty without one"),
        sa.Column("occurred_at", _timestamp(), nullable=False, comment="When it happened, UTC"),
        sa.Column("queued_at", _timestamp(), nullable=False, comment="When it was stored here, UTC"),
        sa.CheckConstraint("severity IN ('critical', 'warning', 'info')", name=op.f("ck_alerts_severity")),
        sa.CheckConstraint("month LIKE '____-__'", name=op.f("ck_alerts_month")),
        sa.PrimaryKeyConstraint("alert_id", name=op.f("pk_alerts")),
        comment="What people must be told. Grain: one occurrence. Kept for a year after it was delivered.",
    )
    op.create_index(op.f("ix_alerts_alert_key"), "alerts", ["alert_key"], unique=True)
    op.create_index(op.f("ix_alerts_alert_group"), "alerts", ["alert_group"])
    op.create_index(op.f("ix_alerts_queued_at"), "alerts", ["queued_at"])
    op.create_table(
        "alert_deliveries",
        sa.Column("alert_id", sa.Integer(), autoincrement=False, nullable=False, comment="The alert"),
        _text("channel", "Kind and digest of the address; never the address, which may hold a password", 64),
        _text(
            "state",
            "queued; sending: claimed and not noted yet; delivered; dropped: the channel is no longer configured",
            16,
        ),
        sa.Column("attempts", sa.Integer(), autoincrement=False, nullable=False, comment="How often it was tried"),
        sa.Column("next_attempt_at", _timestamp(), nullable=False, comment="Not tried (again) before, UTC"),
        _text("last_error", "Kind of the last failure; empty without one"),
        sa.Column("changed_at", _timestamp(), nullable=False, comment="When the row last changed, UTC"),
        sa.CheckConstraint(
            "state IN ('queued', 'sending', 'delivered', 'dropped')", name=op.f("ck_alert_deliveries_state")
        ),
        sa.CheckConstraint("attempts >= 0", name=op.f("ck_alert_deliveries_attempts")),
        sa.ForeignKeyConstraint(["alert_id"], ["alerts.alert_id"], name=op.f("fk_alert_deliveries_alerts")),
        sa.PrimaryKeyConstraint("alert_id", "channel", name=op.f("pk_alert_deliveries")),
        comment="What became of an alert. Grain: alert x channel; none for an alert that is muted or that no channel takes.",
    )
    op.create_index(
        op.f("ix_alert_deliveries_channel_state_next_attempt_at"),
        "alert_deliveries",
        ["channel", "state", "next_attempt_at"],
    )
    op.create_table(
        "alert_states",
        _text("subject", "What it is about: check:asset:check:month, run:month, late:dataset:month:branch …"),
        _text("state", "What was last told of it, as its teller writes it"),
        sa.Column("changed_at", _timestamp(), nullable=False, comment="When it was told, UTC"),
        sa.PrimaryKeyConstraint("subject", name=op.f("pk_alert_states")),
        comment="What was last told of each subject, written in the transaction that queues the alert. Grain: subject.",
    )


def downgrade() -> None:
    """Drop the tables."""
    op.drop_table("alert_states")
    op.drop_table("alert_deliveries")
    op.drop_table("alerts")
