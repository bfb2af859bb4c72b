"""The tables of the serving database: their grain, columns, keys and constraints.

What lives here: the newest form of the tables. How an older database gets there is in ``migrations/``; a test keeps the
two equal. Comments reach the database where it has room for them (PostgreSQL), so an analyst reads them there.

Months are text 'YYYY-MM', fiscal years integers, branch codes two characters ('00' = 協会全体). A text column that has
nothing to say holds '', never NULL; a number that does not exist is NULL.
"""

from typing import Any

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    ForeignKeyConstraint,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    text,
)

from kenpo_pipelines.serving.types import ExactNumeric, UtcTimestamp

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(referred_table_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    }
)

_FACT_KEY = ("as_of", "fiscal_year", "branch_code", "kpi_id")
_IS_MONTH = "LIKE '____-__'"


def _text(name: str, comment: str, length: int | None = None, *, nullable: bool = False) -> Column[Any]:
    return Column(name, String(length) if length else Text(), nullable=nullable, comment=comment)


def _integer(name: str, comment: str, *, nullable: bool = False) -> Column[Any]:
    return Column(name, Integer(), nullable=nullable, autoincrement=False, comment=comment)


def _number(name: str, comment: str) -> Column[Any]:
    return Column(name, ExactNumeric(), nullable=True, comment=comment)


def _flag(name: str, comment: str, *, nullable: bool = False) -> Column[Any]:
    return Column(name, Boolean(), nullable=nullable, comment=comment)


def _fact_key() -> list[Column[Any]]:
    return [
        _text("as_of", "Month of the scorecard, YYYY-MM", 7),
        _integer("fiscal_year", "Fiscal year, April to March; 2025 = 令和7年度"),
        _text("branch_code", "Branch code; 00 = 協会全体", 2),
        _text("kpi_id", "KPI, as in the catalogue", 64),
    ]


def _published() -> list[Column[Any]]:
    return [
        _text("run_id", "Run that wrote the row as it stands; an unchanged row keeps its run"),
        Column("published_at", UtcTimestamp(), nullable=False, comment="When that run wrote the row, UTC"),
        _text("code_version", "Release and digest of the rules that made the row"),
    ]


def _flags() -> Column[Any]:
    """The last column of its tables: it came with a later migration, which can only append."""
    comment = "旗: what checks found that endangers the figure, in Japanese, one per line"
    return Column("flags", Text(), nullable=False, server_default=text("''"), comment=comment)


def _dimension_keys() -> list[ForeignKeyConstraint]:
    return [
        ForeignKeyConstraint(["branch_code"], ["branches.branch_code"]),
        ForeignKeyConstraint(["kpi_id", "fiscal_year"], ["kpis.kpi_id", "kpis.fiscal_year"]),
    ]


def _fact_columns() -> list[Column[Any]]:
    return [
        _text("kind", "rate, mean, count or qualitative, as this branch reports it", 16),
        _text("unit", "Unit of this branch's figure, as printed; empty for qualitative KPIs"),
        _integer("precision", "Decimals at which this branch's figure is printed and judged"),
        _text("figure_as_of", "Month the figure itself belongs to, YYYY-MM; not after as_of", 7, nullable=True),
        _text("figure_known_month", "Reporting month in which the figure arrived, YYYY-MM", 7, nullable=True),
        _number("numerator", "Numerator of the figure, unrounded"),
        _number("denominator", "Denominator of the figure, unrounded"),
        _number("value", "The figure, rounded half-up to precision"),
        _text("value_text", "The figure as shown: 99.90, 実施, or empty"),
        _text("outcome", "attained 達成, not_attained 未達成, not_evaluable 判定不能", 16),
        _text("reason", "Code: why not evaluable, or attained by which exception; else empty", 64),
        _text("reason_text", "The reason in Japanese"),
        _number("ratio_to_target", "対計画値: result ÷ target × 100 from unrounded figures, one decimal"),
        _flag("is_nearly_attained", "概ね達成 by an inferred rule, beside the outcome; NULL = no rule", nullable=True),
        _number("prior_value", "（参考）前年度実績: the prior fiscal year's figure"),
        _text("prior_value_text", "The prior figure as shown"),
        _text("prior_as_of", "Month the prior figure belongs to, YYYY-MM", 7, nullable=True),
        _integer("rank", "Rank among the branches with a figure, 1 = best", nullable=True),
        _integer("ranked_branches", "How many branches were ranked", nullable=True),
        _text("source", "computed from records, reported, or empty without a figure", 16),
        _text("status", "provisional, final, or empty without a figure", 16),
        _text("notes", "Warnings that endanger the figure, in Japanese, one per line"),
    ]


