"""The true values, worked by hand on a handful of rows."""

import datetime as dt
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest
from synthetic_runs import catalogue

from kenpo_pipelines.synthetic.truth import TrueValue, Truth, is_working_day, write_truth

TABLES = {
    "benefit_decisions": "application_no INTEGER, benefit_type VARCHAR, channel VARCHAR, received_on DATE, returned_on DATE, "
    "resubmitted_on DATE, decided_on DATE, paid_on DATE, decision VARCHAR",
    "receipt_audits": "request_no INTEGER, audit_type VARCHAR, result_month VARCHAR, outcome VARCHAR, assessed_yen BIGINT",
    "recoverables": "debt_no INTEGER, debt_type VARCHAR, event VARCHAR, event_on DATE, amount_yen BIGINT, method VARCHAR",
    "checkup_counts": "programme VARCHAR, eligible BIGINT, performed BIGINT",
    "guidance_counts": "subject VARCHAR, provider VARCHAR, eligible BIGINT, evaluated BIGINT",
    "untreated_persons": "symbol INTEGER, number INTEGER, suffix VARCHAR, checkup_month VARCHAR, "
    "over_blood_pressure UTINYINT, over_glucose UTINYINT, over_lipid UTINYINT",
    "claims": "symbol INTEGER, number INTEGER, suffix VARCHAR, service_month VARCHAR, review_month VARCHAR, points BIGINT, "
    "generic_quantity DECIMAL(18, 1), brand_quantity DECIMAL(18, 1), generic_yen DECIMAL(18, 2), brand_yen DECIMAL(18, 2), "
    "treats_blood_pressure UTINYINT, treats_glucose UTINYINT, treats_lipid UTINYINT",
}
ROWS: dict[tuple[str, str], list[tuple[object, ...]]] = {
    ("benefit_decisions", "2025-05"): [
        # 4-29 and 5-3 to 5-6 are holidays: 4-30, 5-1, 5-2, 5-7, 5-8, 5-9, 5-12, 5-13, 5-14 are 9 days
        (1, "傷病手当金", "郵送", "2025-04-28", None, None, "2025-05-13", "2025-05-14", "支給"),
        # received on a Saturday: 5-7 … 5-20 are 10 days, without those from 5-9 to 5-13 (3): 7
        (2, "埋葬料", "窓口", "2025-05-03", "2025-05-08", "2025-05-13", "2025-05-19", "2025-05-20", "支給"),
        # 11 days, too late; told again below with 10
        (3, "出産手当金", "郵送", "2025-05-07", None, None, "2025-05-21", "2025-05-22", "支給"),
        (4, "療養費", "郵送", "2025-05-07", None, None, "2025-05-21", "2025-05-22", "支給"),  # not covered
        (5, "傷病手当金", "郵送", "2025-05-07", None, None, "2025-05-21", None, "不支給"),
        (6, "傷病手当金", "窓口", "2025-03-24", None, None, "2025-03-31", "2025-03-31", "支給"),  # the year before
    ],
    ("benefit_decisions", "2025-06"): [
        (3, "出産手当金", "窓口", "2025-05-08", None, None, "2025-05-21", "2025-05-22", "支給")
    ],
    ("receipt_audits", "2025-05"): [
        (1, "内容点検", None, None, None),
        (2, "内容点検", "2025-05", "査定", 1000),
        (3, "資格点検", "2025-05", "査定", 70_000),
        (4, "内容点検", "2025-03", "査定", 90_000),
        (5, "内容点検", "2025-05", "原審", None),
    ],
    ("receipt_audits", "2025-06"): [(1, "内容点検", "2025-06", "査定", 300), (2, "内容点検", "2025-05", "査定", 900)],
    ("recoverables", "2025-05"): [
        (1, "業務上", "調定", "2025-04-10", 10_000, None),
        (1, "業務上", "収納", "2025-05-20", 4_000, "納付"),
        (2, "その他", "収納", "2025-05-21", 2_000, "納付"),  # established later than collected is told
        (3, "業務上", "調定", "2025-03-10", 50_000, None),  # the year before
        (3, "業務上", "収納", "2025-05-10", 50_000, "納付"),
        (4, "診療報酬返還金（不当請求）", "調定", "2025-05-10", 90_000, None),
        (4, "診療報酬返還金（不当請求）", "収納", "2025-05-20", 90_000, "納付"),
        (5, "業務上", "収納", "2025-05-20", 7_000, "納付"),  # never established
    ],
    ("recoverables", "2025-06"): [
        (1, "業務上", "収納", "2025-05-20", 4_000, "納付"),  # sent again
        (1, "業務上", "取消", "2025-06-20", 1_000, None),
        (2, "その他", "調定", "2025-05-02", 5_000, None),
    ],
    ("checkup_counts", "2025-05"): [
        ("生活習慣病予防健診", 900, 10),
        ("事業者健診データ", 900, 1),
        ("被扶養者特定健診", 300, 5),
    ],
    ("checkup_counts", "2025-06"): [
        ("生活習慣病予防健診", 1000, 30),
        ("事業者健診データ", None, 3),
        ("被扶養者特定健診", 300, 7),
    ],
    ("guidance_counts", "2025-06"): [
        ("被保険者", "支部職員", 80, 4),
        ("被保険者", "外部委託", 80, 5),
        ("被扶養者", "外部委託", 20, 1),
    ],
    ("untreated_persons", "2025-05"): [
        (1, 1, None, "2024-05", 1, 0, 0),
        (1, 2, None, "2024-06", 1, 0, 0),
        (1, 3, None, "2024-06", 0, 1, 0),
        (1, 4, "01", "2024-04", 0, 0, 1),
        (1, 5, None, "2024-09", 1, 0, 0),  # ten months are not over
        (1, 6, None, "2023-12", 1, 0, 0),  # another year
    ],
    ("untreated_persons", "2025-06"): [
        (1, 1, None, "2024-08", 0, 1, 0),  # a second check-up does not count
        (1, 7, None, "2024-08", 0, 0, 1),
    ],
    ("claims", "2025-05"): [
        (1, 1, "00", "2025-04", "2025-05", 100, "5.5", "1.0", "10.25", "9.75", 1, 0, 0),  # 11 months after
        (1, 2, "00", "2025-04", "2025-05", 200, None, None, None, None, 1, 0, 0),  # in the tenth month
        (1, 3, "00", "2024-07", "2025-03", 300, None, None, None, None, 1, 0, 1),  # for another condition
        (1, 4, "00", "2024-07", "2025-03", 300, None, None, None, None, 0, 0, 1),  # another person
        (1, 9, "00", "2025-03", "2025-04", 50, "3.0", "0.5", "6.00", "2.50", 1, 1, 1),
    ],
    ("claims", "2025-06"): [
        (1, 4, "01", "2024-04", "2025-05", 400, None, None, None, None, 0, 1, 1),  # in the month of the check-up
        (1, 7, None, "2024-07", "2025-06", 500, "1.1", "0.2", "4.00", "1.00", 0, 0, 1),  # before the check-up
        (1, 9, "00", "2025-03", "2025-06", 70, "2.5", "1.0", "7.00", "0.10", 0, 0, 0),
    ],
}
EXPECTED = {
    "service_standard_attainment": ("3", "3"),
    "service_standard_days": ("26", "3"),  # 9 + 7 + 10
    "counter_receipt_rate": ("2", "5"),
    "claims_assessment_rate": ("1200", "13200"),  # 100 + 200 + 50 + 400 + 500 + 70 points of April to June
    "assessed_amount_per_receipt": ("1200", "2"),
    "recovery_rate": ("6000", "14000"),
    "checkup_rate_insured": ("40", "1000"),
    "employer_checkup_data_rate": ("4", "1000"),
    "checkup_rate_dependants": ("12", "300"),
    "guidance_rate_insured": ("9", "80"),
    "guidance_rate_dependants": ("1", "20"),
    "untreated_visit_rate_10m": ("2", "5"),
}


