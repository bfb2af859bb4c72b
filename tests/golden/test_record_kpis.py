"""KPIs computed from records, worked out by hand: one story of two branches over four months, told dataset by dataset.

宮城 (04) has every case that the definitions speak of; 東京 (13) one plain record a month, so that the nation is a sum.
"""

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from record_lake import (
    Record,
    RecordLake,
    audit,
    checkups,
    claim,
    debt,
    decision,
    guidance,
    untreated,
    visit,
)

MONTHS = ("2025-04", "2025-05", "2025-06", "2025-07")
MIYAGI, TOKYO, NATION = "04", "13", "00"
UNPAID = {"decision": "不支給", "paid_on": None}

# Business days of spring 2025: 04-29 is a holiday (Tue), 05-05 and 05-06 too (Mon, Tue).
DECISIONS = {
    "2025-04": [
        # (04-07, 04-21]: 8–11, 14–18, 21 = 10 days: in time
        decision(MIYAGI, 1, "2025-04-07", "2025-04-21"),
        # … 22 = 11 days: too late
        decision(MIYAGI, 2, "2025-04-07", "2025-04-22"),
        # (04-07, 04-28] = 15 days less the return (04-10, 04-17] = 11, 14, 15, 16, 17 = 5: 10 days, in time
        decision(MIYAGI, 3, "2025-04-07", "2025-04-28", returned_on="2025-04-10", resubmitted_on="2025-04-17"),
        # (04-07, 04-23] = 12 days; of the return (04-21, 04-30] only 22 and 23 lie before the transfer: 10 days, in time
        decision(MIYAGI, 6, "2025-04-07", "2025-04-23", returned_on="2025-04-21", resubmitted_on="2025-04-30"),
        # not covered: another benefit, and nothing paid. They are applications all the same, both at the counter
        decision(MIYAGI, 7, "2025-03-03", "2025-04-30", benefit_type="療養費", channel="窓口"),
        decision(MIYAGI, 8, "2025-04-01", "2025-04-30", channel="窓口", **UNPAID),
        # decided in the fiscal year before: in no figure of this one. (12-27, 01-07]: year end closed, 6 and 7 = 2 days
        decision(MIYAGI, 10, "2024-12-27", "2025-01-07"),
        decision(TOKYO, 1, "2025-04-01", "2025-04-02"),
    ],
    "2025-05": [
        # (05-02, 05-09]: 3–6 are weekend and holidays, 7, 8, 9 = 3 days
        decision(MIYAGI, 4, "2025-05-02", "2025-05-09"),
        # number 2 corrected: paid on the 21st, 10 days, and it had come in at the counter
        decision(MIYAGI, 2, "2025-04-07", "2025-04-21", channel="窓口"),
        # a decision of April that comes in May: 2–4, 7–11, 14–18, 21–25, 28, 30 = 20 days
        decision(MIYAGI, 9, "2025-04-01", "2025-04-30"),
        decision(TOKYO, 2, "2025-05-01", "2025-05-02"),
    ],
    # number 2 a third time: withdrawn after all
    "2025-06": [
        decision(MIYAGI, 2, "2025-04-07", "2025-04-21", channel="窓口", decision="取下", paid_on=None),
        decision(TOKYO, 3, "2025-06-02", "2025-06-03"),
    ],
    "2025-07": [decision(branch, 20, "2025-07-01", "2025-07-02") for branch in (MIYAGI, TOKYO)],
}
CLAIMS = {
    "2025-04": [
        # reviewed in April: 1,000 points = 10,000 yen
        claim(MIYAGI, 1, "2025-04", points=1000, generic_yen="300.25", brand_yen="100.25", generic_quantity=1),
        # reviewed in March, the year before: no cost of this year, but drugs of service month March
        claim(MIYAGI, 2, "2025-03", points=5000, generic_quantity=80, brand_quantity=20),
        claim(MIYAGI, 7, "2025-01", "2025-03", generic_quantity=1, brand_quantity=3),
        claim(TOKYO, 1, "2025-04", points=100, generic_yen=9, brand_yen="0.5"),
        claim(TOKYO, 2, "2025-03", generic_quantity="0.5", brand_quantity="0.25"),
        # visits: see UNTREATED
        visit(MIYAGI, "v2", 2, "2024-06", "lipid"),
        visit(MIYAGI, "v3", 3, "2024-09", "lipid"),
        visit(MIYAGI, "v5", 5, "2024-07", "blood_pressure"),
        visit(MIYAGI, "v6", 6, "2024-08", "blood_pressure"),
    ],
    "2025-05": [claim(MIYAGI, 3, "2025-04", "2025-05", points=2000), claim(TOKYO, 3, "2025-05", points=10)],
    "2025-06": [
        # service month March, reviewed in June, without originals: 100 points = 1,000 yen of June
        claim(MIYAGI, 4, "2025-03", "2025-06", generic_quantity="10.5"),
        # reviewed in April and sent in June: 500 points = 5,000 yen, known from June on
        claim(MIYAGI, 5, "2025-04", points=500),
        visit(MIYAGI, "v1", 1, "2025-04", "blood_pressure", "glucose", review="2025-06") | {"points": 0},
        visit(MIYAGI, "v4", 4, "2025-05", "glucose", review="2025-06") | {"points": 0},
        claim(TOKYO, 4, "2025-06", points=0),
    ],
    "2025-07": [claim(branch, 9, "2025-07", points=1) for branch in (MIYAGI, TOKYO)],
}
AUDITS = {
    "2025-04": [
        audit(MIYAGI, 1, None),  # still open
        audit(MIYAGI, 2, "2025-04", 1500),
        audit(MIYAGI, 3, "2025-04", outcome="原審"),
        audit(MIYAGI, 4, "2025-04", 9999, audit_type="資格点検"),  # not an audit of contents
        audit(TOKYO, 1, "2025-04", 11),
    ],
    "2025-05": [
        audit(MIYAGI, 1, "2025-05", 700),
        audit(MIYAGI, 2, "2025-04", 1200),  # corrected, in its own month
        audit(TOKYO, 2, None),
    ],
    "2025-06": [audit(MIYAGI, 1, "2025-06", outcome="取下"), audit(TOKYO, 2, None)],
    "2025-07": [audit(branch, 9, None) for branch in (MIYAGI, TOKYO)],
}
DEBTS = {
    "2025-04": [
        debt(MIYAGI, 1, "調定", "2025-04-10", 10_000),
        debt(MIYAGI, 1, "収納", "2025-04-20", 4_000),
        debt(MIYAGI, 2, "収納", "2025-04-25", 3_000),  # of a debt that nobody has heard of yet
        debt(MIYAGI, 3, "調定", "2025-03-31", 50_000),  # of the fiscal year before
        debt(MIYAGI, 3, "収納", "2025-04-05", 50_000),
        debt(MIYAGI, 4, "調定", "2025-04-01", 8_000, debt_type="診療報酬返還金（不当請求）"),
        debt(MIYAGI, 4, "収納", "2025-04-02", 8_000, debt_type="診療報酬返還金（不当請求）"),
        debt(TOKYO, 1, "調定", "2025-04-01", 100),
    ],
    "2025-05": [
        debt(MIYAGI, 2, "調定", "2025-04-15", 6_000),
        debt(MIYAGI, 1, "収納", "2025-04-20", 4_000),  # sent again: the same event
        debt(MIYAGI, 1, "取消", "2025-05-02", 1_000),
        debt(TOKYO, 1, "収納", "2025-05-01", 50),
    ],
    "2025-06": [
        debt(MIYAGI, 1, "調定", "2025-03-20", 2_000),  # debt 1 was established in the year before, it turns out
        debt(MIYAGI, 5, "調定", "2025-06-10", 1_000),
        debt(MIYAGI, 5, "収納", "2025-06-20", 400),
        debt(TOKYO, 1, "収納", "2025-06-01", 50),
    ],
    "2025-07": [debt(branch, 9, "調定", "2025-07-01", 1) for branch in (MIYAGI, TOKYO)],
}
INSURED, EMPLOYER, DEPENDANTS = "生活習慣病予防健診", "事業者健診データ", "被扶養者特定健診"
CHECKUPS = {
    "2025-04": [
        checkups(MIYAGI, INSURED, 1000, 50),
        checkups(MIYAGI, EMPLOYER, None, 10),
        checkups(MIYAGI, DEPENDANTS, 400, 5),
    ],
    "2025-05": [
        checkups(MIYAGI, INSURED, 1010, 60),
        checkups(MIYAGI, EMPLOYER, None, 0),
        checkups(MIYAGI, DEPENDANTS, None, 7),
    ],
    "2025-06": [
        checkups(MIYAGI, INSURED, None, 40),
        checkups(MIYAGI, EMPLOYER, 900, 3),
        checkups(MIYAGI, DEPENDANTS, 390, 0),
    ],
}
GUIDANCE = {
    "2025-04": [
        guidance(MIYAGI, "被保険者", "支部職員", 200, 3),
        guidance(MIYAGI, "被保険者", "健診機関", 210, 4),
        guidance(MIYAGI, "被扶養者", "支部職員", 20, 1),
    ],
    "2025-05": [guidance(MIYAGI, "被保険者", "外部委託", 200, 5), guidance(MIYAGI, "被扶養者", "支部職員", None, 2)],
}
UNTREATED = {
    "2025-04": [
        untreated(MIYAGI, 1, "2024-06", "blood_pressure"),  # seen in 2025-04 = c + 10; the receipt comes in June
        untreated(MIYAGI, 2, "2024-05", "glucose"),  # seen for another condition only
        untreated(MIYAGI, 3, "2024-04", "glucose", "lipid"),  # seen in 2024-09, for one of two
        untreated(MIYAGI, 3, "2024-09", "blood_pressure"),  # a second check-up of the year: does not count
        untreated(MIYAGI, 4, "2024-06", "glucose"),  # seen in 2025-05 = c + 11: too late
        untreated(MIYAGI, 5, "2024-07", "blood_pressure"),  # seen in the month of the check-up; ten months over in May
        untreated(MIYAGI, 7, "2025-04", "lipid"),  # a check-up of this year: next year's KPI
        untreated(MIYAGI, 8, "2024-03", "lipid"),  # one of the year before last
        untreated(TOKYO, 1, "2024-04", "lipid"),
    ],
    "2025-05": [
        untreated(MIYAGI, 6, "2024-05", "blood_pressure"),  # becomes known now; seen in 2024-08, known since April
        untreated(TOKYO, 2, "2025-03", "lipid"),
    ],
}


