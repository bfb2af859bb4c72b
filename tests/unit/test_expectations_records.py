"""Every rule of the record-level datasets on clean, broken, empty and column-less rows, in one judgement per dataset.

Rows are typed as the lake types them. Branches 01 to 40 have one row each (one per provider or programme where there are
several), so that every rule can be broken in a branch of its own; 41 to 47 have enough for the analytical rules.
"""

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from expectations.adapter import validate
from expectations.completeness import check_completeness
from expectations.outcome import RuleOutcome
from expectations.suite import PERSONAL_COLUMNS, Rule, Severity, Tier, load_suites
from kenpo_pipelines.submissions.contract import load_contracts
from kenpo_pipelines.submissions.partitions import raw_schema
from resources.duckdb_engine import DuckDBSession

CHECKOUT = Path(__file__).resolve().parents[2]
SUITES = load_suites(CHECKOUT / "expectations")
CONTRACTS = load_contracts(CHECKOUT / "expectations")
DATASETS = [name for name, contract in CONTRACTS.items() if contract.dataset.record_level]
BRANCHES = {f"{code:02d}": f"支部{code:02d}" for code in range(1, 48)}

PROVENANCE = """'2026-02' AS known_month, branch_code || '.csv' AS file, 'abc' AS file_sha256,
    '2026-03-01T00:00:00Z' AS received_at, 'submission' AS origin, '' AS sheet, 1 + n AS row_number"""
MEMBER = "unhex(md5(branch_code || '-' || n)) AS member_key"


def rows(many: int) -> str:
    """branch_code and n: one row for each of 01 to 40, ``many`` for each of 41 to 47."""
    return f"""(SELECT lpad(CAST(b AS VARCHAR), 2, '0') AS branch_code, n FROM range(1, 48) AS branches(b),
        range({many}) AS numbers(n) WHERE n = 0 OR b > 40)"""


CLEAN = {
    "benefit_decisions": f"""SELECT {PROVENANCE}, branch_code, 'A' || n AS application_no, '傷病手当金' AS benefit_type,
        '郵送' AS channel, DATE '2026-01-12' AS received_on, DATE '2026-01-13' AS decided_on, DATE '2026-01-14' AS paid_on,
        '支給' AS decision, 1000 AS amount_yen, {MEMBER} FROM {rows(100)}""",
    "claims": f"""SELECT {PROVENANCE}, branch_code, 'C' || n AS claim_no, '2025-12' AS service_month,
        '2026-01' AS review_month, '調剤' AS claim_type, {MEMBER}, 500 AS points, 85 AS generic_quantity, 15 AS brand_quantity,
        850 AS generic_yen, 450 AS brand_yen, false AS treats_blood_pressure, true AS treats_glucose, false AS treats_lipid
        FROM {rows(1000)}""",
    "receipt_audits": f"""SELECT {PROVENANCE}, branch_code, 'R' || n AS request_no, '内容点検' AS audit_type,
        'C' || n AS claim_no, '2025-11' AS requested_month, '2026-01' AS result_month, '査定' AS outcome, 5000 AS assessed_yen
        FROM {rows(50)}""",
    "recoverables": f"""SELECT {PROVENANCE}, branch_code, 'D' || n AS debt_no, '資格喪失後受診' AS debt_type, '調定' AS event,
        DATE '2026-01-20' AS event_on, 3000 AS amount_yen FROM {rows(20)}""",
    "checkup_counts": f"""SELECT {PROVENANCE}, branch_code, programme, eligible, 50 AS performed
        FROM {rows(1)}, (VALUES ('生活習慣病予防健診', 1000), ('事業者健診データ', 1000), ('被扶養者特定健診', 400))
        AS programmes(programme, eligible)""",
    "guidance_counts": f"""SELECT {PROVENANCE}, branch_code, subject, provider, 1000 AS eligible, 40 AS first_interviews,
        30 AS evaluated FROM {rows(1)}, (VALUES ('被保険者'), ('被扶養者')) AS subjects(subject),
        (VALUES ('支部職員'), ('健診機関')) AS providers(provider)""",
    "untreated_persons": f"""SELECT {PROVENANCE}, branch_code, {MEMBER}, '2025-06' AS checkup_month,
        n % 2 = 0 AS over_blood_pressure, n % 2 = 1 AS over_glucose, false AS over_lipid FROM {rows(500)}""",
}

