"""The first tables: dimensions, targets, facts with their history, submission ledger, rejected rows."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.types import TypeEngine

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def _exact() -> TypeEngine[Any]:
    """DECIMAL(28,10); text on SQLite, which has no exact decimals."""
    return sa.Numeric(28, 10).with_variant(sa.String(30), "sqlite")


def _timestamp() -> TypeEngine[Any]:
    """A point in time; ISO 8601 text in UTC on SQLite."""
    return sa.DateTime(timezone=True).with_variant(sa.String(20), "sqlite")


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "branches",
        sa.Column("branch_code", sa.String(length=2), nullable=False, comment="Prefecture code 01-47; 00 = 協会全体"),
        sa.Column("name", sa.Text(), nullable=False, comment="Japanese name: 東京支部"),
        sa.Column("name_en", sa.Text(), nullable=False, comment="English name"),
        sa.CheckConstraint("branch_code LIKE '__'", name=op.f("ck_branches_branch_code")),
        sa.PrimaryKeyConstraint("branch_code", name=op.f("pk_branches")),
        comment="Branches. Grain: one branch, and the nation. Source: the catalogue.",
    )
    op.create_table(
        "fiscal_years",
        sa.Column(
            "fiscal_year", sa.Integer(), autoincrement=False, nullable=False, comment="Calendar year in which it begins"
        ),
        sa.Column("name", sa.Text(), nullable=False, comment="Japanese name as printed: 令和７年度"),
        sa.Column("first_month", sa.String(length=7), nullable=False, comment="Its April, YYYY-MM"),
        sa.Column("last_month", sa.String(length=7), nullable=False, comment="Its March, YYYY-MM"),
        sa.Column("is_judged", sa.Boolean(), nullable=False, comment="False for a year that serves as a baseline only"),
        sa.CheckConstraint(
            "first_month LIKE '____-__' AND last_month LIKE '____-__'", name=op.f("ck_fiscal_years_months")
        ),
        sa.PrimaryKeyConstraint("fiscal_year", name=op.f("pk_fiscal_years")),
        comment="Fiscal years (April to March). Grain: one fiscal year. Source: the catalogue.",
    )
    op.create_table(
        "submission_ledger",
        sa.Column(
            "dataset",
            sa.String(length=64),
            nullable=False,
            comment="Dataset of the submission: kpi_results, kpi_targets …",
        ),
        sa.Column(
            "known_month",
            sa.String(length=7),
            nullable=False,
            comment="Landing folder: reporting month YYYY-MM, or YYYY for a yearly dataset",
        ),
        sa.Column("file", sa.Text(), nullable=False, comment="File name"),
        sa.Column("file_sha256", sa.String(length=64), nullable=False, comment="SHA-256 of the file's bytes, hex"),
        sa.Column("received_at", _timestamp(), nullable=False, comment="When the file landed, UTC"),
        sa.Column(
            "origin",
            sa.String(length=16),
            nullable=False,
            comment="published (public figures), submission or synthetic",
        ),
        sa.Column("status", sa.String(length=16), nullable=False, comment="loaded or refused (no row of it was read)"),
        sa.Column(
            "fault", sa.String(length=64), nullable=False, comment="Code of the fault that refused the file; else empty"
        ),
        sa.Column("detail", sa.Text(), nullable=False, comment="The fault in Japanese, and what to do"),
        sa.Column(
            "rows_read",
            sa.Integer(),
            autoincrement=False,
            nullable=False,
            comment="Rows in the file; = rows_loaded + rows_rejected",
        ),
        sa.Column(
            "rows_loaded",
            sa.Integer(),
            autoincrement=False,
            nullable=False,
            comment="Rows that went on, exact duplicates among them",
        ),
        sa.Column(
            "rows_rejected",
            sa.Integer(),
            autoincrement=False,
            nullable=False,
            comment="Rows in quarantine, see rejected_rows",
        ),
        sa.Column(
            "rows_merged",
            sa.Integer(),
            autoincrement=False,
            nullable=False,
            comment="Exact duplicates among the loaded rows",
        ),
        sa.Column(
            "notices", sa.Text(), nullable=False, comment="What the sender should know, in Japanese, one per line"
        ),
        sa.Column(
            "run_id",
            sa.Text(),
            nullable=False,
            comment="Run that wrote the row as it stands; an unchanged row keeps its run",
        ),
        sa.Column("published_at", _timestamp(), nullable=False, comment="When that run wrote the row, UTC"),
        sa.Column(
            "code_version", sa.Text(), nullable=False, comment="Release and digest of the rules that made the row"
        ),
        sa.CheckConstraint(
            "known_month LIKE '____-__' OR known_month LIKE '____'", name=op.f("ck_submission_ledger_known_month")
        ),
        sa.CheckConstraint(
            "origin IN ('published', 'submission', 'synthetic')", name=op.f("ck_submission_ledger_origin")
        ),
        sa.CheckConstraint(
            "status <> 'refused' OR (rows_loaded = 0 AND fault <> '')", name=op.f("ck_submission_ledger_refused")
        ),
        sa.CheckConstraint("status IN ('loaded', 'refused')", name=op.f("ck_submission_ledger_status")),
        sa.CheckConstraint("length(file_sha256) = 64", name=op.f("ck_submission_ledger_file_sha256")),
        sa.CheckConstraint(
            "rows_loaded >= 0 AND rows_rejected >= 0", name=op.f("ck_submission_ledger_rows_not_negative")
        ),
        sa.CheckConstraint("rows_merged BETWEEN 0 AND rows_loaded", name=op.f("ck_submission_ledger_rows_merged")),
        sa.CheckConstraint("rows_read = rows_loaded + rows_rejected", name=op.f("ck_submission_ledger_rows_add_up")),
        sa.PrimaryKeyConstraint("dataset", "known_month", "file", "file_sha256", name=op.f("pk_submission_ledger")),
        comment="Submission files and what became of them. Grain: dataset x landing folder x file x content.",
    )
    op.create_index(op.f("ix_submission_ledger_known_month"), "submission_ledger", ["known_month"])
    op.create_table(
        "kpis",
        sa.Column("kpi_id", sa.String(length=64), nullable=False, comment="KPI id of the catalogue"),
        sa.Column(
            "fiscal_year",
            sa.Integer(),
            autoincrement=False,
            nullable=False,
            comment="Fiscal year in which this definition holds",
        ),
        sa.Column("kpi_order", sa.Integer(), autoincrement=False, nullable=False, comment="Place on the scorecard"),
        sa.Column(
            "kpi_group", sa.Text(), nullable=False, comment="基盤的保険者機能, 戦略的保険者機能 or 組織・運営体制"
        ),
        sa.Column("name", sa.Text(), nullable=False, comment="Japanese name as printed"),
        sa.Column("name_en", sa.Text(), nullable=False, comment="English name"),
        sa.Column("definition", sa.Text(), nullable=False, comment="What the KPI says"),
        sa.Column(
            "numerator_definition", sa.Text(), nullable=False, comment="What the numerator counts; empty without one"
        ),
        sa.Column(
            "denominator_definition",
            sa.Text(),
            nullable=False,
            comment="What the denominator counts; empty without one",
        ),
        sa.Column("kind", sa.String(length=16), nullable=False, comment="rate, mean, count or qualitative"),
        sa.Column(
            "unit", sa.Text(), nullable=False, comment="Unit as printed; a branch's own may differ, see kpi_facts.unit"
        ),
        sa.Column(
            "precision",
            sa.Integer(),
            autoincrement=False,
            nullable=False,
            comment="Decimals printed and judged; a branch's own may differ, see kpi_facts.precision",
        ),
        sa.Column(
            "direction",
            sa.String(length=16),
            nullable=False,
            comment="at_least: higher is better; at_most: lower is better",
        ),
        sa.Column(
            "accumulation",
            sa.String(length=16),
            nullable=False,
            comment="cumulative over the fiscal year, level, cohort, year_end or none",
        ),
        sa.Column("scope", sa.String(length=16), nullable=False, comment="all, nation or branches (some only)"),
        sa.Column("target_rule", sa.String(length=32), nullable=False, comment="Where a target comes from"),
        sa.Column(
            "uniform_target",
            _exact(),
            nullable=True,
            comment="The target that head office sets for all, where the rule is uniform",
        ),
        sa.Column(
            "predecessor_id",
            sa.String(length=64),
            nullable=False,
            comment="KPI that this one replaced; empty without one",
        ),
        sa.Column(
            "is_comparable",
            sa.Boolean(),
            nullable=False,
            comment="True when the predecessor's figures may be compared with this one's",
        ),
        sa.Column(
            "ended_in",
            sa.String(length=7),
            nullable=True,
            comment="Last month, YYYY-MM, of a KPI that ends in mid-year",
        ),
        sa.Column(
            "is_judged",
            sa.Boolean(),
            nullable=False,
            comment="False for the year before the KPI's first: its result is a baseline, not judged",
        ),
        sa.Column("source", sa.Text(), nullable=False, comment="Document the definition was read from"),
        sa.CheckConstraint("direction IN ('at_least', 'at_most')", name=op.f("ck_kpis_direction")),
        sa.CheckConstraint("kind IN ('rate', 'mean', 'count', 'qualitative')", name=op.f("ck_kpis_kind")),
        sa.CheckConstraint("precision BETWEEN 0 AND 6", name=op.f("ck_kpis_precision")),
        sa.ForeignKeyConstraint(["fiscal_year"], ["fiscal_years.fiscal_year"], name=op.f("fk_kpis_fiscal_years")),
        sa.PrimaryKeyConstraint("kpi_id", "fiscal_year", name=op.f("pk_kpis")),
        comment="KPI definitions. Grain: KPI x fiscal year. Source: the catalogue.",
    )
    op.create_table(
        "rejected_rows",
        sa.Column(
            "dataset",
            sa.String(length=64),
            nullable=False,
            comment="Dataset of the submission: kpi_results, kpi_targets …",
        ),
        sa.Column(
            "known_month",
            sa.String(length=7),
            nullable=False,
            comment="Landing folder: reporting month YYYY-MM, or YYYY for a yearly dataset",
        ),
        sa.Column("file", sa.Text(), nullable=False, comment="File name"),
        sa.Column("file_sha256", sa.String(length=64), nullable=False, comment="SHA-256 of the file's bytes, hex"),
        sa.Column("sheet", sa.String(length=64), nullable=False, comment="Sheet of a workbook; empty for CSV"),
        sa.Column(
            "row_number", sa.Integer(), autoincrement=False, nullable=False, comment="Row as a person counts it, from 1"
        ),
        sa.Column(
            "fault_number",
            sa.Integer(),
            autoincrement=False,
            nullable=False,
            comment="Counts the faults of one row, from 1",
        ),
        sa.Column(
            "column_name",
            sa.Text(),
            nullable=False,
            comment="Header as in the file; empty for a fault of the whole row",
        ),
        sa.Column(
            "branch_code",
            sa.Text(),
            nullable=True,
            comment="Branch the row speaks of, if it could be read; it may be unknown",
        ),
        sa.Column(
            "kpi_id", sa.Text(), nullable=True, comment="KPI the row speaks of, if it could be read; it may be unknown"
        ),
        sa.Column("fault", sa.String(length=64), nullable=False, comment="Code of the fault"),
        sa.Column(
            "value_class",
            sa.Text(),
            nullable=False,
            comment="What kind of value stood there, in Japanese; never the value itself",
        ),
        sa.Column("advice", sa.Text(), nullable=False, comment="What to do, in Japanese"),
        sa.Column(
            "run_id",
            sa.Text(),
            nullable=False,
            comment="Run that wrote the row as it stands; an unchanged row keeps its run",
        ),
        sa.Column("published_at", _timestamp(), nullable=False, comment="When that run wrote the row, UTC"),
        sa.Column(
            "code_version", sa.Text(), nullable=False, comment="Release and digest of the rules that made the row"
        ),
        sa.CheckConstraint("fault <> ''", name=op.f("ck_rejected_rows_fault")),
        sa.ForeignKeyConstraint(
            ["dataset", "known_month", "file", "file_sha256"],
            [
                "submission_ledger.dataset",
                "submission_ledger.known_month",
                "submission_ledger.file",
                "submission_ledger.file_sha256",
            ],
            name=op.f("fk_rejected_rows_submission_ledger"),
        ),
        sa.PrimaryKeyConstraint(
            "dataset",
            "known_month",
            "file",
            "file_sha256",
            "sheet",
            "row_number",
            "fault_number",
            name=op.f("pk_rejected_rows"),
        ),
        comment="Quarantine: why a row of a submission was not loaded. Grain: one fault of one row.",
    )
    op.create_index(op.f("ix_rejected_rows_known_month"), "rejected_rows", ["known_month"])
    op.create_table(
        "kpi_facts_history",
        sa.Column(
            "history_id",
            sa.Integer(),
            autoincrement=True,
            nullable=False,
            comment="Ascending in the order of replacement",
        ),
        sa.Column("as_of", sa.String(length=7), nullable=False, comment="Month of the scorecard, YYYY-MM"),
        sa.Column(
            "fiscal_year",
            sa.Integer(),
            autoincrement=False,
            nullable=False,
            comment="Fiscal year, April to March; 2025 = 令和7年度",
        ),
        sa.Column("branch_code", sa.String(length=2), nullable=False, comment="Branch code; 00 = 協会全体"),
        sa.Column("kpi_id", sa.String(length=64), nullable=False, comment="KPI, as in the catalogue"),
        sa.Column(
            "kind",
            sa.String(length=16),
            nullable=False,
            comment="rate, mean, count or qualitative, as this branch reports it",
        ),
        sa.Column(
            "unit",
            sa.Text(),
            nullable=False,
            comment="Unit of this branch's figure, as printed; empty for qualitative KPIs",
        ),
        sa.Column(
            "precision",
            sa.Integer(),
            autoincrement=False,
            nullable=False,
            comment="Decimals at which this branch's figure is printed and judged",
        ),
        sa.Column(
            "figure_as_of",
            sa.String(length=7),
            nullable=True,
            comment="Month the figure itself belongs to, YYYY-MM; not after as_of",
        ),
        sa.Column(
            "figure_known_month",
            sa.String(length=7),
            nullable=True,
            comment="Reporting month in which the figure arrived, YYYY-MM",
        ),
        sa.Column("numerator", _exact(), nullable=True, comment="Numerator of the figure, unrounded"),
        sa.Column("denominator", _exact(), nullable=True, comment="Denominator of the figure, unrounded"),
        sa.Column("value", _exact(), nullable=True, comment="The figure, rounded half-up to precision"),
        sa.Column("value_text", sa.Text(), nullable=False, comment="The figure as shown: 99.90, 実施, or empty"),
        sa.Column(
            "outcome",
            sa.String(length=16),
            nullable=False,
            comment="attained 達成, not_attained 未達成, not_evaluable 判定不能",
        ),
        sa.Column(
            "reason",
            sa.String(length=64),
            nullable=False,
            comment="Code: why not evaluable, or attained by which exception; else empty",
        ),
        sa.Column("reason_text", sa.Text(), nullable=False, comment="The reason in Japanese"),
        sa.Column(
            "ratio_to_target",
            _exact(),
            nullable=True,
            comment="対計画値: result ÷ target × 100 from unrounded figures, one decimal",
        ),
        sa.Column(
            "is_nearly_attained",
            sa.Boolean(),
            nullable=True,
            comment="概ね達成 by an inferred rule, beside the outcome; NULL = no rule",
        ),
        sa.Column("prior_value", _exact(), nullable=True, comment="（参考）前年度実績: the prior fiscal year's figure"),
        sa.Column("prior_value_text", sa.Text(), nullable=False, comment="The prior figure as shown"),
        sa.Column(
            "prior_as_of", sa.String(length=7), nullable=True, comment="Month the prior figure belongs to, YYYY-MM"
        ),
        sa.Column(
            "rank",
            sa.Integer(),
            autoincrement=False,
            nullable=True,
            comment="Rank among the branches with a figure, 1 = best",
        ),
        sa.Column(
            "ranked_branches", sa.Integer(), autoincrement=False, nullable=True, comment="How many branches were ranked"
        ),
        sa.Column(
            "source",
            sa.String(length=16),
            nullable=False,
            comment="computed from records, reported, or empty without a figure",
        ),
        sa.Column(
            "status", sa.String(length=16), nullable=False, comment="provisional, final, or empty without a figure"
        ),
        sa.Column(
            "notes", sa.Text(), nullable=False, comment="Warnings that endanger the figure, in Japanese, one per line"
        ),
        sa.Column(
            "run_id",
            sa.Text(),
            nullable=False,
            comment="Run that wrote the row as it stands; an unchanged row keeps its run",
        ),
        sa.Column("published_at", _timestamp(), nullable=False, comment="When that run wrote the row, UTC"),
        sa.Column(
            "code_version", sa.Text(), nullable=False, comment="Release and digest of the rules that made the row"
        ),
        sa.Column(
            "change",
            sa.String(length=8),
            nullable=False,
            comment="updated: another row took its place; deleted: none did",
        ),
        sa.Column("replaced_by_run_id", sa.Text(), nullable=False, comment="Run that replaced or deleted the row"),
        sa.Column("replaced_at", _timestamp(), nullable=False, comment="When, UTC"),
        sa.CheckConstraint("change IN ('updated', 'deleted')", name=op.f("ck_kpi_facts_history_change")),
        sa.ForeignKeyConstraint(["branch_code"], ["branches.branch_code"], name=op.f("fk_kpi_facts_history_branches")),
        sa.ForeignKeyConstraint(
            ["kpi_id", "fiscal_year"], ["kpis.kpi_id", "kpis.fiscal_year"], name=op.f("fk_kpi_facts_history_kpis")
        ),
        sa.PrimaryKeyConstraint("history_id", name=op.f("pk_kpi_facts_history")),
        comment="Rows of kpi_facts as they were before a later run changed or deleted them. Grain: one replaced row.",
    )
    op.create_index(
        op.f("ix_kpi_facts_history_as_of_fiscal_year_branch_code_kpi_id"),
        "kpi_facts_history",
        ["as_of", "fiscal_year", "branch_code", "kpi_id"],
    )
    op.create_table(
        "kpi_targets",
        sa.Column("as_of", sa.String(length=7), nullable=False, comment="Month of the scorecard, YYYY-MM"),
        sa.Column(
            "fiscal_year",
            sa.Integer(),
            autoincrement=False,
            nullable=False,
            comment="Fiscal year, April to March; 2025 = 令和7年度",
        ),
        sa.Column("branch_code", sa.String(length=2), nullable=False, comment="Branch code; 00 = 協会全体"),
        sa.Column("kpi_id", sa.String(length=64), nullable=False, comment="KPI, as in the catalogue"),
        sa.Column("comparator", sa.String(length=8), nullable=False, comment=">=, <=, done (実施) or empty"),
        sa.Column(
            "target",
            _exact(),
            nullable=True,
            comment="The target, rounded half-up to the figure's precision; NULL when there is no number",
        ),
        sa.Column(
            "target_text", sa.Text(), nullable=False, comment="The target as shown: 63.1%以上, 対前年度以上, 実施"
        ),
        sa.Column(
            "target_source",
            sa.String(length=16),
            nullable=False,
            comment="submitted, uniform (set by head office), prior_year, or empty",
        ),
        sa.Column(
            "is_contradictory",
            sa.Boolean(),
            nullable=False,
            comment="True when the registered targets contradict each other; then none of them is used",
        ),
        sa.Column(
            "contradiction", sa.Text(), nullable=False, comment="The contradiction in Japanese; empty without one"
        ),
        sa.Column(
            "run_id",
            sa.Text(),
            nullable=False,
            comment="Run that wrote the row as it stands; an unchanged row keeps its run",
        ),
        sa.Column("published_at", _timestamp(), nullable=False, comment="When that run wrote the row, UTC"),
        sa.Column(
            "code_version", sa.Text(), nullable=False, comment="Release and digest of the rules that made the row"
        ),
        sa.CheckConstraint(
            "NOT is_contradictory OR (target IS NULL AND contradiction <> '')",
            name=op.f("ck_kpi_targets_contradiction"),
        ),
        sa.CheckConstraint("as_of LIKE '____-__'", name=op.f("ck_kpi_targets_as_of")),
        sa.CheckConstraint("comparator IN ('>=', '<=', 'done', '')", name=op.f("ck_kpi_targets_comparator")),
        sa.CheckConstraint(
            "target_source IN ('submitted', 'uniform', 'prior_year', '')", name=op.f("ck_kpi_targets_target_source")
        ),
        sa.ForeignKeyConstraint(["branch_code"], ["branches.branch_code"], name=op.f("fk_kpi_targets_branches")),
        sa.ForeignKeyConstraint(
            ["kpi_id", "fiscal_year"], ["kpis.kpi_id", "kpis.fiscal_year"], name=op.f("fk_kpi_targets_kpis")
        ),
        sa.PrimaryKeyConstraint("as_of", "fiscal_year", "branch_code", "kpi_id", name=op.f("pk_kpi_targets")),
        comment="Targets as used on the scorecard of a month. Grain: as_of x fiscal year x branch x KPI.",
    )
    op.create_table(
        "kpi_facts",
        sa.Column("as_of", sa.String(length=7), nullable=False, comment="Month of the scorecard, YYYY-MM"),
        sa.Column(
            "fiscal_year",
            sa.Integer(),
            autoincrement=False,
            nullable=False,
            comment="Fiscal year, April to March; 2025 = 令和7年度",
        ),
        sa.Column("branch_code", sa.String(length=2), nullable=False, comment="Branch code; 00 = 協会全体"),
        sa.Column("kpi_id", sa.String(length=64), nullable=False, comment="KPI, as in the catalogue"),
        sa.Column(
            "kind",
            sa.String(length=16),
            nullable=False,
            comment="rate, mean, count or qualitative, as this branch reports it",
        ),
        sa.Column(
            "unit",
            sa.Text(),
            nullable=False,
            comment="Unit of this branch's figure, as printed; empty for qualitative KPIs",
        ),
        sa.Column(
            "precision",
            sa.Integer(),
            autoincrement=False,
            nullable=False,
            comment="Decimals at which this branch's figure is printed and judged",
        ),
        sa.Column(
            "figure_as_of",
            sa.String(length=7),
            nullable=True,
            comment="Month the figure itself belongs to, YYYY-MM; not after as_of",
        ),
        sa.Column(
            "figure_known_month",
            sa.String(length=7),
            nullable=True,
            comment="Reporting month in which the figure arrived, YYYY-MM",
        ),
        sa.Column("numerator", _exact(), nullable=True, comment="Numerator of the figure, unrounded"),
        sa.Column("denominator", _exact(), nullable=True, comment="Denominator of the figure, unrounded"),
        sa.Column("value", _exact(), nullable=True, comment="The figure, rounded half-up to precision"),
        sa.Column("value_text", sa.Text(), nullable=False, comment="The figure as shown: 99.90, 実施, or empty"),
        sa.Column(
            "outcome",
            sa.String(length=16),
            nullable=False,
            comment="attained 達成, not_attained 未達成, not_evaluable 判定不能",
        ),
        sa.Column(
            "reason",
            sa.String(length=64),
            nullable=False,
            comment="Code: why not evaluable, or attained by which exception; else empty",
        ),
        sa.Column("reason_text", sa.Text(), nullable=False, comment="The reason in Japanese"),
        sa.Column(
            "ratio_to_target",
            _exact(),
            nullable=True,
            comment="対計画値: result ÷ target × 100 from unrounded figures, one decimal",
        ),
        sa.Column(
            "is_nearly_attained",
            sa.Boolean(),
            nullable=True,
            comment="概ね達成 by an inferred rule, beside the outcome; NULL = no rule",
        ),
        sa.Column("prior_value", _exact(), nullable=True, comment="（参考）前年度実績: the prior fiscal year's figure"),
        sa.Column("prior_value_text", sa.Text(), nullable=False, comment="The prior figure as shown"),
        sa.Column(
            "prior_as_of", sa.String(length=7), nullable=True, comment="Month the prior figure belongs to, YYYY-MM"
        ),
        sa.Column(
            "rank",
            sa.Integer(),
            autoincrement=False,
            nullable=True,
            comment="Rank among the branches with a figure, 1 = best",
        ),
        sa.Column(
            "ranked_branches", sa.Integer(), autoincrement=False, nullable=True, comment="How many branches were ranked"
        ),
        sa.Column(
            "source",
            sa.String(length=16),
            nullable=False,
            comment="computed from records, reported, or empty without a figure",
        ),
        sa.Column(
            "status", sa.String(length=16), nullable=False, comment="provisional, final, or empty without a figure"
        ),
        sa.Column(
            "notes", sa.Text(), nullable=False, comment="Warnings that endanger the figure, in Japanese, one per line"
        ),
        sa.Column(
            "run_id",
            sa.Text(),
            nullable=False,
            comment="Run that wrote the row as it stands; an unchanged row keeps its run",
        ),
        sa.Column("published_at", _timestamp(), nullable=False, comment="When that run wrote the row, UTC"),
        sa.Column(
            "code_version", sa.Text(), nullable=False, comment="Release and digest of the rules that made the row"
        ),
        sa.CheckConstraint("as_of LIKE '____-__'", name=op.f("ck_kpi_facts_as_of")),
        sa.CheckConstraint(
            "figure_as_of LIKE '____-__' AND figure_as_of <= as_of", name=op.f("ck_kpi_facts_figure_as_of")
        ),
        sa.CheckConstraint(
            "figure_known_month LIKE '____-__' AND figure_known_month <= as_of",
            name=op.f("ck_kpi_facts_figure_known_month"),
        ),
        sa.CheckConstraint("kind IN ('rate', 'mean', 'count', 'qualitative')", name=op.f("ck_kpi_facts_kind")),
        sa.CheckConstraint("outcome <> 'not_evaluable' OR reason <> ''", name=op.f("ck_kpi_facts_reason")),
        sa.CheckConstraint("outcome = 'not_evaluable' OR value_text <> ''", name=op.f("ck_kpi_facts_judged_figure")),
        sa.CheckConstraint(
            "outcome IN ('attained', 'not_attained', 'not_evaluable')", name=op.f("ck_kpi_facts_outcome")
        ),
        sa.CheckConstraint("source IN ('computed', 'reported', '')", name=op.f("ck_kpi_facts_source")),
        sa.CheckConstraint("status IN ('provisional', 'final', '')", name=op.f("ck_kpi_facts_status")),
        sa.CheckConstraint("precision BETWEEN 0 AND 6", name=op.f("ck_kpi_facts_precision")),
        sa.CheckConstraint(
            "rank IS NULL OR (ranked_branches IS NOT NULL AND rank BETWEEN 1 AND ranked_branches)",
            name=op.f("ck_kpi_facts_rank"),
        ),
        sa.ForeignKeyConstraint(
            ["as_of", "fiscal_year", "branch_code", "kpi_id"],
            ["kpi_targets.as_of", "kpi_targets.fiscal_year", "kpi_targets.branch_code", "kpi_targets.kpi_id"],
            name=op.f("fk_kpi_facts_kpi_targets"),
        ),
        sa.ForeignKeyConstraint(["branch_code"], ["branches.branch_code"], name=op.f("fk_kpi_facts_branches")),
        sa.ForeignKeyConstraint(
            ["kpi_id", "fiscal_year"], ["kpis.kpi_id", "kpis.fiscal_year"], name=op.f("fk_kpi_facts_kpis")
        ),
        sa.PrimaryKeyConstraint("as_of", "fiscal_year", "branch_code", "kpi_id", name=op.f("pk_kpi_facts")),
        comment="Results and their judgement. Grain: as_of (month of the scorecard) x fiscal year x branch x KPI.",
    )
    op.create_index(op.f("ix_kpi_facts_fiscal_year_as_of"), "kpi_facts", ["fiscal_year", "as_of"])
    op.create_index(op.f("ix_kpi_facts_kpi_id_branch_code_as_of"), "kpi_facts", ["kpi_id", "branch_code", "as_of"])


def downgrade() -> None:
    """Drop the tables, children first."""
    for table in (
        "rejected_rows",
        "submission_ledger",
        "kpi_facts_history",
        "kpi_facts",
        "kpi_targets",
        "kpis",
        "fiscal_years",
        "branches",
    ):
        op.drop_table(table)
