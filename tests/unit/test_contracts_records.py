"""The contracts of the record-level datasets against a hand-made copy of their specification."""

from pathlib import Path

import duckdb
import pytest

from kenpo_pipelines.catalogue.business_calendar import FIRST_DAY, LAST_DAY
from kenpo_pipelines.catalogue.dictionary import CATALOGUE_DIRECTORY
from kenpo_pipelines.catalogue.loading import load_catalogue
from kenpo_pipelines.catalogue.parameters import BENEFIT_TYPES
from kenpo_pipelines.models import load_project
from kenpo_pipelines.submissions.columns import ColumnType
from kenpo_pipelines.submissions.contract import check_against_catalogue, load_contracts
from kenpo_pipelines.submissions.dataset_pages import DATASETS_PATH, render_datasets
from kenpo_pipelines.submissions.faults import FAULTS, advice
from kenpo_pipelines.submissions.partitions import FINDINGS_SCHEMA, LEDGER_SCHEMA, raw_schema
from kenpo_pipelines.submissions.texts import squeeze

CHECKOUT = Path(__file__).resolve().parents[2]
CATALOGUE = load_catalogue(CATALOGUE_DIRECTORY)
CONTRACTS = load_contracts(CHECKOUT / "expectations")
PERSON = ["記号", "番号", "枝番"]

# Headers in the order of the specification, and the month that a row belongs to.
SPECIFICATION = {
    "benefit_decisions": (
        "支部コード 受付番号 給付種別 受付区分 受付日 返戻日 再受付日 決定日 振込日 決定区分 支給額 記号 番号 枝番",
        "decided_on",
    ),
    "claims": (
        "支部コード レセプト管理番号 診療年月 審査年月 点数表 記号 番号 枝番 決定点数 後発数量 後発あり先発数量 後発薬剤料 "
        "後発あり先発薬剤料 高血圧受診フラグ 糖尿病受診フラグ 脂質異常受診フラグ",
        "review_month",
    ),
    "receipt_audits": (
        "支部コード 再審査申出番号 点検種別 レセプト管理番号 申出年月 結果年月 結果 査定額",
        "result_month",
    ),
    "recoverables": ("支部コード 債権番号 債権種別 区分 発生日 金額 回収方法", "event_on"),
    "checkup_counts": ("支部コード 区分 対象者数 実施者数", "folder"),
    "guidance_counts": ("支部コード 対象 実施主体 対象者数 初回面談 実績評価", "folder"),
    "untreated_persons": ("支部コード 記号 番号 枝番 健診受診年月 血圧該当 血糖該当 脂質該当", "checkup_month"),
}
RECORD_LEVEL = sorted(SPECIFICATION)

