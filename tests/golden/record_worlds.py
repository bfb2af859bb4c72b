"""Small worlds of records for the oracle: a few branches, a few persons, many months, generated from a seed.

What lives here: what is submitted, and what goes wrong with it: records that come late, keys that are sent again, files that
are replaced, held back or missing. What does not: what it means. Numbers come from short lists, so that things meet.
"""

from dataclasses import dataclass
from decimal import Decimal
from random import Random
from typing import Any

import pandas as pd
from record_lake import (
    DATASETS,
    Record,
    RecordLake,
    audit,
    checkups,
    claim,
    debt,
    decision,
    guidance,
    member,
    untreated,
)

PERSONS = 9
CONDITIONS = ("blood_pressure", "glucose", "lipid")
DEBT_TYPES = ("資格喪失後受診", "業務上", "診療報酬返還金（不当請求）")


@dataclass(frozen=True)
class Chances:
    """How often a branch's file of a dataset and month is lacking, held back or replaced, and one file holds all branches."""

    missing: float
    held_back: float
    replaced: float
    national: float


def land_month(world: RecordLake, month: str, dice: Random, chances: Chances, *datasets: str) -> None:
    """Submit one month for every branch and dataset (all, or those named)."""
    for dataset in datasets or DATASETS:
        if dice.random() < chances.national:
            rows = [row for branch in world.branches for row in _rows(dataset, branch, month, dice)]
            # rows of an unknown branch: few enough to bear or not
            unknown = {"": dice.choice([1, 60])} if dice.random() < chances.held_back else {}
            rejected = {world.branches[0]: dice.choice([0, 1, 50])} if dice.random() < chances.held_back else {}
            world.land(month, dataset, *rows, rejected=unknown | rejected)
            continue
        for branch in world.branches:
            if dice.random() < chances.missing:
                continue
            rows = _rows(dataset, branch, month, dice)
            if dice.random() < chances.replaced:  # the first file is replaced by the second, whatever it held
                world.land(
                    month, dataset, *_rows(dataset, branch, month, dice), rejected=dice.choice([{}, {branch: 9}])
                )
            rejected = (
                {branch: dice.choice([1, 3]), "": dice.choice([0, 1])} if dice.random() < chances.held_back else {}
            )
            world.land(month, dataset, *rows, rejected=rejected)


def _rows(dataset: str, branch: str, month: str, dice: Random) -> list[Record]:
    makers = {
        "benefit_decisions": _decisions,
        "claims": _claims,
        "receipt_audits": _audits,
        "recoverables": _debts,
        "checkup_counts": _checkups,
        "guidance_counts": _guidance,
        "untreated_persons": _untreated,
    }
    return makers[dataset](branch, month, dice)


def _earlier(month: str, most: int, dice: Random) -> str:
    return str(pd.Period(month, "M") - dice.randint(0, most))


def _day(month: str, dice: Random) -> str:
    return f"{month}-{dice.randint(1, 28):02d}"


def _unique(rows: list[Record], *key: str) -> list[Record]:
    return list({tuple(row[name] for name in key): row for row in rows}.values())


def _decisions(branch: str, month: str, dice: Random) -> list[Record]:
    rows = []
    for _ in range(dice.randint(2, 5)):
        paid = pd.Timestamp(_day(_earlier(month, 3, dice), dice))
        received = paid - pd.Timedelta(days=dice.choice([0, 5, 11, 14, 15, 16, 17, 18, 25]))
        row = decision(branch, dice.randint(1, 40), f"{received:%Y-%m-%d}", f"{paid:%Y-%m-%d}")
        if dice.random() < 0.3:
            returned = received + pd.Timedelta(days=dice.randint(0, 6))
            again = returned + pd.Timedelta(days=dice.randint(0, 12))
            row |= {"returned_on": returned.date(), "resubmitted_on": again.date()}
        row["benefit_type"] = dice.choice(["傷病手当金", "出産手当金", "出産育児一時金", "埋葬料", "療養費"])
        row["channel"] = dice.choice(["窓口", "郵送", "郵送", "電子申請"])
        if dice.random() < 0.15:
            row |= {"decision": dice.choice(["不支給", "取下"]), "paid_on": None}
        rows.append(row)
    return _unique(rows, "application_no")


def _claims(branch: str, month: str, dice: Random) -> list[Record]:
    rows = []
    for number in range(dice.randint(3, 7)):
        review = _earlier(month, 2, dice)
        amounts: dict[str, Any] = {}
        if dice.random() < 0.6:
            amounts = {
                "generic_quantity": Decimal(dice.choice(["0.1", "3", "12.3456"])),
                "brand_quantity": Decimal(dice.choice(["0", "0.2", "7.5"])),
                "generic_yen": Decimal(dice.choice(["10.1", "250"])),
            }
        row = claim(branch, f"{month}-{number}", _earlier(review, 3, dice), review, **amounts)
        row |= {"member_key": member(dice.randint(1, PERSONS)), "points": dice.choice([0, 99, 1234])}
        row |= {f"treats_{name}": dice.random() < 0.25 for name in CONDITIONS}
        rows.append(row)
    return rows


def _audits(branch: str, month: str, dice: Random) -> list[Record]:
    rows = []
    for _ in range(dice.randint(1, 4)):
        row = audit(branch, dice.randint(1, 30), None)
        if dice.random() < 0.8:
            outcome = dice.choice(["査定", "査定", "原審", "返戻", "取下"])
            row |= {"result_month": _earlier(month, 3, dice), "outcome": outcome}
            row["assessed_yen"] = dice.choice([1, 500, 12_340]) if outcome == "査定" else None
        row["audit_type"] = dice.choice(["内容点検", "内容点検", "資格点検", "外傷点検"])
        rows.append(row)
    return _unique(rows, "request_no")


def _debts(branch: str, month: str, dice: Random) -> list[Record]:
    rows = []
    for _ in range(dice.randint(1, 4)):
        row = debt(
            *(branch, dice.randint(1, 15), dice.choice(["調定", "調定", "収納", "収納", "取消"])),
            *(_day(_earlier(month, 5, dice), dice), dice.choice([1000, 2500])),
        )
        # few days, so that the same event comes again
        row["event_on"] = row["event_on"].replace(day=dice.choice([1, 15]))
        row["debt_type"] = dice.choice(DEBT_TYPES)
        row["method"] = dice.choice(["納付", None]) if row["event"] == "収納" else None
        rows.append(row)
    return _unique(rows, "debt_no", "event", "event_on", "amount_yen", "method")


def _checkups(branch: str, month: str, dice: Random) -> list[Record]:
    return [
        checkups(branch, programme, dice.choice([100, 120, None]), dice.randint(0, 9))
        for programme in ("生活習慣病予防健診", "事業者健診データ", "被扶養者特定健診")
        if dice.random() < 0.97
    ]


def _guidance(branch: str, month: str, dice: Random) -> list[Record]:
    return [
        guidance(branch, subject, provider, dice.choice([40, 41, None]), dice.randint(0, 3))
        for subject in ("被保険者", "被扶養者")
        for provider in ("支部職員", "健診機関", "外部委託")
        if provider == "支部職員" or dice.random() < 0.6
    ]


def _untreated(branch: str, month: str, dice: Random) -> list[Record]:
    rows = [
        untreated(
            *(branch, dice.randint(1, PERSONS), _earlier(month, 4, dice)),
            *dice.sample(CONDITIONS, dice.choice([1, 1, 2])),
        )
        for _ in range(dice.randint(1, 2))
    ]
    return _unique(rows, "member_key", "checkup_month")
