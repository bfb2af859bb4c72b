"""A second opinion on figures computed from records: slow, obvious, and sharing nothing with the pipeline but what landed.

What lives here: submissions of records to numerator and denominator of the fourteen KPIs, for every branch and the nation, as
of any month. What does not: anything fast, any import of ``kenpo_pipelines``. It looks at everything that landed up to the
month, anew for every question; the SQL adds up what each month brought.
"""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import Any, Protocol

import jpholiday
import pandas as pd

NATION = "00"
COVERED = ("傷病手当金", "出産手当金", "出産育児一時金", "埋葬料")
NAMES = {
    **{"benefit_decisions": "現金給付支給決定", "claims": "レセプト", "receipt_audits": "レセプト点検結果"},
    **{"recoverables": "返納金債権", "checkup_counts": "健診実施件数", "guidance_counts": "特定保健指導件数"},
    "untreated_persons": "未治療者",
}
FEEDS = {
    "service_standard_attainment": ("benefit_decisions",),
    "service_standard_days": ("benefit_decisions",),
    "counter_receipt_rate": ("benefit_decisions",),
    "claims_assessment_rate": ("claims", "receipt_audits"),
    "assessed_amount_per_receipt": ("receipt_audits",),
    "recovery_rate": ("recoverables",),
    "checkup_rate_insured": ("checkup_counts",),
    "employer_checkup_data_rate": ("checkup_counts",),
    "checkup_rate_dependants": ("checkup_counts",),
    "guidance_rate_insured": ("guidance_counts",),
    "guidance_rate_dependants": ("guidance_counts",),
    "generic_share_volume": ("claims",),
    "generic_share_value": ("claims",),
    "untreated_visit_rate_10m": ("claims", "untreated_persons"),
}
SINCE = {
    **{"service_standard_days": 2025, "counter_receipt_rate": 2025, "generic_share_value": 2025},
    **{"claims_assessment_rate": 2024, "recovery_rate": 2024, "untreated_visit_rate_10m": 2024},
}
GENERICS = ("generic_share_volume", "generic_share_value")
UNTREATED = "untreated_visit_rate_10m"


class Landed(Protocol):
    """One file as it was read."""

    dataset: str
    known_month: str
    name: str
    received_at: str
    rows: tuple[dict[str, Any], ...]

    def accounts(self) -> list[dict[str, Any]]:
        """Rows read, loaded and rejected by branch."""


@dataclass(frozen=True)
class Expected:
    """Numerator and denominator, or what is lacking."""

    numerator: Decimal | None
    denominator: Decimal | None
    gap: str | None


Key = tuple[int, str, str, str]
"""fiscal year, as_of, branch, KPI."""