# Row, rules that it meets. Columns that are not told are those of a row that meets none.
WHOLE = {
    "benefit_decisions": "DATE '2025-06-02' received_on, NULL::DATE returned_on, NULL::DATE resubmitted_on, "
    "DATE '2025-06-09' decided_on, DATE '2025-06-11' paid_on, '支給' decision",
    "claims": "'2025-04' service_month, '2025-05' review_month",
    "receipt_audits": "'査定' outcome, '2025-06' result_month, 0::BIGINT assessed_yen",
    "untreated_persons": "false over_blood_pressure, false over_glucose, true over_lipid",
}
ROWS = [
    ("benefit_decisions", "NULL::DATE paid_on", "payment_given"),
    ("benefit_decisions", "'不支給' decision, NULL::DATE paid_on", ""),
    ("benefit_decisions", "DATE '2025-06-03' returned_on", "resubmission_given"),
    ("benefit_decisions", "'取下' decision, DATE '2025-06-03' returned_on, NULL::DATE paid_on", ""),
    ("benefit_decisions", "DATE '2025-06-03' returned_on, DATE '2025-06-03' resubmitted_on", ""),
    ("benefit_decisions", "DATE '2025-06-03' resubmitted_on", "return_given"),
    (
        "benefit_decisions",
        "DATE '2025-06-01' returned_on, DATE '2025-06-04' resubmitted_on",
        "returned_not_before_receipt",
    ),
    (
        "benefit_decisions",
        "DATE '2025-06-04' returned_on, DATE '2025-06-03' resubmitted_on",
        "resubmitted_not_before_return",
    ),
    ("benefit_decisions", "DATE '2025-06-01' decided_on", "decided_not_before_receipt"),
    ("benefit_decisions", "DATE '2025-06-02' decided_on, DATE '2025-06-02' paid_on", ""),
    ("benefit_decisions", "DATE '2025-06-01' paid_on", "paid_not_before_receipt"),
    ("benefit_decisions", "DATE '2018-12-31' received_on", "received_within_calendar"),
    ("benefit_decisions", "DATE '2036-01-01' paid_on", "paid_within_calendar"),
    (
        "benefit_decisions",
        "DATE '2025-06-03' returned_on, DATE '2036-01-01' resubmitted_on",
        "resubmitted_within_calendar",
    ),
    ("claims", "'2025-05' service_month", ""),
    ("claims", "'2025-06' service_month", "reviewed_not_before_service"),
    ("receipt_audits", "NULL::VARCHAR result_month", "assessed_has_month"),
    ("receipt_audits", "NULL::BIGINT assessed_yen", "assessed_has_amount"),
    (
        "receipt_audits",
        "NULL::VARCHAR outcome, NULL::VARCHAR result_month, NULL::BIGINT assessed_yen",
        "",
    ),
    ("receipt_audits", "'原審' outcome, NULL::BIGINT assessed_yen", ""),
    ("untreated_persons", "false over_lipid", "some_condition_over"),
    ("untreated_persons", "false over_lipid, true over_blood_pressure", ""),
]


def test_the_record_level_datasets_are_those_specified() -> None:
    assert [name for name, contract in sorted(CONTRACTS.items()) if contract.dataset.record_level] == RECORD_LEVEL


@pytest.mark.parametrize("dataset", RECORD_LEVEL)
def test_columns_follow_the_specification(dataset: str) -> None:
    contract = CONTRACTS[dataset]
    headers, month = SPECIFICATION[dataset]

    assert [column.header for column in contract.columns] == headers.split()
    assert [column.header for column in contract.personal_columns] == (PERSON if "枝番" in headers else [])
    assert contract.dataset.business_month == month
    assert str(contract.dataset.hold_back_above_pct) == "1"
    assert contract.dataset.folder == "month"


@pytest.mark.parametrize("dataset", RECORD_LEVEL)
def test_contract_fits_the_catalogue(dataset: str) -> None:
    check_against_catalogue(CONTRACTS[dataset], CATALOGUE)


@pytest.mark.parametrize("dataset", RECORD_LEVEL)
def test_every_header_and_every_spelling_means_one_thing(dataset: str) -> None:
    contract = CONTRACTS[dataset]
    headers = [spelling for column in contract.columns for spelling in sorted(column.spellings)]
    assert len(set(headers)) == len(headers)

    for column in contract.columns:
        words = [squeeze(word) for value, others in column.values.items() for word in (value, *others)]
        assert len(set(words)) == len(words), column.name


@pytest.mark.parametrize("dataset", RECORD_LEVEL)
def test_a_month_or_date_that_moves_figures_is_not_after_the_folder(dataset: str) -> None:
    contract = CONTRACTS[dataset]
    if contract.dataset.business_month != "folder":
        assert contract.column_by_name[str(contract.dataset.business_month)].not_after_folder


@pytest.mark.parametrize("dataset", RECORD_LEVEL)
def test_columns_without_which_a_figure_would_be_wrong_are_required(dataset: str) -> None:
    """A file that lacks 返戻日 or 枝番 altogether is refused; a blank cell is not."""
    optional = {"receipt_audits": ["claim_no"], "recoverables": ["method"]}

    assert [one.name for one in CONTRACTS[dataset].columns if not one.required] == optional.get(dataset, [])


@pytest.mark.parametrize("dataset", RECORD_LEVEL)
def test_numbers_are_never_negative(dataset: str) -> None:
    numbers = [c for c in CONTRACTS[dataset].columns if c.type in (ColumnType.INTEGER, ColumnType.DECIMAL)]

    assert all(column.min == 0 for column in numbers)