def computed(as_of: str, held_back: str | None = None, branches: tuple[str, ...] = ("05",)) -> list[TrueValue]:
    with duckdb.connect() as db:
        truth = Truth(db, as_of, "2025-05")
        for branch in branches:
            truth.begin_branch()
            for (dataset, folder), rows in sorted(ROWS.items(), key=lambda one: one[0][0] == "claims"):
                db.execute(f"CREATE OR REPLACE TEMP TABLE piece ({TABLES[dataset]})")
                db.executemany(f"INSERT INTO piece VALUES ({', '.join('?' * len(rows[0]))})", rows)
                truth.take(dataset, folder, "piece")
            truth.end_branch(branch)
        return list(truth.values(catalogue(), held_back))


def test_every_kpi_by_hand() -> None:
    found = {one.kpi_id: one for one in computed("2025-06") if one.branch_code == "05"}

    for kpi, (numerator, denominator) in EXPECTED.items():
        assert (found[kpi].numerator, found[kpi].denominator) == (Decimal(numerator), Decimal(denominator)), kpi
        assert (found[kpi].fiscal_year, found[kpi].as_of) == (2025, "2025-06")
    volume = found["generic_share_volume"]
    assert (volume.numerator, volume.denominator) == (Decimal("5.5"), Decimal("7.0"))
    assert (volume.fiscal_year, volume.as_of) == (2024, "2025-03")
    assert set(found) == {*EXPECTED, "generic_share_volume"}  # the share by value is the nation's alone, from FY2025