def tokyos_counts(dataset: str) -> list[Record]:
    if dataset == "checkup_counts":
        return [checkups(TOKYO, programme, 100, 1) for programme in (INSURED, EMPLOYER, DEPENDANTS)]
    return [guidance(TOKYO, subject, "支部職員", 10, 1) for subject in ("被保険者", "被扶養者")]


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RecordLake]:
    lake = RecordLake(tmp_path_factory.mktemp("story"), (MIYAGI, TOKYO))
    stories = {
        **{"benefit_decisions": DECISIONS, "claims": CLAIMS, "receipt_audits": AUDITS, "recoverables": DEBTS},
        **{"checkup_counts": CHECKUPS, "guidance_counts": GUIDANCE, "untreated_persons": UNTREATED},
    }
    for dataset, story in stories.items():
        for month, rows in story.items():
            more = tokyos_counts(dataset) if dataset in ("checkup_counts", "guidance_counts") else []
            for branch in (MIYAGI, TOKYO):
                lake.land(month, dataset, *[row for row in (*rows, *more) if row["branch_code"] == branch])
    for month in MONTHS:
        lake.run(month)
    yield lake


def counts(lake: RecordLake, month: str, kpi_id: str, branch: str = MIYAGI, as_of: str = "") -> tuple[Decimal, Decimal]:
    found = [
        (row["numerator"], row["denominator"])
        for row in lake.rows("kpis", "computed_figures", month)
        if (row["as_of"], row["branch_code"], row["kpi_id"]) == (as_of or month, branch, kpi_id)
    ]
    assert len(found) == 1, found
    return found[0]


