"""Restatements: published values that changed, with their causes; the targets that published judgements keep.

The ledger names the branches of every file and keeps replaced entries, for these say what caused a restatement.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.types import TypeEngine

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_FACT_KEY = ["as_of", "fiscal_year", "branch_code", "kpi_id"]
_BRANCH_CODES = "Branches of the file's rows, codes joined by commas; empty where nothing could be read"


def _timestamp() -> TypeEngine[Any]:
    """A point in time; ISO 8601 text in UTC on SQLite."""
    return sa.DateTime(timezone=True).with_variant(sa.String(20), "sqlite")


def _exact() -> TypeEngine[Any]:
    """DECIMAL(28,10); canonical text on SQLite."""
    return sa.Numeric(28, 10).with_variant(sa.String(30), "sqlite")


def _text(name: str, comment: str, length: int | None = None, *, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, sa.String(length) if length else sa.Text(), nullable=nullable, comment=comment)


def _integer(name: str, comment: str) -> sa.Column[Any]:
    return sa.Column(name, sa.Integer(), autoincrement=False, nullable=False, comment=comment)


def _moment(name: str, comment: str) -> sa.Column[Any]:
    return sa.Column(name, _timestamp(), nullable=False, comment=comment)


def _flag(name: str, comment: str) -> sa.Column[Any]:
    return sa.Column(name, sa.Boolean(), nullable=False, comment=comment)


def _number(name: str, comment: str) -> sa.Column[Any]:
    return sa.Column(name, _exact(), nullable=True, comment=comment)


def _fact_key() -> list[sa.Column[Any]]:
    return [
        _text("as_of", "Month of the scorecard, YYYY-MM", 7),
        _integer("fiscal_year", "Fiscal year, April to March; 2025 = 令和7年度"),
        _text("branch_code", "Branch code; 00 = 協会全体", 2),
        _text("kpi_id", "KPI, as in the catalogue", 64),
    ]


def _folder_columns() -> list[sa.Column[Any]]:
    return [
        _text("dataset", "Dataset of the submission: kpi_results, kpi_targets …", 64),
        _text("known_month", "Landing folder: reporting month YYYY-MM, or YYYY for a yearly dataset", 7),
        _text("file", "File name"),
        _text("file_sha256", "SHA-256 of the file's bytes, hex", 64),
    ]


def _published() -> list[sa.Column[Any]]:
    return [
        _text("run_id", "Run that wrote the row as it stands; an unchanged row keeps its run"),
        _moment("published_at", "When that run wrote the row, UTC"),
        _text("code_version", "Release and digest of the rules that made the row"),
    ]


def _dimension_keys(table: str) -> list[sa.ForeignKeyConstraint]:
    return [
        sa.ForeignKeyConstraint(["branch_code"], ["branches.branch_code"], name=op.f(f"fk_{table}_branches")),
        sa.ForeignKeyConstraint(
            ["kpi_id", "fiscal_year"], ["kpis.kpi_id", "kpis.fiscal_year"], name=op.f(f"fk_{table}_kpis")
        ),
    ]


def upgrade() -> None:
    """Create the tables. Files that are in the ledger already name their branches when their month is published anew."""
    op.add_column(
        "submission_ledger",
        sa.Column("branch_codes", sa.Text(), nullable=False, server_default=sa.text("''"), comment=_BRANCH_CODES),
    )
    _create_ledger_history()
    _create_frozen_targets()
    _create_restatements()


def _create_ledger_history() -> None:
    op.create_table(
        "submission_ledger_history",
        sa.Column(
            "history_id",
            sa.Integer(),
            autoincrement=True,
            nullable=False,
            comment="Ascending in the order of replacement",
        ),
        *_folder_columns(),
        _moment("received_at", "When the file landed, UTC"),
        _text("origin", "published (public figures), submission or synthetic", 16),
        _text("status", "loaded or refused (no row of it was read)", 16),
        _text("fault", "Code of the fault that refused the file; else empty", 64),
        _text("detail", "The fault in Japanese, and what to do"),
        _integer("rows_read", "Rows in the file; = rows_loaded + rows_rejected"),
        _integer("rows_loaded", "Rows that went on, exact duplicates among them"),
        _integer("rows_rejected", "Rows in quarantine, see rejected_rows"),
        _integer("rows_merged", "Exact duplicates among the loaded rows"),
        _text("notices", "What the sender should know, in Japanese, one per line"),
        *_published(),
        _text("branch_codes", _BRANCH_CODES),
        _text("change", "updated: another row took its place; deleted: none did", 8),
        _text("replaced_by_run_id", "Run that replaced or deleted the row"),
        _moment("replaced_at", "When, UTC"),
        sa.CheckConstraint("change IN ('updated', 'deleted')", name=op.f("ck_submission_ledger_history_change")),
        sa.PrimaryKeyConstraint("history_id", name=op.f("pk_submission_ledger_history")),
        comment="Rows of submission_ledger as they were before a later run changed or deleted them. "
        "Grain: one replaced row.",
    )
    op.create_index(op.f("ix_submission_ledger_history_replaced_at"), "submission_ledger_history", ["replaced_at"])


def _create_frozen_targets() -> None:
    name = "frozen_targets"
    op.create_table(
        name,
        *_fact_key(),
        _text("comparator", ">=, <= or done (実施)", 8),
        _number("target", "The target, rounded half-up to the figure's precision; NULL when there is no number"),
        _text("target_exact", "The unrounded target as a fraction, 5395/100; empty when there is no number"),
        _text("target_text", "The target as shown: 63.1%以上, 対前年度以上（53.95%以上）, 実施"),
        _text("target_source", "submitted, uniform (set by head office) or prior_year", 16),
        _flag("is_fixed", "True for a number that was set, False for one that a prior year gave"),
        _flag(
            "rests_on_prior_year",
            "True when a reported result of the prior year decided it: it stays for the fiscal year",
        ),
        _text("used_since", "Month of the scorecard, YYYY-MM, in which the target was first used", 7),
        *_published(),
        *_dimension_keys(name),
        sa.PrimaryKeyConstraint(*_FACT_KEY, name=op.f(f"pk_{name}")),
        sa.CheckConstraint(
            "as_of LIKE '____-__' AND used_since LIKE '____-__' AND used_since <= as_of", name=op.f(f"ck_{name}_months")
        ),
        sa.CheckConstraint("comparator IN ('>=', '<=', 'done')", name=op.f(f"ck_{name}_comparator")),
        sa.CheckConstraint(
            "target_source IN ('submitted', 'uniform', 'prior_year')", name=op.f(f"ck_{name}_target_source")
        ),
        sa.CheckConstraint("(target IS NULL) = (target_exact = '')", name=op.f(f"ck_{name}_exact")),
        comment="Targets that a figure of a published scorecard was held against: the scorecard keeps them. Never "
        "deleted. Grain: as_of x fiscal_year x branch x KPI.",
    )
    columns = ["fiscal_year", "branch_code", "kpi_id", "as_of"]
    op.create_index(op.f(f"ix_{name}_{'_'.join(columns)}"), name, columns)


def _before_and_after() -> list[sa.Column[Any]]:
    columns = []
    for prefix, when in (("old", "before"), ("new", "after")):
        columns += [
            _number(f"{prefix}_value", f"The figure {when}, rounded half-up"),
            _text(f"{prefix}_value_text", f"The figure {when}, as shown; empty without one"),
            _number(f"{prefix}_numerator", f"Its numerator {when}, unrounded"),
            _number(f"{prefix}_denominator", f"Its denominator {when}, unrounded"),
            _text(f"{prefix}_figure_as_of", f"Month the figure belonged to {when}, YYYY-MM", 7, nullable=True),
            _text(f"{prefix}_target_text", f"The target {when}, as shown"),
            _text(f"{prefix}_outcome", f"The judgement {when}; empty when there was no such line on the scorecard", 16),
        ]
    return columns


def _create_restatements() -> None:
    name = "kpi_restatements"
    outcomes = "('attained', 'not_attained', 'not_evaluable', '')"
    op.create_table(
        name,
        _integer("restatement_id", "Ascending in the order of restatement"),
        *_fact_key(),
        *_before_and_after(),
        _text(
            "causes",
            "Codes joined by commas: submission, target_registration, target_renewal, reading, code; or unknown",
        ),
        _text("cause_text", "The causes in Japanese, one per line"),
        _text("old_code_version", "Release and digest of the rules that made what was published before"),
        _text("new_code_version", "Release and digest of the rules that restated it"),
        _text("old_run_id", "Run that published what was restated"),
        _text("new_run_id", "Run that restated it"),
        _moment("old_published_at", "When that was published, UTC"),
        _moment("restated_at", "When it was restated, UTC"),
        *_dimension_keys(name),
        sa.PrimaryKeyConstraint("restatement_id", name=op.f(f"pk_{name}")),
        sa.CheckConstraint("as_of LIKE '____-__'", name=op.f(f"ck_{name}_as_of")),
        sa.CheckConstraint("causes <> ''", name=op.f(f"ck_{name}_causes")),
        sa.CheckConstraint(
            f"old_outcome IN {outcomes} AND new_outcome IN {outcomes} AND (old_outcome <> '' OR new_outcome <> '')",
            name=op.f(f"ck_{name}_outcomes"),
        ),
        comment="遡及訂正: published values that a later publication of the same month changed. Written in the "
        "transaction that changes them. Grain: one change of one as_of x fiscal_year x branch x KPI.",
    )
    op.create_index(op.f(f"ix_{name}_{'_'.join(_FACT_KEY)}"), name, _FACT_KEY)
    op.create_table(
        "restatement_files",
        _integer("restatement_id", "Restatement that the file may have caused"),
        *_folder_columns(),
        _text("change", "appeared, removed or reread (other rows of it count) since the publication before", 16),
        sa.ForeignKeyConstraint(
            ["restatement_id"], [f"{name}.restatement_id"], name=op.f(f"fk_restatement_files_{name}")
        ),
        sa.PrimaryKeyConstraint(
            *("restatement_id", "dataset", "known_month", "file", "file_sha256"), name=op.f("pk_restatement_files")
        ),
        sa.CheckConstraint("change IN ('appeared', 'removed', 'reread')", name=op.f("ck_restatement_files_change")),
        comment="Submissions that feed a restated KPI and branch and changed since the publication before. "
        "Grain: restatement x file.",
    )


def downgrade() -> None:
    """Drop what was created."""
    for table in ("restatement_files", "kpi_restatements", "frozen_targets", "submission_ledger_history"):
        op.drop_table(table)
    op.drop_column("submission_ledger", "branch_codes")