# What breaks a rule, in which branch. The first two columns are the rule and the branch; the rest is SET … of the branch's
# rows, or of some of them (WHERE …).
SHARED = """
provenance_given        01 file_sha256 = NULL
origin_known            02 origin = 'guessed'
branch_code_known       03 branch_code = '00'
branch_code_known       40 branch_code = NULL
required_values_given   40
"""
BROKEN = {
    "benefit_decisions": """
required_values_given       04 received_on = NULL
members_pseudonymised       05 member_key = 'short'::BLOB
benefit_type_known          06 benefit_type = '年金'
channel_known               07 channel = 'FAX'
decision_known              08 decision = '保留'
decided_within_reach        09 decided_on = DATE '2026-03-01', paid_on = DATE '2026-03-01'
paid_not_before_decided     10 paid_on = DATE '2026-01-12'
resubmitted_not_after_paid  11 returned_on = DATE '2026-01-13', resubmitted_on = DATE '2026-01-15'
paid_within_60_days         12 received_on = DATE '2025-11-14'
paid_only_when_granted      13 decision = '取下'
granted_amount_positive     14 amount_yen = 0
electronic_since_2026       15 channel = '電子申請', received_on = DATE '2025-12-31'
days_near_nation            47 received_on = DATE '2025-11-25'
""",
    "claims": """
required_values_given       04 treats_lipid = NULL
members_pseudonymised       05 member_key = NULL
claim_type_known            06 claim_type = '訪問看護'
months_sane                 07 service_month = '2026-02'
months_sane                 08 review_month = '2026-03'
months_sane                 09 service_month = '2025-1'
points_plausible            10 points = 0
points_plausible            11 points = 10000000
drug_figures_not_negative   12 brand_yen = -1
service_within_five_years   13 service_month = '2020-12'
generic_share_near_nation   47 generic_quantity = 50, brand_quantity = 50
points_near_nation          46 points = 100
""",
    "receipt_audits": """
required_values_given       04 request_no = NULL
audit_type_known            06 audit_type = '縦覧点検'
outcome_known               07 outcome = '保留', assessed_yen = NULL
months_sane                 08 result_month = '2026-03'
assessed_whole              10 result_month = NULL
assessed_whole              11 assessed_yen = NULL
assessed_amount_positive    12 assessed_yen = 0
amount_only_when_assessed   13 outcome = '原審'
result_has_its_month        10
result_has_its_month        14 outcome = '原審', assessed_yen = NULL, result_month = NULL
result_has_its_month        15 outcome = NULL, assessed_yen = NULL
result_not_before_request   16 result_month = '2025-10'
assessed_amount_plausible   17 assessed_yen = 100000000
amount_near_nation          47 assessed_yen = 9000000
""",
    "recoverables": """
required_values_given       04 event_on = NULL
debt_type_known             06 debt_type = '不正'
event_known                 07 event = '督促'
method_known                08 event = '収納', method = '現金'
event_within_reach          09 event_on = DATE '2026-03-01'
amount_plausible            10 amount_yen = 0
amount_plausible            11 amount_yen = 1000000000
method_only_when_collected  12 method = '納付'
one_type_per_debt           45 debt_no = 'D0', debt_type = 'その他', event = '収納' WHERE row_number = 2
established_once            46 debt_no = 'D0' WHERE row_number = 2
no_debt_dominates           47 amount_yen = 60000 WHERE row_number = 2
""",
    "checkup_counts": """
required_values_given       04 performed = NULL
programme_known             06 programme = 'がん検診' WHERE programme = '被扶養者特定健診'
counts_not_negative         07 performed = -1
performed_within_eligible   08 performed = 401 WHERE programme = '被扶養者特定健診'
eligible_given              09 eligible = NULL WHERE programme = '被扶養者特定健診'
eligible_given              10 eligible = 0 WHERE programme = '被扶養者特定健診'
eligible_shared             11 eligible = 999 WHERE programme = '事業者健診データ'
month_not_the_year_so_far   12 performed = 121 WHERE programme = '被扶養者特定健診'
""",
    "guidance_counts": """
required_values_given            04 evaluated = NULL
subject_known                    06 subject = '家族等' WHERE subject = '被扶養者'
provider_known                   07 provider = '委託' WHERE provider = '健診機関'
counts_not_negative              08 first_interviews = -1
counts_within_eligible           09 first_interviews = 1001
counts_within_eligible           10 evaluated = 1001
eligible_given                   11 eligible = NULL WHERE subject = '被扶養者'
eligible_equal_over_providers    12 eligible = 999 WHERE provider = '健診機関'
month_not_the_year_so_far        13 evaluated = 151
""",
    "untreated_persons": """
required_values_given       04 checkup_month = NULL
members_pseudonymised       05 member_key = 'a longer one than the hash'::BLOB
months_sane                 06 checkup_month = '2026-03'
months_sane                 07 checkup_month = '202506'
some_condition_over         08 over_blood_pressure = false
checkup_within_two_years    09 checkup_month = '2024-01'
conditions_near_nation      47 over_blood_pressure = false, over_glucose = true
""",
}
# A row that breaks one rule may break another, too: dataset, rule, branches.
ALSO = {
    ("benefit_decisions", "paid_only_when_granted"): {"08"},
    ("checkup_counts", "performed_within_eligible"): {"10"},
}