branches = Table(
    "branches",
    metadata,
    _text("branch_code", "Prefecture code 01-47; 00 = 協会全体", 2),
    _text("name", "Japanese name: 東京支部"),
    _text("name_en", "English name"),
    PrimaryKeyConstraint("branch_code"),
    CheckConstraint("branch_code LIKE '__'", name="branch_code"),
    comment="Branches. Grain: one branch, and the nation. Source: the catalogue.",
)

fiscal_years = Table(
    "fiscal_years",
    metadata,
    _integer("fiscal_year", "Calendar year in which it begins"),
    _text("name", "Japanese name as printed: 令和７年度"),
    _text("first_month", "Its April, YYYY-MM", 7),
    _text("last_month", "Its March, YYYY-MM", 7),
    _flag("is_judged", "False for a year that serves as a baseline only"),
    PrimaryKeyConstraint("fiscal_year"),
    CheckConstraint(f"first_month {_IS_MONTH} AND last_month {_IS_MONTH}", name="months"),
    comment="Fiscal years (April to March). Grain: one fiscal year. Source: the catalogue.",
)

kpis = Table(
    "kpis",
    metadata,
    _text("kpi_id", "KPI id of the catalogue", 64),
    _integer("fiscal_year", "Fiscal year in which this definition holds"),
    _integer("kpi_order", "Place on the scorecard"),
    _text("kpi_group", "基盤的保険者機能, 戦略的保険者機能 or 組織・運営体制"),
    _text("name", "Japanese name as printed"),
    _text("name_en", "English name"),
    _text("definition", "What the KPI says"),
    _text("numerator_definition", "What the numerator counts; empty without one"),
    _text("denominator_definition", "What the denominator counts; empty without one"),
    _text("kind", "rate, mean, count or qualitative", 16),
    _text("unit", "Unit as printed; a branch's own may differ, see kpi_facts.unit"),
    _integer("precision", "Decimals printed and judged; a branch's own may differ, see kpi_facts.precision"),
    _text("direction", "at_least: higher is better; at_most: lower is better", 16),
    _text("accumulation", "cumulative over the fiscal year, level, cohort, year_end or none", 16),
    _text("scope", "all, nation or branches (some only)", 16),
    _text("target_rule", "Where a target comes from", 32),
    _number("uniform_target", "The target that head office sets for all, where the rule is uniform"),
    _text("predecessor_id", "KPI that this one replaced; empty without one", 64),
    _flag("is_comparable", "True when the predecessor's figures may be compared with this one's"),
    _text("ended_in", "Last month, YYYY-MM, of a KPI that ends in mid-year", 7, nullable=True),
    _flag("is_judged", "False for the year before the KPI's first: its result is a baseline, not judged"),
    _text("source", "Document the definition was read from"),
    PrimaryKeyConstraint("kpi_id", "fiscal_year"),
    ForeignKeyConstraint(["fiscal_year"], ["fiscal_years.fiscal_year"]),
    CheckConstraint("kind IN ('rate', 'mean', 'count', 'qualitative')", name="kind"),
    CheckConstraint("direction IN ('at_least', 'at_most')", name="direction"),
    CheckConstraint("precision BETWEEN 0 AND 6", name="precision"),
    comment="KPI definitions. Grain: KPI x fiscal year. Source: the catalogue.",
)

