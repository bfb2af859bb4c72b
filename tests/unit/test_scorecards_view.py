"""Words of a scorecard: remarks, months, counts and which years get a sheet."""

from decimal import Decimal

from scorecard_samples import row, rows_2023, rows_tokyo

from kenpo_pipelines.scorecards import view


def test_figures_print_at_their_precision_with_unit() -> None:
    assert view.figure_text(Decimal("99.9000000000"), 2, "%") == "99.90%"
    assert view.figure_text(Decimal("12850"), 0, "円") == "12,850円"
    assert view.figure_text(Decimal("63.1"), 1, "%", "以上") == "63.1%以上"
    assert view.figure_text(Decimal("99.995"), 2, "%") == "100.00%"


def test_months_name_their_year_only_outside_the_sheets_year() -> None:
    assert view.month_in_year("2025-05", 2025) == "５月"
    assert view.month_in_year("2026-03", 2025) == "３月"
    assert view.month_in_year("2025-03", 2025) == "令和７年３月"


def test_own_year_comes_first_even_without_figures_and_earlier_years_need_figures() -> None:
    bare = [row("checkup_rate_insured", "63.1", "-"), row("checkup_rate_insured", "60.0", "-", fiscal_year=2023)]
    filled = row("checkup_rate_insured", "60.0", "57.2", fiscal_year=2024, figure_as_of="2025-03")
    years = view.years([*bare, filled])
    assert [(year.fiscal_year, year.label_month) for year in years] == [(2025, "2025-06"), (2024, "2025-03")]
    assert years[0].title == "令和７年度 KPI実績（令和７年６月時点）"
    assert years[1].title == "令和６年度 KPI実績（令和７年３月時点）"
    # a branch that reported nothing gets the newest year it has rows of: a scorecard that says so
    assert [year.fiscal_year for year in view.years(bare[1:])] == [2023]


def test_a_dash_is_no_figure_and_a_word_is_one() -> None:
    assert not view.has_figure(row("biosimilar_outreach", "実施", "-"))
    assert not view.has_figure(row("biosimilar_outreach", "実施", "-", value_text="－"))
    assert view.has_figure(row("line_monthly_posts", "実施", "実施"))
    assert view.has_figure(row("single_bid_rate", "15", "0"))


def test_remarks_put_the_reason_first_and_mark_warnings() -> None:
    line = row(
        "checkup_rate_dependants", "33.6", "32.7", figure_as_of="2025-05", reason_text="理由", notes="疑義1\n疑義2",
        is_nearly_attained=True, target_source="uniform", prior_as_of="2024-11",
        numerator=Decimal("17986.0000000000"), denominator=Decimal("520357"),
    )  # fmt: skip
    assert view.remarks(line) == [
        "理由",
        "※ 疑義1",
        "※ 疑義2",
        "概ね達成（推定）",
        "目標は全国一律",
        "前年度実績は令和６年11月時点".replace("11", "１１"),
        "分子÷分母 17,986 ÷ 520,357",
    ]


def test_nearly_attained_never_stands_beside_attained() -> None:
    line = row("checkup_rate_insured", "57.0", "57.2", is_nearly_attained=True, figure_as_of="2025-05")
    assert line.outcome == "attained"
    assert view.NEARLY_ATTAINED not in view.remarks(line)


def test_a_resolved_prior_year_target_tells_its_rule() -> None:
    line = row("recovery_rate", "53.95", "32.07", target_text="対前年度以上", target_source="prior_year")
    assert view.remarks(line) == ["目標は「対前年度以上」"]
    assert view.remarks(row("recovery_rate", "53.95", "32.07", target_source="prior_year")) == ["目標は前年度実績"]
    assert view.remarks(row("recovery_rate", "53.95", "32.07")) == []


def test_a_rank_among_one_is_no_rank() -> None:
    alone, among = ({"rank": 1, "ranked_branches": count} for count in (1, 4))
    assert view.rank_of(row("recovery_rate", "53.95", "32.07", **alone)) is None
    assert view.rank_of(row("recovery_rate", "53.95", "32.07", **among)) == (1, 4)


def test_outcomes_are_counted_and_groups_follow_kpi_order() -> None:
    miyagi = [line for line in rows_2023() if line.branch_code == "04"]
    assert view.outcome_counts(miyagi) == {"attained": 11, "not_attained": 8, "not_evaluable": 0}
    assert list(view.by_group(reversed(miyagi))) == ["基盤的保険者機能", "戦略的保険者機能", "組織・運営体制"]


def test_the_common_state_is_the_most_frequent_then_the_later() -> None:
    def at(month: str) -> object:
        return row("recovery_rate", "53.95", "32.07", figure_as_of=month, status="provisional")

    states = [at("2025-04"), at("2025-05"), at("2025-04")]
    assert view.common_state(states) == "４月 速報"  # type: ignore[arg-type]
    assert view.common_state(states[:2]) == "５月 速報"  # type: ignore[arg-type]
    assert view.common_state([row("recovery_rate", "53.95", "-")]) == ""


def test_footnotes_appear_only_where_the_rows_call_for_them() -> None:
    plain = view.footnotes([row("recovery_rate", "53.95", "32.07")])
    full = view.footnotes(rows_tokyo())
    assert len(plain) == 2
    assert any("速報" in note for note in full) and any(note.startswith("※") for note in full)