STORY = [
    # in time of covered: 1, 3, 6 of 1, 2, 3, 6; then 2 corrected, 4 in time, 9 late; then 2 withdrawn
    ("service_standard_attainment", [(3, 4), (5, 6), (4, 5)]),
    # 10 + 11 + 10 + 10; then 10 + 10 + 10 + 10 + 3 + 20; then without the 10 of number 2
    ("service_standard_days", [(41, 4), (63, 6), (53, 5)]),
    # 7 and 8 of 1, 2, 3, 6, 7, 8; then 2 as well, of those, 4 and 9; a withdrawn application was made all the same
    ("counter_receipt_rate", [(2, 6), (3, 8), (3, 8)]),
    # 1,500 ÷ 10,000; then 1,200 + 700 over 10,000 + 20,000; then without the 700, and 5,000 and 1,000 more
    ("claims_assessment_rate", [(1500, 10_000), (1900, 30_000), (1200, 36_000)]),
    ("assessed_amount_per_receipt", [(1500, 1), (1900, 2), (1200, 1)]),
    # debt 1; then debt 2 with what had been collected before it was known, and 1,000 cancelled; then debt 1 leaves, 5 comes
    ("recovery_rate", [(4_000, 10_000), (7_000, 15_000), (3_400, 7_000)]),
    # of the newest head count; a blank one does not replace it
    ("checkup_rate_insured", [(50, 1000), (110, 1010), (150, 1010)]),
    # blank: that of the insured; from June its own
    ("employer_checkup_data_rate", [(10, 1000), (10, 1010), (13, 900)]),
    ("checkup_rate_dependants", [(5, 400), (12, 400), (12, 390)]),
    # 3 + 4 of the larger of two head counts; then 5 more, of the newest
    ("guidance_rate_insured", [(7, 210), (12, 200), None]),
    ("guidance_rate_dependants", [(1, 20), (3, 20), None]),
    # 3 of 1, 2, 3, 4; then 5 and 6 too, both seen; then the receipt of 1 is there
    ("untreated_visit_rate_10m", [(1, 4), (3, 6), (4, 6)]),
]