def test_share_by_value_belongs_to_the_nation_and_to_its_years() -> None:
    values = [one for one in computed("2025-07") if one.kpi_id == "generic_share_value"]

    assert [(one.branch_code, one.as_of, one.numerator, one.denominator) for one in values] == [
        ("00", "2025-04", Decimal("10.25"), Decimal("20.00"))
    ]


def test_nation_is_the_sum_of_its_branches() -> None:
    found = {(one.branch_code, one.kpi_id): one for one in computed("2025-06", branches=("05", "31"))}

    assert found["00", "recovery_rate"].numerator == 12_000
    assert found["00", "untreated_visit_rate_10m"].denominator == 10


def test_held_back_branch_has_no_benefit_figures_and_neither_has_the_nation() -> None:
    found = {(one.branch_code, one.kpi_id): one for one in computed("2025-06", "31", ("05", "31"))}

    for kpi in ("service_standard_attainment", "service_standard_days", "counter_receipt_rate"):
        assert found["31", kpi].numerator is None
        assert found["00", kpi].denominator is None
        assert found["05", kpi].denominator is not None
    assert found["00", "recovery_rate"].denominator is not None


@pytest.mark.parametrize(
    ("day", "is_working"),
    [
        ("2025-05-02", True),
        ("2025-05-06", False),  # a holiday in lieu
        ("2025-12-28", False),
        ("2025-12-29", False),
        ("2026-01-02", False),
        ("2026-01-05", True),
    ],
)
def test_working_days(day: str, is_working: bool) -> None:
    assert is_working_day(dt.date.fromisoformat(day)) is is_working


def test_numbers_are_written_in_full(tmp_path: Path) -> None:
    values = [
        TrueValue(2025, "2025-06", "13", "a", Decimal("1200.0000"), Decimal("1E+3")),
        TrueValue(2025, "2025-06", "13", "b", Decimal("5.5000"), None),
    ]

    assert write_truth(tmp_path / "truth.csv", iter(values)) == 2
    assert (tmp_path / "truth.csv").read_text(encoding="utf-8") == (
        "fiscal_year,as_of,branch_code,kpi_id,numerator,denominator\n"
        "2025,2025-06,13,a,1200,1000\n"
        "2025,2025-06,13,b,5.5,\n"
    )