class RecordOracle:
    """Knows what landed up to one month."""

    def __init__(
        self, files: Sequence[Landed], branches: dict[str, str], month: str, bearable_pct: dict[str, Decimal | None]
    ) -> None:
        self.files = [one for one in files if one.known_month <= month]
        self.branches, self.month, self.bearable_pct = branches, month, bearable_pct

    # -- which submissions are used

    @cached_property
    def standing(self) -> dict[tuple[str, str, str], tuple[Landed, bool]]:
        """(dataset, known month, branch) → the newest file with rows of the branch, and whether it is held back."""
        found: dict[tuple[str, str, str], tuple[Landed, bool]] = {}
        for one in sorted(self.files, key=lambda file: (file.received_at, file.name)):
            for account in one.accounts():
                if account["branch_code"] and account["rows_read"]:
                    key = (one.dataset, one.known_month, account["branch_code"])
                    found[key] = (one, self.is_held_back(one, account))
        return found

    def is_held_back(self, one: Landed, account: dict[str, Any]) -> bool:
        bearable = self.bearable_pct[one.dataset]
        if bearable is None:
            return False
        accounts = one.accounts()
        read = sum(other["rows_read"] for other in accounts)
        rejected = sum(other["rows_rejected"] for other in accounts)
        has_unknown = any(not other["branch_code"] and other["rows_read"] for other in accounts)
        is_whole_file_bad = rejected * 100 > bearable * read
        if len([other for other in accounts if other["branch_code"]]) == 1:
            return is_whole_file_bad
        return account["rows_rejected"] * 100 > bearable * account["rows_read"] or (has_unknown and is_whole_file_bad)

    def records(self, dataset: str, branch: str) -> pd.DataFrame:
        """Every record of the branch that is used, with the month in which it became known."""
        rows = [
            {**row, "known_month": known_month}
            for (name, known_month, code), (one, is_held_back) in self.standing.items()
            if (name, code) == (dataset, branch) and not is_held_back
            for row in one.rows
            if row["branch_code"] == branch
        ]
        return pd.DataFrame(sorted(rows, key=lambda row: row["known_month"]), dtype=object)

    def newest(self, dataset: str, branch: str, *key: str) -> list[dict[str, Any]]:
        """The records of the branch, each as it was sent last."""
        frame = self.records(dataset, branch)
        return [] if frame.empty else _rows(frame.drop_duplicates([*key], keep="last"))

    # -- which figures there are

    def figures(self) -> dict[Key, Expected]:
        found: dict[Key, Expected] = {}
        for kpi_id in FEEDS:
            own = _months_later(self.month, -3) if kpi_id in GENERICS else self.month
            if _year(own) >= SINCE.get(kpi_id, 2023) and self.came_in(kpi_id, own):
                found |= self.of_all(kpi_id, own)
            march = f"{_year(self.month)}-03"
            if _year(march) >= SINCE.get(kpi_id, 2023) and march < own and self.came_in_every_month(kpi_id, march):
                found |= self.of_all(kpi_id, march)
        return found

    def submitted(self, dataset: str, month: str) -> bool:
        return any(key[:2] == (dataset, month) for key in self.standing)

    def came_in(self, kpi_id: str, as_of: str) -> bool:
        feeds = FEEDS[kpi_id]
        if kpi_id == UNTREATED:
            return self.submitted("claims", self.month) and any(
                self.submitted("untreated_persons", month) for month in _months(f"{_year(as_of) - 1}-04", self.month)
            )
        return all(self.submitted(dataset, self.month) for dataset in feeds)

    def span(self, kpi_id: str, as_of: str) -> list[str]:
        """The months whose submissions decide the figure."""
        if kpi_id in GENERICS:
            return _months(as_of, _months_later(as_of, 3))
        return _months(f"{_year(as_of) - (kpi_id == UNTREATED)}-04", as_of)

    def came_in_every_month(self, kpi_id: str, as_of: str) -> bool:
        months = {*self.span(kpi_id, as_of), *_months(f"{_year(as_of)}-04", as_of)}
        return all(self.submitted(dataset, month) for dataset in FEEDS[kpi_id] for month in months)

    def of_all(self, kpi_id: str, as_of: str) -> dict[Key, Expected]:
        """Every branch and the nation; nothing where nobody has a record."""
        of_branches = {branch: self.of_branch(kpi_id, as_of, branch) for branch in self.branches}
        counts = {branch: self.count(kpi_id, as_of, branch) for branch in self.branches}
        lacking = [name for branch, name in self.branches.items() if of_branches[branch].gap]
        if not sum(denominator or 0 for _, denominator in counts.values()) and (not lacking or kpi_id == UNTREATED):
            return {}
        if lacking:
            more = f"・ほか{len(lacking) - 10}支部" if len(lacking) > 10 else ""
            nation = Expected(None, None, f"提出不備：{'・'.join(lacking[:10])}{more}")
        else:
            nation = Expected(
                sum((one.numerator or Decimal(0) for one in of_branches.values()), Decimal(0)),
                sum((one.denominator or Decimal(0) for one in of_branches.values()), Decimal(0)),
                None,
            )
        found = {(_year(as_of), as_of, NATION, kpi_id): nation}
        if kpi_id != "generic_share_value":
            found |= {(_year(as_of), as_of, branch, kpi_id): one for branch, one in of_branches.items()}
        return found

    def of_branch(self, kpi_id: str, as_of: str, branch: str) -> Expected:
        lacking = []
        for month in self.span(kpi_id, as_of):
            for dataset in sorted(FEEDS[kpi_id]):
                if not self.submitted(dataset, month):
                    continue  # nobody did
                _, is_held_back = self.standing.get((dataset, month, branch), (None, None))
                if is_held_back is not False:
                    lacking.append(f"{NAMES[dataset]}{month}（{'未提出' if is_held_back is None else '保留'}）")
        if lacking:
            more = f"、ほか{len(lacking) - 10}件" if len(lacking) > 10 else ""
            return Expected(None, None, f"提出不備：{'、'.join(lacking[:10])}{more}")
        numerator, denominator = self.count(kpi_id, as_of, branch)
        if denominator is None:
            return Expected(None, None, "提出不備：対象者数がありません")
        return Expected(numerator, denominator, None)

    # -- the KPIs

    def count(self, kpi_id: str, as_of: str, branch: str) -> tuple[Decimal, Decimal | None]:
        if kpi_id in ("service_standard_attainment", "service_standard_days", "counter_receipt_rate"):
            return self.of_decisions(kpi_id, as_of, branch)
        if kpi_id in ("claims_assessment_rate", "assessed_amount_per_receipt"):
            return self.of_audits(kpi_id, as_of, branch)
        if kpi_id == "recovery_rate":
            return self.of_debts(as_of, branch)
        if kpi_id in GENERICS:
            return self.of_generics(kpi_id, as_of, branch)
        if kpi_id == UNTREATED:
            return self.of_untreated(as_of, branch)
        return self.of_counts(kpi_id, as_of, branch)

    def of_decisions(self, kpi_id: str, as_of: str, branch: str) -> tuple[Decimal, Decimal]:
        numerator = denominator = 0
        for row in self.newest("benefit_decisions", branch, "application_no"):
            if not _is_in_year_to(as_of, _month(row["decided_on"])):
                continue
            if kpi_id == "counter_receipt_rate":
                numerator, denominator = numerator + (row["channel"] == "窓口"), denominator + 1
            elif row["decision"] == "支給" and row["benefit_type"] in COVERED:
                days = _service_days(row)
                numerator += days if kpi_id == "service_standard_days" else days <= 10
                denominator += 1
        return Decimal(numerator), Decimal(denominator)

    def of_audits(self, kpi_id: str, as_of: str, branch: str) -> tuple[Decimal, Decimal]:
        cut = [
            row["assessed_yen"]
            for row in self.newest("receipt_audits", branch, "request_no")
            if row["audit_type"] == "内容点検"
            and row["outcome"] == "査定"
            and _is_in_year_to(as_of, row["result_month"])
        ]
        if kpi_id == "assessed_amount_per_receipt":
            return Decimal(sum(cut)), Decimal(len(cut))
        claims = _rows(self.records("claims", branch))
        points = [row["points"] for row in claims if _is_in_year_to(as_of, row["review_month"])]
        return Decimal(sum(cut)), Decimal(10 * sum(points))

    def of_debts(self, as_of: str, branch: str) -> tuple[Decimal, Decimal]:
        key = ("debt_no", "event", "event_on", "amount_yen", "method")
        frame = self.records("recoverables", branch)
        collected = recoverable = 0
        if frame.empty:
            return Decimal(0), Decimal(0)
        for _, everything in frame.groupby("debt_no"):
            events = _rows(everything.drop_duplicates([*key], keep="last"))
            established = [row for row in events if row["event"] == "調定"]
            if not established:
                continue  # not known yet
            first_on = min(row["event_on"] for row in established)
            # of several on the same day the one sent last, then the largest
            first = max(
                (row for row in established if row["event_on"] == first_on),
                key=lambda row: (row["known_month"], row["amount_yen"]),
            )
            if _year(_month(first_on)) != _year(as_of) or first["debt_type"] == "診療報酬返還金（不当請求）":
                continue
            for row in events:
                if not _is_in_year_to(as_of, _month(row["event_on"])):
                    continue
                if row["event"] == "収納":
                    collected += row["amount_yen"]
                else:
                    recoverable += row["amount_yen"] if row["event"] == "調定" else -row["amount_yen"]
        return Decimal(collected), Decimal(recoverable)

    def of_generics(self, kpi_id: str, as_of: str, branch: str) -> tuple[Decimal, Decimal]:
        unit = "quantity" if kpi_id == "generic_share_volume" else "yen"
        rows = [row for row in _rows(self.records("claims", branch)) if row["service_month"] == as_of]
        generic = sum((row[f"generic_{unit}"] or Decimal(0) for row in rows), Decimal(0))
        brand = sum((row[f"brand_{unit}"] or Decimal(0) for row in rows), Decimal(0))
        return generic, generic + brand

    def of_counts(self, kpi_id: str, as_of: str, branch: str) -> tuple[Decimal, Decimal | None]:
        if kpi_id.startswith("guidance"):
            subject = "被保険者" if kpi_id == "guidance_rate_insured" else "被扶養者"
            dataset, column, wanted, done = "guidance_counts", "subject", subject, "evaluated"
        else:
            programmes = {
                "checkup_rate_insured": "生活習慣病予防健診",
                "employer_checkup_data_rate": "事業者健診データ",
            }
            programme = programmes.get(kpi_id, "被扶養者特定健診")
            dataset, column, wanted, done = "checkup_counts", "programme", programme, "performed"
        everything = [row for row in _rows(self.records(dataset, branch)) if _is_in_year_to(as_of, row["known_month"])]
        rows = [row for row in everything if row[column] == wanted]
        eligible = None
        for month in sorted({row["known_month"] for row in everything}):
            told = [row["eligible"] for row in rows if row["known_month"] == month and row["eligible"] is not None]
            if kpi_id == "employer_checkup_data_rate" and not told:
                of_month = [row for row in everything if row["known_month"] == month]
                shared = [row["eligible"] for row in of_month if row[column] == "生活習慣病予防健診"]
                told = [one for one in shared if one is not None]
            eligible = max(told) if told else eligible
        return Decimal(sum(row[done] for row in rows)), None if eligible is None else Decimal(eligible)

    def of_untreated(self, as_of: str, branch: str) -> tuple[Decimal, Decimal]:
        year = _year(as_of) - 1
        checkups = self.newest("untreated_persons", branch, "member_key", "checkup_month")
        persons: dict[bytes, dict[str, Any]] = {}
        for row in sorted(checkups, key=lambda row: row["checkup_month"]):
            if _year(row["checkup_month"]) == year:
                persons.setdefault(row["member_key"], row)
        claims = _rows(self.records("claims", branch))
        numerator = denominator = 0
        for key, row in persons.items():
            months = _months(row["checkup_month"], _months_later(row["checkup_month"], 10))
            if months[-1] > as_of:
                continue
            denominator += 1
            numerator += any(
                one["member_key"] == key
                and one["service_month"] in months
                and any(
                    one[f"treats_{what}"] and row[f"over_{what}"] for what in ("blood_pressure", "glucose", "lipid")
                )
                for one in claims
            )
        return Decimal(numerator), Decimal(denominator)