@pytest.mark.parametrize(("kpi_id", "expected"), STORY, ids=[kpi_id for kpi_id, _ in STORY])
def test_a_kpi_as_of_each_month(lake: RecordLake, kpi_id: str, expected: list[tuple[int, int] | None]) -> None:
    told = {month: one for month, one in zip(MONTHS, expected, strict=False) if one is not None}
    assert {month: counts(lake, month, kpi_id) for month in told} == told


def test_generics_are_those_of_a_service_month_three_months_back(lake: RecordLake) -> None:
    # as of April: January, 1 of 1 + 3
    assert counts(lake, "2025-04", "generic_share_volume", as_of="2025-01") == (1, 4)
    # as of June: March, 80 and the 10.5 that came in June, of 20 more; the fiscal year is March's own
    assert counts(lake, "2025-06", "generic_share_volume", as_of="2025-03") == (Decimal("90.5"), Decimal("110.5"))
    assert counts(lake, "2025-06", "generic_share_volume", NATION, "2025-03") == (Decimal("91"), Decimal("111.25"))
    # by value, for the nation only, from fiscal year 2025: April as of July, 300.25 + 9 of 100.25 + 0.5 more
    assert counts(lake, "2025-07", "generic_share_value", NATION, "2025-04") == (Decimal("309.25"), Decimal("410"))
    by_value = [
        row for row in lake.rows("kpis", "computed_figures", "2025-07") if row["kpi_id"] == "generic_share_value"
    ]
    assert [row["branch_code"] for row in by_value] == [NATION]
    # nobody has receipts of service month February: nothing is computed, and what was reported would stand
    assert "2025-02" not in {row["as_of"] for row in lake.rows("kpis", "computed_figures", "2025-05")}