kpi_targets = Table(
    "kpi_targets",
    metadata,
    *_fact_key(),
    _text("comparator", ">=, <=, done (実施) or empty", 8),
    _number("target", "The target, rounded half-up to the figure's precision; NULL when there is no number"),
    _text("target_text", "The target as shown: 63.1%以上, 対前年度以上, 実施"),
    _text("target_source", "submitted, uniform (set by head office), prior_year, or empty", 16),
    _flag("is_contradictory", "True when the registered targets contradict each other; then none of them is used"),
    _text("contradiction", "The contradiction in Japanese; empty without one"),
    *_published(),
    PrimaryKeyConstraint(*_FACT_KEY),
    *_dimension_keys(),
    CheckConstraint(f"as_of {_IS_MONTH}", name="as_of"),
    CheckConstraint("comparator IN ('>=', '<=', 'done', '')", name="comparator"),
    CheckConstraint("target_source IN ('submitted', 'uniform', 'prior_year', '')", name="target_source"),
    CheckConstraint("NOT is_contradictory OR (target IS NULL AND contradiction <> '')", name="contradiction"),
    comment="Targets as used on the scorecard of a month. Grain: as_of x fiscal year x branch x KPI.",
)

_FACT_CHECKS = {
    "as_of": f"as_of {_IS_MONTH}",
    "figure_as_of": f"figure_as_of {_IS_MONTH} AND figure_as_of <= as_of",
    "figure_known_month": f"figure_known_month {_IS_MONTH} AND figure_known_month <= as_of",
    "kind": "kind IN ('rate', 'mean', 'count', 'qualitative')",
    "precision": "precision BETWEEN 0 AND 6",
    "outcome": "outcome IN ('attained', 'not_attained', 'not_evaluable')",
    "reason": "outcome <> 'not_evaluable' OR reason <> ''",
    "judged_figure": "outcome = 'not_evaluable' OR value_text <> ''",
    "rank": "rank IS NULL OR (ranked_branches IS NOT NULL AND rank BETWEEN 1 AND ranked_branches)",
    "source": "source IN ('computed', 'reported', '')",
    "status": "status IN ('provisional', 'final', '')",
}

kpi_facts = Table(
    "kpi_facts",
    metadata,
    *_fact_key(),
    *_fact_columns(),
    *_published(),
    _flags(),
    PrimaryKeyConstraint(*_FACT_KEY),
    *_dimension_keys(),
    ForeignKeyConstraint(_FACT_KEY, [f"kpi_targets.{name}" for name in _FACT_KEY]),
    *(CheckConstraint(condition, name=name) for name, condition in _FACT_CHECKS.items()),
    Index(None, "kpi_id", "branch_code", "as_of"),
    Index(None, "fiscal_year", "as_of"),
    comment="Results and their judgement. Grain: as_of (month of the scorecard) x fiscal year x branch x KPI.",
)

kpi_facts_history = Table(
    "kpi_facts_history",
    metadata,
    Column(
        "history_id", Integer(), nullable=False, autoincrement=True, comment="Ascending in the order of replacement"
    ),
    *_fact_key(),
    *_fact_columns(),
    *_published(),
    _text("change", "updated: another row took its place; deleted: none did", 8),
    _text("replaced_by_run_id", "Run that replaced or deleted the row"),
    Column("replaced_at", UtcTimestamp(), nullable=False, comment="When, UTC"),
    _flags(),
    PrimaryKeyConstraint("history_id"),
    *_dimension_keys(),
    CheckConstraint("change IN ('updated', 'deleted')", name="change"),
    Index(None, *_FACT_KEY),
    comment="Rows of kpi_facts as they were before a later run changed or deleted them. Grain: one replaced row.",
)


def _folder_columns() -> list[Column[Any]]:
    return [
        _text("dataset", "Dataset of the submission: kpi_results, kpi_targets …", 64),
        _text("known_month", "Landing folder: reporting month YYYY-MM, or YYYY for a yearly dataset", 7),
        _text("file", "File name"),
        _text("file_sha256", "SHA-256 of the file's bytes, hex", 64),
    ]


def _ledger_columns() -> list[Column[Any]]:
    return [
        *_folder_columns(),
        Column("received_at", UtcTimestamp(), nullable=False, comment="When the file landed, UTC"),
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
    ]


_BRANCH_CODES = "Branches of the file's rows, codes joined by commas; empty where nothing could be read"

