"""The public edition of rows, series, restatements and provenance: what is left of a hidden figure, and what never leaves."""

import datetime as dt
from dataclasses import replace
from decimal import Decimal
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from openpyxl import load_workbook
from scorecard_samples import row

from kenpo_pipelines.disclosure.figures import FigureKey
from kenpo_pipelines.disclosure.persons import load_persons
from kenpo_pipelines.scorecards import Provenance, ScorecardRow, SubmissionSource, view, write_branch_workbook
from kenpo_pipelines.scorecards.public_edition import (
    FOOTNOTE,
    HIDDEN_MARK,
    NOTE,
    hidden_in_public,
    public_provenance,
    public_restatements,
    public_rows,
    public_series,
)
from kenpo_pipelines.serving.restatement_queries import Restatement
from kenpo_pipelines.serving.series import SeriesPoint

KPI = "guidance_rate_dependants"
PERSONS = load_persons()
# (numerator, denominator) of 2025-05: 東京 and 秋田 are small; the nation is the sum of all five
COUNTS = {"05": (6, 918), "13": (62, 8736), "14": (400, 6000), "27": (900, 7000), "40": (100, 5000)}


def _row(branch: str, numerator: int, denominator: int, rank: int | None, **changes: Any) -> ScorecardRow:
    rate = (Decimal(100 * numerator) / denominator).quantize(Decimal("0.1"))
    return row(
        KPI, "9.9", str(rate), branch_code=branch, branch=f"支部{branch}", figure_as_of="2025-05",
        figure_known_month="2025-06", numerator=Decimal(numerator), denominator=Decimal(denominator), rank=rank,
        ranked_branches=None if rank is None else 5, **changes,
    )  # fmt: skip


def _rows() -> list[ScorecardRow]:
    ordered = sorted(COUNTS, key=lambda code: -COUNTS[code][0] / COUNTS[code][1])
    total = (sum(n for n, _ in COUNTS.values()), sum(d for _, d in COUNTS.values()))
    rows = [_row(code, *counts, ordered.index(code) + 1) for code, counts in COUNTS.items()]
    return [_row("00", *total, None), *rows]


def _public(rows: list[ScorecardRow], points: list[SeriesPoint] | None = None) -> dict[str, ScorecardRow]:
    hidden = hidden_in_public(rows, points or [], PERSONS)
    return {one.branch_code: one for one in public_rows(rows, hidden, PERSONS)}


def test_nothing_of_a_hidden_figure_remains_but_its_month() -> None:
    rows = [replace(one, flags="6人", notes="報告値0.7%が件数（6÷918）と一致しません") for one in _rows()]
    shown = _public(rows)
    akita = shown["05"]
    assert (akita.value, akita.value_text, akita.numerator, akita.denominator) == (None, HIDDEN_MARK, None, None)
    assert (akita.outcome, akita.ratio_to_target, akita.is_nearly_attained) == ("not_evaluable", None, None)
    assert (akita.rank, akita.ranked_branches, akita.notes, akita.flags) == (None, None, "", "")
    assert akita.figure_as_of == "2025-05"
    assert "公表していません" in akita.reason_text
    assert "6" not in f"{akita.value_text}{akita.reason_text}{akita.notes}{akita.flags}"


def test_the_cheapest_other_branch_is_hidden_too_and_the_nation_is_not() -> None:
    shown = _public(_rows())
    assert {code for code, one in shown.items() if one.value is None} == {"05", "13"}
    assert shown["00"].numerator == sum(n for n, _ in COUNTS.values())


def test_ranks_are_those_among_the_shown() -> None:
    shown = _public(_rows())
    assert {code: (one.rank, one.ranked_branches) for code, one in shown.items()} == {
        "00": (None, None), "05": (None, None), "13": (None, None), "14": (2, 3), "27": (1, 3), "40": (3, 3),
    }  # fmt: skip


def test_notes_that_quote_counts_and_flags_do_not_leave() -> None:
    rows = [
        replace(one, flags="点検：3行", notes="報告値1.9%が件数（100÷5,000＝2.0%）と一致しません") for one in _rows()
    ]
    shown = _public(rows)["40"]
    assert (shown.notes, shown.flags) == (NOTE, "")
    tender = row(
        "single_bid_rate", "15", "50", numerator=Decimal(1), denominator=Decimal(2), notes="1÷2", figure_as_of="2025-05"
    )
    kept = _public([tender])["13"]
    assert (kept.numerator, kept.notes, kept.value) == (1, "1÷2", tender.value)