def test_the_nation_is_the_sum_of_numerators_and_of_denominators(lake: RecordLake) -> None:
    assert counts(lake, "2025-05", "service_standard_days", NATION) == (63 + 2, 6 + 2)
    assert counts(lake, "2025-05", "claims_assessment_rate", NATION) == (1900 + 11, 30_000 + 1100)
    assert counts(lake, "2025-05", "recovery_rate", NATION) == (7_000 + 50, 15_000 + 100)
    assert counts(lake, "2025-05", "untreated_visit_rate_10m", NATION) == (3 + 0, 6 + 1)
    # 65 ÷ 8 = 8.125 → 8.13 half-up; a mean of 63 ÷ 6 and 2 ÷ 2 would be 5.75
    line = lake.line("2025-05", 2025, NATION, "service_standard_days")
    assert (line["value_text"], line["outcome"], line["source"]) == ("8.13日", "not_attained", "computed")


def test_days_of_the_service_standard(lake: RecordLake) -> None:
    rows = [row for row in lake.rows("facts", "fact_benefit_decisions", "2025-04") if row["branch_code"] == MIYAGI]
    days = {row["application_no"]: (row["service_days"], row["is_within_standard"]) for row in rows}
    assert days == {
        **{"A1": (10, True), "A2": (11, False), "A3": (10, True), "A6": (10, True)},
        **{"A7": (None, None), "A8": (None, None), "A10": (2, True)},
    }


def test_what_comes_later_changes_later_figures_only(lake: RecordLake) -> None:
    before = lake.versions("2025-04")
    lake.run("2025-04")
    assert lake.versions("2025-04") == before
    # the scorecard of June shows the figures of June, that of May those of May, whatever came afterwards
    assert lake.line("2025-05", 2025, MIYAGI, "recovery_rate")["numerator"] == 7_000
    assert lake.line("2025-06", 2025, MIYAGI, "recovery_rate")["numerator"] == 3_400


def test_a_month_in_which_nobody_submits_has_no_figure_of_its_own(lake: RecordLake) -> None:
    # counts of guidance stop in May: as of June the scorecard still shows May's figure
    line = lake.line("2025-06", 2025, MIYAGI, "guidance_rate_insured")
    assert (line["figure_as_of"], line["figure_known_month"], line["value_text"]) == ("2025-05", "2025-05", "6.0%")


def test_months_without_any_records_are_told_with_the_figure(lake: RecordLake) -> None:
    lines = {
        kpi_id: lake.line("2025-05", 2025, MIYAGI, kpi_id)["notes"]
        for kpi_id in ("recovery_rate", "untreated_visit_rate_10m")
    }
    assert lines["recovery_rate"] == ""
    assert "レセプトの2024-04～2025-03の記録はありません" in lines["untreated_visit_rate_10m"]


@pytest.fixture
def two_branches(tmp_path: Path) -> RecordLake:
    return RecordLake(tmp_path, (MIYAGI, TOKYO))


def audits_of(branch: str, month: str, rows: int) -> list[Record]:
    return [audit(branch, f"{month}-{number}", month, 100) for number in range(rows)]


ASSESSED = "assessed_amount_per_receipt"
INCOMPLETE = ("not_evaluable", "incomplete_submission")


def outcome(line: Record) -> tuple[str, str]:
    return line["outcome"], line["reason"]