@pytest.fixture
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as open_connection:
        yield open_connection


def load(connection: duckdb.DuckDBPyConnection, dataset: str) -> None:
    empty = raw_schema(CONTRACTS[dataset]).empty_table()
    connection.register("empty_rows", empty)
    connection.execute(f"CREATE TABLE {dataset} AS SELECT * FROM empty_rows")
    connection.execute(f"INSERT INTO {dataset} BY NAME {CLEAN[dataset]}")


def breakages(dataset: str) -> list[tuple[str, str, str]]:
    lines = [line for line in (SHARED + BROKEN[dataset]).splitlines() if line]
    split = [line.split(None, 2) for line in lines]
    return [(rule, branch, rest[0] if rest else "") for rule, branch, *rest in split]


def breaks(connection: duckdb.DuckDBPyConnection, dataset: str, *, analytical: bool) -> dict[str, set[str]]:
    """Apply the breakages of one half of the rules; return the branches that each of them must find."""
    is_analytical = {rule.id: rule.tier is Tier.ANALYTICAL for rule in SUITES[dataset].rules}
    expected: dict[str, set[str]] = {}
    for rule, branch, change in breakages(dataset):
        if is_analytical[rule] is not analytical:
            continue
        expected.setdefault(rule, set()).add(branch)
        if change:
            assignments, _, condition = change.partition(" WHERE ")
            where = f"file = '{branch}.csv'" + (f" AND {condition}" if condition else "")
            connection.execute(f"UPDATE {dataset} SET {assignments} WHERE {where}")
    for (owner, rule), branches in ALSO.items():
        if owner == dataset and rule in expected:
            expected[rule] |= branches
    return expected


def judge(connection: duckdb.DuckDBPyConnection, dataset: str, relation: str = "", **more: bool) -> list[RuleOutcome]:
    return validate(DuckDBSession(connection), relation or dataset, SUITES[dataset].rules, **more)


def branches_told(outcome: RuleOutcome) -> set[str]:
    """Branches of the rows at fault; the file's name tells it where the code itself is broken."""
    return {row["file"].removesuffix(".csv") if "file" in row else row["branch_code"] for row in outcome.evidence}


@pytest.mark.parametrize("dataset", DATASETS)
def test_clean_rows_pass(connection: duckdb.DuckDBPyConnection, dataset: str) -> None:
    load(connection, dataset)

    outcomes = judge(connection, dataset)

    assert [(one.rule.id, one.message, one.evidence[:2]) for one in outcomes if not one.passed] == []
    assert all(one.is_evaluated and one.failed_rows == 0 and not one.evidence for one in outcomes)
    assert {(one.checked_rows,) for one in outcomes} == {
        connection.execute(f"SELECT count(*) FROM {dataset}").fetchone()
    }


def test_every_rule_has_a_broken_case() -> None:
    told = {(dataset, rule) for dataset in DATASETS for rule, _, _ in breakages(dataset)}
    gates = {(dataset, rule) for dataset in DATASETS for rule in ("rows_loaded", "columns_present")}

    assert told | gates == {(dataset, rule.id) for dataset in DATASETS for rule in SUITES[dataset].rules}


@pytest.mark.parametrize("analytical", [False, True], ids=["rows", "analytical"])
@pytest.mark.parametrize("dataset", DATASETS)
def test_every_rule_finds_its_rows_and_no_other(
    connection: duckdb.DuckDBPyConnection, dataset: str, analytical: bool
) -> None:
    load(connection, dataset)
    expected = breaks(connection, dataset, analytical=analytical)

    outcomes = judge(connection, dataset)

    assert [one.message for one in outcomes if one.is_broken] == []
    judged = [one for one in outcomes if (one.rule.tier is Tier.ANALYTICAL) is analytical]
    assert {one.rule.id: branches_told(one) for one in judged if not one.passed} == expected
    for outcome in outcomes:
        assert not outcome.evidence or tuple(outcome.evidence[0]) == outcome.rule.evidence
        assert not PERSONAL_COLUMNS & set(outcome.rule.evidence)
        if outcome.rule.severity is Severity.CRITICAL:  # what it stops is told by branch and file
            assert all(place.file and place.branch_code is not None for place in outcome.places)