submission_ledger = Table(
    "submission_ledger",
    metadata,
    *_ledger_columns(),
    # came with a later migration, which can only append
    Column("branch_codes", Text(), nullable=False, server_default=text("''"), comment=_BRANCH_CODES),
    PrimaryKeyConstraint("dataset", "known_month", "file", "file_sha256"),
    CheckConstraint(f"known_month {_IS_MONTH} OR known_month LIKE '____'", name="known_month"),
    CheckConstraint("length(file_sha256) = 64", name="file_sha256"),
    CheckConstraint("origin IN ('published', 'submission', 'synthetic')", name="origin"),
    CheckConstraint("status IN ('loaded', 'refused')", name="status"),
    CheckConstraint("status <> 'refused' OR (rows_loaded = 0 AND fault <> '')", name="refused"),
    CheckConstraint("rows_loaded >= 0 AND rows_rejected >= 0", name="rows_not_negative"),
    CheckConstraint("rows_read = rows_loaded + rows_rejected", name="rows_add_up"),
    CheckConstraint("rows_merged BETWEEN 0 AND rows_loaded", name="rows_merged"),
    Index(None, "known_month"),
    comment="Submission files and what became of them. Grain: dataset x landing folder x file x content.",
)

submission_ledger_history = Table(
    "submission_ledger_history",
    metadata,
    Column(
        "history_id", Integer(), nullable=False, autoincrement=True, comment="Ascending in the order of replacement"
    ),
    *_ledger_columns(),
    _text("branch_codes", _BRANCH_CODES),
    _text("change", "updated: another row took its place; deleted: none did", 8),
    _text("replaced_by_run_id", "Run that replaced or deleted the row"),
    Column("replaced_at", UtcTimestamp(), nullable=False, comment="When, UTC"),
    PrimaryKeyConstraint("history_id"),
    CheckConstraint("change IN ('updated', 'deleted')", name="change"),
    Index(None, "replaced_at"),
    comment="Rows of submission_ledger as they were before a later run changed or deleted them. Grain: one replaced row.",
)

rejected_rows = Table(
    "rejected_rows",
    metadata,
    *_folder_columns(),
    _text("sheet", "Sheet of a workbook; empty for CSV", 64),
    _integer("row_number", "Row as a person counts it, from 1"),
    _integer("fault_number", "Counts the faults of one row, from 1"),
    _text("column_name", "Header as in the file; empty for a fault of the whole row"),
    _text("branch_code", "Branch the row speaks of, if it could be read; it may be unknown", nullable=True),
    _text("kpi_id", "KPI the row speaks of, if it could be read; it may be unknown", nullable=True),
    _text("fault", "Code of the fault", 64),
    _text("value_class", "What kind of value stood there, in Japanese; never the value itself"),
    _text("advice", "What to do, in Japanese"),
    *_published(),
    PrimaryKeyConstraint("dataset", "known_month", "file", "file_sha256", "sheet", "row_number", "fault_number"),
    ForeignKeyConstraint(
        ["dataset", "known_month", "file", "file_sha256"],
        [f"submission_ledger.{name}" for name in ("dataset", "known_month", "file", "file_sha256")],
    ),
    CheckConstraint("fault <> ''", name="fault"),
    Index(None, "known_month"),
    comment="Quarantine: why a row of a submission was not loaded; of each file at most 1,000 faults, those of its first rows "
    "(submission_ledger.rows_rejected counts all). Grain: one fault of one row.",
)

publications = Table(
    "publications",
    metadata,
    _text("month", "Reporting month, YYYY-MM", 7),
    _text("fingerprint", "Digest of all that the publication was made from; an equal one is not published again", 64),
    *_published(),
    PrimaryKeyConstraint("month"),
    CheckConstraint(f"month {_IS_MONTH}", name="month"),
    comment="Publications as they stand. Grain: one reporting month. Written in the transaction that publishes it.",
)