def test_last_years_hidden_result_is_no_target_this_year() -> None:
    march = replace(_rows()[1], fiscal_year=2024, figure_as_of="2025-03")  # 秋田 6 ÷ 918
    now = replace(
        _row("05", 90, 918, 1), prior_value=march.value, prior_value_text="0.7", prior_as_of="2025-03",
        target=march.value, target_text="0.7%以上", target_source="prior_year", outcome="attained",
        ratio_to_target=Decimal("1400.0"),
    )  # fmt: skip
    hidden = hidden_in_public([march, now], [], PERSONS)
    assert FigureKey(2024, KPI, "05", "2025-03") in hidden.figures
    (shown,) = [one for one in public_rows([march, now], hidden, PERSONS) if one.fiscal_year == 2025]
    assert (shown.value, shown.numerator) == (now.value, 90)
    assert (shown.prior_value, shown.prior_value_text, shown.target, shown.target_text) == (None, "＊", None, "＊")
    assert (shown.outcome, shown.ratio_to_target) == ("not_evaluable", None)


def test_last_years_result_is_protected_even_without_last_years_row() -> None:
    # 0.7 % of the known 918 are six persons
    now = replace(_row("05", 90, 918, 1), prior_value=Decimal("0.7"), prior_as_of="2025-03")
    before = SeriesPoint(
        2024, "05", KPI, "2024-12", Decimal("9.0"), Decimal(83), Decimal(918), None, None, "computed", "2025-01"
    )
    shown = _public([now], [before])["05"]
    assert (shown.prior_value, shown.prior_value_text) == (None, HIDDEN_MARK)


def _point(month: str, numerator: int) -> SeriesPoint:
    rate = (Decimal(100 * numerator) / 918).quantize(Decimal("0.1"))
    return SeriesPoint(
        2025, "05", KPI, month, rate, Decimal(numerator), Decimal(918), Decimal("1.1"), Decimal(918), "computed", "2025-09"
    )  # fmt: skip


def test_hidden_points_are_lacking_and_the_month_after_tells_no_increase() -> None:
    points = [_point("2025-04", 30), _point("2025-05", 34), _point("2025-06", 60), _point("2025-07", 90)]
    hidden = hidden_in_public([], points, PERSONS)
    shown = public_series(points, hidden)
    assert [point.figure_as_of for point in shown] == ["2025-04", "2025-06", "2025-07"]
    assert [point.month_value for point in shown] == [Decimal("1.1"), None, Decimal("1.1")]
    assert shown[0] == points[0]


def _restatement(kpi_id: str) -> Restatement:
    blank = {name: None for name in Restatement.__dataclass_fields__}
    return Restatement(**{**blank, "kpi_id": kpi_id})  # type: ignore[arg-type]


def test_restatements_of_persons_and_files_rows_stay_inside() -> None:
    told = public_restatements([_restatement(KPI), _restatement("committee_offices")], PERSONS)
    assert [one.kpi_id for one in told] == ["committee_offices"]
    source = SubmissionSource(
        "guidance_counts", "2025-06", "a.csv", "0" * 64, "2025-07-01T00:00:00+00:00", "synthetic", 9, 6, 3
    )
    inside = Provenance("2025-06", "2025-06", "run", dt.datetime(2025, 7, 1, tzinfo=dt.UTC), "1", (source,))
    outside = public_provenance(inside)
    assert (outside.submissions, outside.data_label, outside.banner) == ((), inside.data_label, inside.banner)


def test_a_workbook_can_show_the_public_rows(tmp_path: Path) -> None:
    rows = _rows()
    hidden = hidden_in_public(rows, [], PERSONS)
    own = [one for one in public_rows(rows, hidden, PERSONS) if one.branch_code == "05"]
    provenance = Provenance(
        "2025-06", "2025-06", "run", dt.datetime(2025, 7, 1, tzinfo=dt.UTC), "1", (), ("synthetic",)
    )
    path = write_branch_workbook(tmp_path / "public.xlsx", own, provenance)
    book = load_workbook(BytesIO(path.read_bytes()))
    texts = [str(cell.value) for sheet in book for line in sheet.iter_rows() for cell in line if cell.value is not None]
    assert any(HIDDEN_MARK in text for text in texts)
    assert not any("918" in text or "0.7" in text for text in texts)
    assert view.has_figure(own[0])
    assert HIDDEN_MARK in FOOTNOTE


@pytest.mark.parametrize("branch", sorted(COUNTS))
def test_every_row_stays_a_row(branch: str) -> None:
    """Rows of the public edition are rows like others: same type, same place, readable by whatever reads rows."""
    shown = _public(_rows())[branch]
    assert ScorecardRow.from_mapping(vars(shown)) == shown


def test_an_older_months_row_that_has_changed_by_a_few_persons_is_an_edition_that_is_out() -> None:
    old = [replace(one, as_of="2025-05") for one in _rows() if one.branch_code != "05"]
    new = [replace(one, numerator=Decimal(405)) if one.branch_code == "14" else one for one in _rows()]
    hidden = hidden_in_public([*old, *new], [], PERSONS)
    assert "14" in {key.branch_code for key in hidden.figures}
    assert "14" not in {key.branch_code for key in hidden_in_public(new, [], PERSONS).figures}