def test_a_branch_that_is_held_back_or_missing_is_not_evaluable_and_takes_the_nation_with_it(
    two_branches: RecordLake,
) -> None:
    lake = two_branches
    for month in ("2025-04", "2025-05", "2025-06"):
        lake.land(month, "receipt_audits", *audits_of(MIYAGI, month, 3))
    # 1 of 100 rows in quarantine is borne, 2 of 100 are not
    lake.land("2025-04", "receipt_audits", *audits_of(TOKYO, "2025-04", 99), rejected={TOKYO: 1})
    lake.land("2025-05", "receipt_audits", *audits_of(TOKYO, "2025-05", 98), rejected={TOKYO: 2})
    lake.run("2025-04")
    assert lake.line("2025-04", 2025, TOKYO, ASSESSED)["value_text"] == "100円"
    assert lake.line("2025-04", 2025, NATION, ASSESSED)["denominator"] == 102
    lake.run("2025-05")
    tokyo, nation = (lake.line("2025-05", 2025, branch, ASSESSED) for branch in (TOKYO, NATION))
    assert (outcome(tokyo), tokyo["value_text"], tokyo["figure_as_of"]) == (INCOMPLETE, "", "2025-05")
    assert tokyo["notes"].splitlines()[0] == "提出不備：レセプト点検結果2025-05（保留）"
    assert (outcome(nation), nation["notes"].splitlines()[0]) == (INCOMPLETE, "提出不備：東京支部")
    assert lake.line("2025-05", 2025, MIYAGI, ASSESSED)["value_text"] == "100円"
    # in June Tokyo sends nothing; both months are lacking then
    lake.run("2025-06")
    told = lake.line("2025-06", 2025, TOKYO, ASSESSED)["notes"].splitlines()[0]
    assert told == "提出不備：レセプト点検結果2025-05（保留）、レセプト点検結果2025-06（未提出）"
    # a corrected file for May's folder heals May
    lake.land("2025-05", "receipt_audits", *audits_of(TOKYO, "2025-05", 100))
    lake.run("2025-05")
    assert lake.line("2025-05", 2025, NATION, ASSESSED)["denominator"] == 3 + 3 + 99 + 100
    lake.run("2025-06")
    assert (
        lake.line("2025-06", 2025, TOKYO, ASSESSED)["notes"].splitlines()[0]
        == "提出不備：レセプト点検結果2025-06（未提出）"
    )


def test_a_figure_with_a_gap_is_no_base_for_the_next_years_target(two_branches: RecordLake) -> None:
    lake = two_branches
    lake.land("2025-03", "receipt_audits", *audits_of(MIYAGI, "2025-03", 1))
    for branch in (MIYAGI, TOKYO):
        lake.land("2025-04", "receipt_audits", *audits_of(branch, "2025-04", 1))
        lake.report("2025-03", "2025-03", branch, ASSESSED, value=150)
    lake.run("2025-03")
    lake.run("2025-04")
    miyagi, tokyo = (lake.line("2025-04", 2025, branch, ASSESSED) for branch in (MIYAGI, TOKYO))
    assert (miyagi["prior_as_of"], miyagi["prior_value_text"], miyagi["outcome"]) == ("2025-03", "100円", "attained")
    assert (tokyo["prior_as_of"], tokyo["value_text"], tokyo["reason"]) == (None, "100円", "no_prior_result")


def test_the_computed_figure_is_used_the_reported_one_kept_beside_it(two_branches: RecordLake) -> None:
    lake = two_branches
    for branch in (MIYAGI, TOKYO):
        lake.land("2025-05", "receipt_audits", audit(branch, 1, "2025-05", 1001), audit(branch, 2, "2025-05", 1000))
    # 2,001 ÷ 2 = 1,000.5 → 1,001円; Miyagi reports the same, Tokyo another one, April was never computed
    lake.report("2025-05", "2025-05", MIYAGI, ASSESSED, value=1001)
    lake.report("2025-05", "2025-05", TOKYO, ASSESSED, numerator=2000, denominator=2, value=1000)
    lake.report("2025-05", "2025-04", MIYAGI, ASSESSED, value=7)
    lake.run("2025-05")
    figures = {
        (row["as_of"], row["branch_code"]): (row["source"], row["numerator"], row["value"], row["reported_value"])
        for row in lake.rows("kpis", "kpi_figures", "2025-05")
        if row["kpi_id"] == ASSESSED
    }
    assert figures == {
        ("2025-04", MIYAGI): ("reported", None, 7, None),
        ("2025-05", MIYAGI): ("computed", 2001, None, 1001),
        ("2025-05", TOKYO): ("computed", 2001, None, 1000),
        ("2025-05", NATION): ("computed", 4002, None, None),
    }
    lines = {branch: lake.line("2025-05", 2025, branch, ASSESSED) for branch in (MIYAGI, TOKYO)}
    assert {branch: line["value_text"] for branch, line in lines.items()} == {MIYAGI: "1,001円", TOKYO: "1,001円"}
    assert "報告値" not in lines[MIYAGI]["notes"]
    assert "報告値1,000円と計算値1,001円が一致しません" in lines[TOKYO]["notes"].splitlines()