frozen_targets = Table(
    "frozen_targets",
    metadata,
    *_fact_key(),
    _text("comparator", ">=, <= or done (実施)", 8),
    _number("target", "The target, rounded half-up to the figure's precision; NULL when there is no number"),
    _text("target_exact", "The unrounded target as a fraction, 5395/100; empty when there is no number"),
    _text("target_text", "The target as shown: 63.1%以上, 対前年度以上（53.95%以上）, 実施"),
    _text("target_source", "submitted, uniform (set by head office) or prior_year", 16),
    _flag("is_fixed", "True for a number that was set, False for one that a prior year gave"),
    _flag(
        "rests_on_prior_year", "True when a reported result of the prior year decided it: it stays for the fiscal year"
    ),
    _text("used_since", "Month of the scorecard, YYYY-MM, in which the target was first used", 7),
    *_published(),
    PrimaryKeyConstraint(*_FACT_KEY),
    *_dimension_keys(),
    CheckConstraint(f"as_of {_IS_MONTH} AND used_since {_IS_MONTH} AND used_since <= as_of", name="months"),
    CheckConstraint("comparator IN ('>=', '<=', 'done')", name="comparator"),
    CheckConstraint("target_source IN ('submitted', 'uniform', 'prior_year')", name="target_source"),
    CheckConstraint("(target IS NULL) = (target_exact = '')", name="exact"),
    Index(None, "fiscal_year", "branch_code", "kpi_id", "as_of"),
    comment="Targets that a figure of a published scorecard was held against: the scorecard keeps them. Never deleted. "
    "Grain: as_of x fiscal_year x branch x KPI.",
)


_SERIES_CHECKS = {
    "as_of": f"as_of {_IS_MONTH}",
    "figure_as_of": f"figure_as_of {_IS_MONTH} AND figure_as_of <= as_of",
    "figure_known_month": f"figure_known_month {_IS_MONTH} AND figure_known_month <= as_of",
    "source": "source IN ('computed', 'reported')",
}

kpi_series = Table(
    "kpi_series",
    metadata,
    *_fact_key(),
    _text("figure_as_of", "Month the figure itself belongs to, YYYY-MM; not after as_of", 7),
    Column(
        "value", ExactNumeric(), nullable=False, comment="The figure, rounded half-up to the branch's own precision"
    ),
    _number("numerator", "Numerator of the figure, unrounded"),
    _number("denominator", "Denominator of the figure, unrounded"),
    _number(
        "month_value",
        "What the month itself adds, in the KPI's unit; of a figure that does not add up over the year the figure; "
        "NULL where the month before is lacking",
    ),
    _number("month_cases", "Cases that month_value stands on; NULL for counts"),
    _text("source", "computed from records, or reported", 16),
    _text("figure_known_month", "Reporting month in which the figure arrived, YYYY-MM", 7),
    *_published(),
    PrimaryKeyConstraint(*_FACT_KEY, "figure_as_of"),
    *_dimension_keys(),
    *(CheckConstraint(condition, name=name) for name, condition in _SERIES_CHECKS.items()),
    comment="Monthly figures of the fiscal year of as_of and the two before, as known by as_of: what run charts draw. "
    "Grain: as_of x fiscal year x branch x KPI x month of the figure.",
)


def _report_key() -> list[Column[Any]]:
    return [
        _text("as_of", "Month of the report, YYYY-MM", 7),
        _integer("fiscal_year", "Fiscal year, April to March; 2025 = 令和7年度"),
        _text("branch_code", "Branch code; 00 = 協会全体", 2),
        _text("area", "Field (分野) as the branch names it; may be empty"),
    ]


def _report_keys_elsewhere() -> list[ForeignKeyConstraint]:
    return [
        ForeignKeyConstraint(["branch_code"], ["branches.branch_code"]),
        ForeignKeyConstraint(["fiscal_year"], ["fiscal_years.fiscal_year"]),
    ]


initiatives = Table(
    "initiatives",
    metadata,
    *_report_key(),
    _text("initiative", "Initiative (取組名) as the branch names it"),
    _integer("line_order", "Place in the report of the branch"),
    _flag("is_sum", "True for a line that sums up others: no initiative, and never added up"),
    _text(
        "figure_as_of",
        "Month that the branch's report describes, YYYY-MM; NULL for the plan of the year",
        7,
        nullable=True,
    ),
    _text("figure_known_month", "Reporting month in which it arrived, YYYY-MM", 7),
    _number("budget_yen", "予算額 in yen; NULL when none is told"),
    _number("executed_yen", "執行（予定）額 in yen, since April; NULL when none is told"),
    _text("status", "未着手, 調達中, 契約済み, ― (nothing to procure) or empty", 16),
    _number("prior_budget_yen", "前年度予算額 in yen; NULL when none is told"),
    _text("source_document", "Document the row was taken from"),
    *_published(),
    PrimaryKeyConstraint("as_of", "fiscal_year", "branch_code", "area", "initiative"),
    *_report_keys_elsewhere(),
    CheckConstraint(f"as_of {_IS_MONTH}", name="as_of"),
    CheckConstraint(f"figure_as_of {_IS_MONTH} AND figure_as_of <= as_of", name="figure_as_of"),
    CheckConstraint("status IN ('未着手', '調達中', '契約済み', '―', '')", name="status"),
    comment="事業予算・執行: initiatives as known by as_of, the newest report of each branch. "
    "Grain: as_of x fiscal year x branch x field x initiative.",
)