@pytest.mark.parametrize("dataset", DATASETS)
def test_a_missing_and_a_further_column_are_told(connection: duckdb.DuckDBPyConnection, dataset: str) -> None:
    load(connection, dataset)
    (rule,) = [rule for rule in SUITES[dataset].rules if rule.id == "columns_present"]

    (missing,) = validate(DuckDBSession(connection), f"(SELECT * EXCLUDE (sheet) FROM {dataset})", [rule])
    (further,) = validate(DuckDBSession(connection), f"(SELECT *, 'secret' AS symbol FROM {dataset})", [rule])

    assert (missing.passed, missing.message) == (False, "column missing: sheet")
    assert (further.passed, further.message) == (False, "there are columns beyond those expected")


@pytest.mark.parametrize("dataset", DATASETS)
def test_empty_rows(connection: duckdb.DuckDBPyConnection, dataset: str) -> None:
    load(connection, dataset)
    connection.execute(f"DELETE FROM {dataset}")

    loaded_nothing = judge(connection, dataset)
    nothing_sent = judge(connection, dataset, rows_expected=False)

    assert [one.rule.id for one in loaded_nothing if one.passed] == ["columns_present"]
    assert not any(one.is_broken for one in loaded_nothing)
    assert [one.rule.id for one in nothing_sent if not one.passed] == []
    assert [one.rule.id for one in nothing_sent if one.is_evaluated] == ["columns_present"]


@pytest.mark.parametrize("dataset", DATASETS)
def test_column_less_rows(connection: duckdb.DuckDBPyConnection, dataset: str) -> None:
    outcomes = {one.rule.id: one for one in judge(connection, dataset, "(SELECT 1 AS other)")}

    assert [name for name, one in outcomes.items() if one.passed] == ["rows_loaded"]
    assert not any(one.is_broken for one in outcomes.values())
    assert outcomes["columns_present"].message.startswith("column missing: known_month, file, ")
    assert [name for name, one in outcomes.items() if one.is_evaluated] == ["rows_loaded", "columns_present"]


@pytest.mark.parametrize("dataset", DATASETS)
def test_completeness_names_the_missing_branches(connection: duckdb.DuckDBPyConnection, dataset: str) -> None:
    rule = SUITES[dataset].completeness
    assert rule is not None
    load(connection, dataset)
    whole = check_completeness(DuckDBSession(connection), dataset, rule, BRANCHES, submissions_received=1)
    connection.execute(f"DELETE FROM {dataset} WHERE branch_code IN ('05', '47')")
    partly = check_completeness(DuckDBSession(connection), dataset, rule, BRANCHES, submissions_received=1)

    assert (whole.passed, whole.missing) == (True, {})
    assert (partly.passed, partly.missing_text) == (False, "05 支部05、47 支部47")


@pytest.mark.parametrize("dataset", DATASETS)
def test_rules_protect_what_the_dataset_feeds(dataset: str) -> None:
    feeds = CONTRACTS[dataset].dataset.feeds
    rules = SUITES[dataset].rules

    assert {rule.tier for rule in rules} == set(Tier)
    assert {kpi for rule in rules if rule.protects != "all" for kpi in rule.protects} == set(feeds)
    assert all(rule.severity is Severity.WARNING for rule in rules if rule.tier is Tier.ANALYTICAL)
    assert [rule.id for rule in rules if rule.is_blocking] == ["rows_loaded", "columns_present"]


@pytest.mark.parametrize("dataset", DATASETS)
def test_rules_name_the_columns_and_values_of_the_contract(dataset: str) -> None:
    contract = CONTRACTS[dataset]
    by_id = {rule.id: rule for rule in SUITES[dataset].rules}
    required = [
        column.name for column in contract.stored_columns if not column.nullable and column.name != "member_key"
    ]

    assert by_id["columns_present"].kwargs["column_set"] == raw_schema(contract).names
    assert all(f"{name} IS NULL" in str(by_id["required_values_given"].unexpected_rows) for name in required)
    assert str(by_id["required_values_given"].unexpected_rows).count("IS NULL") == len(required)
    for column in contract.columns:
        if column.values:
            assert by_id[f"{column.name}_known"].kwargs == {"column": column.name, "value_set": list(column.values)}


@pytest.mark.parametrize("column", ["symbol", "number", "suffix", "記号", "番号", "枝番", "member_key"])
def test_no_rule_may_show_who_a_person_is(column: str) -> None:
    rule = SUITES["claims"].rules[-1].model_dump()

    with pytest.raises(ValueError, match=f"evidence must not show {column}"):
        Rule.model_validate({**rule, "evidence": ["branch_code", column]})
