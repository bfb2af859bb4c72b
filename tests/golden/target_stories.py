"""Stories of targets: what is registered, reported and published in which order, through the real judgement and database.

What lives here: a branch with a few KPIs that is published again and again, and a slow second opinion on which target every
judgement is made with. The second opinion shares nothing with the pipeline: it looks through the log of all that happened.
"""

import datetime as dt
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from functools import cache
from typing import Any

import pandas as pd
from sqlalchemy import Engine

from kenpo_pipelines.catalogue.judging import judge_month
from kenpo_pipelines.catalogue.loading import load_catalogue
from kenpo_pipelines.catalogue.model import Catalogue
from kenpo_pipelines.serving.publish import PublishSummary, publish_month
from kenpo_pipelines.serving.published_targets import published_targets
from kenpo_pipelines.serving.rows import serving_tables
from kenpo_pipelines.settings import CHECKOUT

YEAR = 2025
RECOVERY, CHECKUPS, GENERICS, TENDERS = (
    *("recovery_rate", "checkup_rate_insured"),
    *("generic_share_volume", "single_bid_rate"),
)
PRECISION = {RECOVERY: 2, CHECKUPS: 1, GENERICS: 1, TENDERS: 1}
UNIFORM = {TENDERS: "15"}
"""What head office sets for all, as of the fiscal year 2025."""

Number = tuple[str, str] | None
"""Counts of a rate: numerator and denominator."""


@cache
def catalogue() -> Catalogue:
    return load_catalogue(CHECKOUT / "kenpo_pipelines" / "catalogue")


@dataclass
class Story:
    """One branch (Tokyo) of the fiscal year 2025, and all that was published of it."""

    engine: Engine
    figures: dict[tuple[str, str], Number] = field(default_factory=dict)
    """By reporting month and KPI."""
    prior: dict[str, Number] = field(default_factory=dict)
    june: dict[str, Number] = field(default_factory=dict)
    registered: dict[str, str] = field(default_factory=dict)
    """By KPI: a fixed number."""
    published: int = 0

    def publish(self, month: str, *, renew_targets: bool = False) -> dict[str, dict[str, Any]]:
        """Judge and publish the month as things stand; return the judgements by KPI."""
        inputs = [self._line(month, kpi) for kpi in PRECISION]
        known = published_targets(self.engine, month)
        if renew_targets:
            known = type(known)(known.own, known.earlier, are_renewed=True)
        judged = judge_month(inputs, catalogue(), month, known).to_pylist()
        self._publish(month, inputs, judged)
        return {row["kpi_id"]: row for row in judged}

    def _publish(self, month: str, inputs: list[dict[str, Any]], judged: list[dict[str, Any]]) -> PublishSummary:
        self.published += 1
        mart = [_mart_row(month, line, row) for line, row in zip(inputs, judged, strict=True)]
        tables = serving_tables(catalogue(), mart, [], [], judged)
        moment = dt.datetime(2025, 7, 1, tzinfo=dt.UTC) + dt.timedelta(hours=self.published)
        return publish_month(self.engine, month, tables, f"run-{self.published}", published_at=moment)

    def _line(self, month: str, kpi: str) -> dict[str, Any]:
        figure, prior, june = self.figures.get((month, kpi)), self.prior.get(kpi), self.june.get(kpi)
        number = self.registered.get(kpi)
        direction = "以下" if kpi == TENDERS else "以上"
        nothing = dict.fromkeys(
            (
                *("gap", "note", "value", "is_done", "reported_value", "reported_numerator", "reported_denominator"),
                *("is_contradictory", "registered_as", "prior_value", "prior_is_done", "prior_june_value"),
                *("national_comparator", "national_target_value", "national_is_contradictory"),
            )
        )
        return {
            **nothing,
            **{"fiscal_year": YEAR, "branch_code": "13", "kpi_id": kpi, "source": "reported" if figure else None},
            **_counts("", figure, "figure_as_of", month),
            **_counts("prior_", prior, "prior_as_of", "2025-03"),
            **_counts("prior_june_", june, "prior_june_as_of", "2024-06"),
            "own_comparator": direction if number else None,
            "own_target_value": Decimal(number) if number else None,
        }


def _counts(prefix: str, number: Number, month_name: str, month: str) -> dict[str, Any]:
    numerator, denominator = number or (None, None)
    return {
        month_name: month if number else None,
        f"{prefix}numerator": Decimal(numerator) if numerator else None,
        f"{prefix}denominator": Decimal(denominator) if denominator else None,
    }