activity_counts = Table(
    "activity_counts",
    metadata,
    *_report_key(),
    _text("item", "What is counted (項目), as the branch names it"),
    _text("figure_as_of", "Month whose end the count describes, or in which it happened, YYYY-MM", 7),
    _text("figure_known_month", "Reporting month in which it arrived, YYYY-MM", 7),
    _integer("line_order", "Place in the reports of the branch"),
    _number("item_count", "The count; NULL while there is none"),
    _text("unit", "Unit of the count as printed"),
    _text("basis", "cumulative (since April), month, level (a state) or unstated (taken as since April)", 16),
    _text("printed", "Text as printed in the source document"),
    _text("source_document", "Document the count was taken from"),
    *_published(),
    PrimaryKeyConstraint("as_of", "fiscal_year", "branch_code", "area", "item", "figure_as_of"),
    *_report_keys_elsewhere(),
    CheckConstraint(f"as_of {_IS_MONTH}", name="as_of"),
    CheckConstraint(f"figure_as_of {_IS_MONTH} AND figure_as_of <= as_of", name="figure_as_of"),
    CheckConstraint("basis IN ('cumulative', 'month', 'level', 'unstated')", name="basis"),
    comment="取組件数: counts of activities of the fiscal year as known by as_of. "
    "Grain: as_of x fiscal year x branch x field x item x month of the count.",
)

progress_marks = Table(
    "progress_marks",
    metadata,
    *_report_key(),
    _text("subject", "KPI (id or name) or initiative that is marked (対象)"),
    _text("marked_as_of", "Month of the report on which the mark stands, YYYY-MM", 7),
    _text("mark_known_month", "Reporting month in which it arrived, YYYY-MM", 7),
    _text("mark", "○ as planned, △ late or in part, × not done, ― not due yet", 1),
    _text("author", "Post or section that gives the mark"),
    _text("reason", "Why the proposed mark does not fit"),
    *_published(),
    PrimaryKeyConstraint("as_of", "fiscal_year", "branch_code", "area", "subject", "marked_as_of"),
    *_report_keys_elsewhere(),
    CheckConstraint(f"as_of {_IS_MONTH}", name="as_of"),
    CheckConstraint(f"marked_as_of {_IS_MONTH} AND marked_as_of <= as_of", name="marked_as_of"),
    CheckConstraint("mark IN ('○', '△', '×', '―')", name="mark"),
    comment="進捗評価: marks that people gave in place of the proposed ones, as known by as_of. "
    "Grain: as_of x fiscal year x branch x field x subject x month of the mark.",
)


def _before_and_after() -> list[Column[Any]]:
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


kpi_restatements = Table(
    "kpi_restatements",
    metadata,
    _integer("restatement_id", "Ascending in the order of restatement"),
    *_fact_key(),
    *_before_and_after(),
    _text(
        "causes", "Codes joined by commas: submission, target_registration, target_renewal, reading, code; or unknown"
    ),
    _text("cause_text", "The causes in Japanese, one per line"),
    _text("old_code_version", "Release and digest of the rules that made what was published before"),
    _text("new_code_version", "Release and digest of the rules that restated it"),
    _text("old_run_id", "Run that published what was restated"),
    _text("new_run_id", "Run that restated it"),
    Column("old_published_at", UtcTimestamp(), nullable=False, comment="When that was published, UTC"),
    Column("restated_at", UtcTimestamp(), nullable=False, comment="When it was restated, UTC"),
    PrimaryKeyConstraint("restatement_id"),
    *_dimension_keys(),
    CheckConstraint(f"as_of {_IS_MONTH}", name="as_of"),
    CheckConstraint("causes <> ''", name="causes"),
    CheckConstraint(
        "old_outcome IN ('attained', 'not_attained', 'not_evaluable', '') AND "
        "new_outcome IN ('attained', 'not_attained', 'not_evaluable', '') AND (old_outcome <> '' OR new_outcome <> '')",
        name="outcomes",
    ),
    Index(None, *_FACT_KEY),
    comment="遡及訂正: published values that a later publication of the same month changed. Written in the transaction that "
    "changes them. Grain: one change of one as_of x fiscal_year x branch x KPI.",
)