@pytest.mark.parametrize(("dataset", "changed", "met"), ROWS)
def test_row_rules_on_examples(dataset: str, changed: str, met: str) -> None:
    values = {part.split()[-1]: part for part in WHOLE[dataset].split(", ")}
    values |= {part.split()[-1]: part for part in changed.split(", ")}
    row = f"(SELECT {', '.join(values.values())})"

    with duckdb.connect() as connection:
        found = [
            rule.id
            for rule in CONTRACTS[dataset].row_rules
            if connection.execute(f"SELECT 1 FROM {row} WHERE {rule.reject_when}").fetchall()
        ]

    assert found == ([met] if met else [])


def test_every_row_rule_has_an_example_and_an_advice() -> None:
    rules = {(dataset, rule.id): rule for dataset in RECORD_LEVEL for rule in CONTRACTS[dataset].row_rules}

    assert set(rules) == {(dataset, met) for dataset, _, met in ROWS if met}
    for rule in rules.values():
        assert FAULTS[rule.fault].advice == advice(rule.fault), "a row rule has nothing to fill in"


def test_dates_of_benefits_lie_within_the_calendar() -> None:
    rules = {rule.id: rule.reject_when for rule in CONTRACTS["benefit_decisions"].row_rules}

    assert rules["received_within_calendar"] == f"received_on < DATE '{FIRST_DAY}'"
    assert rules["paid_within_calendar"] == f"paid_on > DATE '{LAST_DAY}'"
    assert rules["resubmitted_within_calendar"] == f"resubmitted_on > DATE '{LAST_DAY}'"
    assert all(str(day) in FAULTS["date_out_of_range"].advice for day in (FIRST_DAY, LAST_DAY))


def test_benefits_of_the_service_standard_are_those_of_the_contract() -> None:
    column = CONTRACTS["benefit_decisions"].column_by_name["benefit_type"]

    assert tuple(column.values) == BENEFIT_TYPES


def test_datasets_and_kpis_name_each_other() -> None:
    fed = {
        (dataset, kpi.id)
        for kpi in CATALOGUE.kpis
        for version in kpi.versions
        if version.computed_from
        for dataset in version.computed_from.datasets
    }

    assert fed == {(dataset, kpi) for dataset in RECORD_LEVEL for kpi in CONTRACTS[dataset].dataset.feeds}


@pytest.mark.parametrize("layer", ["raw", "ledger", "findings"])
@pytest.mark.parametrize("dataset", RECORD_LEVEL)
def test_sources_are_declared_as_ingestion_writes_them(dataset: str, layer: str) -> None:
    sources = {(one.relation.layer, one.relation.name): one for one in load_project(CHECKOUT / "dbt_like_sql").sources}
    written = {"raw": raw_schema(CONTRACTS[dataset]), "ledger": LEDGER_SCHEMA, "findings": FINDINGS_SCHEMA}[
        layer
    ].empty_table()

    with duckdb.connect() as connection:
        connection.register("written", written)
        described = connection.execute("DESCRIBE written").fetchall()

    declared = [(column.name, column.data_type.lower()) for column in sources[layer, dataset].columns]
    assert declared == [(row[0], row[1].lower()) for row in described]


def test_datasets_page_equals_the_contracts() -> None:
    page = render_datasets(CONTRACTS.values())

    assert DATASETS_PATH.read_text(encoding="utf-8") == page, "run python -m kenpo_pipelines.submissions.dataset_pages"


def test_datasets_page_shows_every_column_rule_and_check() -> None:
    page = render_datasets(CONTRACTS.values())

    for contract in CONTRACTS.values():
        section = page.split(f"\n## {contract.dataset.id}\n")[1].split("\n## ")[0]
        for column in contract.columns:
            mark = " **personal**" if column.personal else ""
            assert f"| `{column.name}`{mark} | {column.header} |" in section
        for rule in contract.row_rules:
            assert f"| {rule.id} | `{rule.column}` |" in section
        for rule in [*contract.rules, *([contract.completeness] if contract.completeness else [])]:
            assert f"\n| {rule['id']} |" in section
        if contract.dataset.feeds != "all":
            assert all(f"](kpi-dictionary.md#{kpi})" in section for kpi in contract.dataset.feeds)