def _mart_row(month: str, line: dict[str, Any], judged: dict[str, Any]) -> dict[str, Any]:
    return {
        **judged,
        **{name: line[name] for name in ("figure_as_of", "numerator", "denominator")},
        **{"as_of": month, "figure_known_month": line["figure_as_of"], "source": line["source"] or ""},
        **{"unit": "%", "precision": PRECISION[line["kpi_id"]], "kind": "rate"},
        **{"rank": None, "ranked_branches": None, "flags": ""},
    }


@dataclass
class SecondOpinion:
    """Which target a judgement is made with, found by looking through everything that was ever judged."""

    log: pd.DataFrame = field(
        default_factory=lambda: pd.DataFrame(columns=["step", "month", "kpi", "target", "from_prior_year", "since"])
    )
    step: int = 0

    def judge(self, story: Story, month: str, *, renew_targets: bool) -> dict[str, dict[str, Any]]:
        """What the publication of the month must say, by KPI; it is noted as published."""
        self.step += 1
        expected = {kpi: self._judge(story, month, kpi, renew_targets=renew_targets) for kpi in PRECISION}
        used = [
            {
                **{"step": self.step, "month": month, "kpi": kpi, "target": line["exact"]},
                **{"from_prior_year": line["from_prior_year"], "since": line["since"]},
            }
            for kpi, line in expected.items()
            if line["since"] is not None
        ]
        if used:
            self.log = pd.concat([self.log, pd.DataFrame(used)], ignore_index=True)
        return expected

    def _judge(self, story: Story, month: str, kpi: str, *, renew_targets: bool) -> dict[str, Any]:
        today, from_prior_year = _target_of_today(story, kpi)
        exact, since = today, month
        used = self.log[self.log["kpi"] == kpi]
        own = used[used["month"] == month].sort_values("step").tail(1)
        earlier = used[used["month"] < month].sort_values(["month", "step"]).tail(1)
        if renew_targets:
            for candidate in (earlier, own):
                if len(candidate) and candidate.iloc[0]["target"] == today:
                    since = candidate.iloc[0]["since"]
        elif len(own):
            exact, from_prior_year, since = own.iloc[0][["target", "from_prior_year", "since"]]
        elif len(earlier) and earlier.iloc[0]["from_prior_year"] and from_prior_year:
            exact, from_prior_year, since = earlier.iloc[0][["target", "from_prior_year", "since"]]
        figure = story.figures.get((month, kpi))
        line: dict[str, Any] = {"exact": exact, "from_prior_year": bool(from_prior_year), "since": None}
        line |= {"outcome": "not_evaluable", "ratio": None}
        if figure is None or exact is None:
            return line
        value = Fraction(figure[0]) / Fraction(figure[1]) * 100
        met = (
            _printed(value, kpi) <= _printed(exact, kpi)
            if kpi == TENDERS
            else _printed(value, kpi) >= _printed(exact, kpi)
        )
        line |= {"since": since, "outcome": "attained" if met else "not_attained"}
        return line | {"ratio": _half_up(value / exact * 100, 1) if exact else None}


def _target_of_today(story: Story, kpi: str) -> tuple[Fraction | None, bool]:
    """The number that the rules give, and whether the prior year decided it (or its absence)."""
    if kpi in story.registered:
        return Fraction(story.registered[kpi]), False
    if kpi == CHECKUPS:
        return None, False
    if kpi in UNIFORM:
        return Fraction(UNIFORM[kpi]), False
    if kpi == GENERICS:
        june = story.june.get(kpi)
        if june is None:
            return None, True
        if _printed(_rate(june), kpi) < 80:
            return Fraction(80), True
    prior = story.prior.get(kpi)
    return (None if prior is None else _rate(prior)), True


def _rate(number: tuple[str, str]) -> Fraction:
    return Fraction(number[0]) / Fraction(number[1]) * 100


def _printed(number: Fraction, kpi: str) -> Decimal:
    return _half_up(number, PRECISION[kpi])


def _half_up(number: Fraction, places: int) -> Decimal:
    """Half-up, by way of 60 digits: no number here is that close to a half."""
    exact = (Decimal(number.numerator) / Decimal(number.denominator)).quantize(Decimal(1).scaleb(-20))
    return exact.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)