def test_a_branch_whose_rows_were_all_rejected_is_on_the_scorecard(two_branches: RecordLake) -> None:
    lake = two_branches
    lake.land("2025-05", "untreated_persons", rejected={TOKYO: 5})
    lake.report("2025-05", "2025-05", MIYAGI, "recovery_rate")  # ―
    lake.run("2025-05")
    for branch in (MIYAGI, TOKYO):
        assert lake.line("2025-05", 2025, branch, "recovery_rate")["reason"] == "no_result"


def test_submissions_of_a_branch(two_branches: RecordLake) -> None:
    lake = two_branches
    both = [audit(MIYAGI, number, None) for number in range(60)] + [audit(TOKYO, number, None) for number in range(60)]
    # first the whole country's file with one row of an unknown branch: 1 of 121 is borne
    lake.land("2025-05", "receipt_audits", *both, name="z-first.csv", rejected={"": 1})
    # Miyagi sends its own file later: it alone is used, although its name comes first
    lake.land("2025-05", "receipt_audits", audit(MIYAGI, 1, None), name="a-second.csv")
    # two of 122 rows are not, and nobody knows whose they are
    lake.land(
        "2025-05", "recoverables", *[row for one in range(60) for row in _both(one)], name="r.csv", rejected={"": 2}
    )
    # a row of an unknown branch in a file of one branch is that branch's
    lake.land(
        "2025-05", "benefit_decisions", decision(TOKYO, 1, "2025-05-01", "2025-05-02"), name="b.csv", rejected={"": 1}
    )
    # one branch of two rejects too much: the other goes on
    lake.land("2025-05", "guidance_counts", *_guidance(), name="g.csv", rejected={TOKYO: 9})
    lake.prepare("2025-05", "stg_submissions")
    found = {
        (row["dataset"], row["file"], row["branch_code"]): (row["status"], row["rows_loaded"], row["rows_rejected"])
        for row in lake.rows("staging", "stg_submissions", "2025-05")
    }
    assert found == {
        ("benefit_decisions", "b.csv", TOKYO): ("held_back", 1, 0),
        ("guidance_counts", "g.csv", MIYAGI): ("used", 1, 0),
        ("guidance_counts", "g.csv", TOKYO): ("held_back", 1, 9),
        ("receipt_audits", "a-second.csv", MIYAGI): ("used", 1, 0),
        ("receipt_audits", "z-first.csv", MIYAGI): ("superseded", 60, 0),
        ("receipt_audits", "z-first.csv", TOKYO): ("used", 60, 0),
        ("recoverables", "r.csv", MIYAGI): ("held_back", 60, 0),
        ("recoverables", "r.csv", TOKYO): ("held_back", 60, 0),
    }
    lake.prepare("2025-05", "stg_submissions", "stg_receipt_audits", "stg_guidance_counts", "stg_recoverables")
    rows = lake.rows("staging", "stg_receipt_audits", "2025-05")
    assert [row["branch_code"] for row in rows].count(MIYAGI) == 1
    assert len(rows) == 61
    assert [row["branch_code"] for row in lake.rows("staging", "stg_guidance_counts", "2025-05")] == [MIYAGI]
    assert lake.rows("staging", "stg_recoverables", "2025-05") == []


def _both(number: int) -> list[Record]:
    return [debt(branch, number, "調定", "2025-05-01", 1) for branch in (MIYAGI, TOKYO)]


def _guidance() -> list[Record]:
    return [guidance(branch, "被保険者", "支部職員", 10, 1) for branch in (MIYAGI, TOKYO)]