def _rows(frame: pd.DataFrame) -> list[dict[str, Any]]:
    records = frame.astype(object).where(frame.notna(), None).to_dict("records")
    return [{str(name): value for name, value in row.items()} for row in records]


def _service_days(row: dict[str, Any]) -> int:
    """Business days after the receipt up to and with the transfer, without those of the return that lie among them."""
    days = 0
    day = row["received_on"] + dt.timedelta(days=1)
    while day <= row["paid_on"]:
        is_returned = row["returned_on"] is not None and row["returned_on"] < day <= row["resubmitted_on"]
        days += _is_business_day(day) and not is_returned
        day += dt.timedelta(days=1)
    return days


def _is_business_day(day: dt.date) -> bool:
    is_closed = (day.month, day.day) in [(12, 29), (12, 30), (12, 31), (1, 1), (1, 2), (1, 3)]
    return day.isoweekday() <= 5 and not jpholiday.is_holiday(day) and not is_closed


def _is_in_year_to(as_of: str, month: str | None) -> bool:
    return month is not None and f"{_year(as_of)}-04" <= month <= as_of


def _month(day: dt.date) -> str:
    return day.strftime("%Y-%m")


def _year(month: str) -> int:
    return int(month[:4]) - (month[5:] < "04")


def _months_later(month: str, count: int) -> str:
    return str(pd.Period(month, "M") + count)


def _months(first: str, last: str) -> list[str]:
    return [str(month) for month in pd.period_range(first, last, freq="M")]