restatement_files = Table(
    "restatement_files",
    metadata,
    _integer("restatement_id", "Restatement that the file may have caused"),
    *_folder_columns(),
    _text("change", "appeared, removed or reread (other rows of it count) since the publication before", 16),
    PrimaryKeyConstraint("restatement_id", "dataset", "known_month", "file", "file_sha256"),
    ForeignKeyConstraint(["restatement_id"], ["kpi_restatements.restatement_id"]),
    CheckConstraint("change IN ('appeared', 'removed', 'reread')", name="change"),
    comment="Submissions that feed a restated KPI and branch and changed since the publication before. "
    "Grain: restatement x file.",
)

alerts = Table(
    "alerts",
    metadata,
    Column("alert_id", Integer(), nullable=False, autoincrement=True, comment="Ascending in the order of telling"),
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
    Column("occurred_at", UtcTimestamp(), nullable=False, comment="When it happened, UTC"),
    Column("queued_at", UtcTimestamp(), nullable=False, comment="When it was stored here, UTC"),
    PrimaryKeyConstraint("alert_id"),
    CheckConstraint("severity IN ('critical', 'warning', 'info')", name="severity"),
    CheckConstraint(f"month {_IS_MONTH}", name="month"),
    Index(None, "alert_key", unique=True),
    Index(None, "alert_group"),
    Index(None, "queued_at"),
    comment="What people must be told. Grain: one occurrence. Kept for a year after it was delivered.",
)

alert_deliveries = Table(
    "alert_deliveries",
    metadata,
    _integer("alert_id", "The alert"),
    _text("channel", "Kind and digest of the address; never the address, which may hold a password", 64),
    _text(
        "state",
        "queued; sending: claimed and not noted yet; delivered; dropped: the channel is no longer configured",
        16,
    ),
    _integer("attempts", "How often it was tried"),
    Column("next_attempt_at", UtcTimestamp(), nullable=False, comment="Not tried (again) before, UTC"),
    _text("last_error", "Kind of the last failure; empty without one"),
    Column("changed_at", UtcTimestamp(), nullable=False, comment="When the row last changed, UTC"),
    PrimaryKeyConstraint("alert_id", "channel"),
    ForeignKeyConstraint(["alert_id"], ["alerts.alert_id"]),
    CheckConstraint("state IN ('queued', 'sending', 'delivered', 'dropped')", name="state"),
    CheckConstraint("attempts >= 0", name="attempts"),
    Index(None, "channel", "state", "next_attempt_at"),
    comment="What became of an alert. Grain: alert x channel; none for an alert that is muted or that no channel takes.",
)

alert_states = Table(
    "alert_states",
    metadata,
    _text("subject", "What it is about: check:asset:check:month, run:month, late:dataset:month:branch …"),
    _text("state", "What was last told of it, as its teller writes it"),
    Column("changed_at", UtcTimestamp(), nullable=False, comment="When it was told, UTC"),
    PrimaryKeyConstraint("subject"),
    comment="What was last told of each subject, written in the transaction that queues the alert. Grain: subject.",
)

DIMENSIONS = (branches, fiscal_years, kpis)
"""Upserted by every month, never deleted; parents first."""

PROGRESS = (initiatives, activity_counts, progress_marks)
"""What the progress report (事業実施状況) is made of; each comes from the mart of its name."""

MONTHLY = (kpi_targets, kpi_facts, kpi_series, *PROGRESS)
"""Replaced as a whole per ``as_of``; parents first."""

KEPT = (frozen_targets,)
"""Rows of ``as_of`` are added and replaced by its publications, never deleted."""

FOLDERS = (submission_ledger, rejected_rows)
"""Replaced as a whole per (dataset, landing folder); parents first."""
