"""A lake that tests fill with records directly, without files to read, and run the SQL models on month after month.

What lives here: submissions written as the reader would leave them (raw rows and the ledger's account by branch), builders of
records with harmless defaults, and running a month without Dagster. What does not: what the figures should be.
"""

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
from reference_partitions import reference_tables, write_reference

from kenpo_pipelines.catalogue.judging import judge_month
from kenpo_pipelines.catalogue.loading import load_catalogue
from kenpo_pipelines.catalogue.model import Catalogue
from kenpo_pipelines.lake import Lake
from kenpo_pipelines.models import load_project
from kenpo_pipelines.settings import CHECKOUT
from kenpo_pipelines.submissions.contract import load_contracts
from kenpo_pipelines.submissions.partitions import FINDINGS_SCHEMA, LEDGER_SCHEMA, raw_schema
from resources.duckdb_engine import DuckDBEngine

Record = dict[str, Any]
DATASETS = (
    *("benefit_decisions", "claims", "receipt_audits", "recoverables"),
    *("checkup_counts", "guidance_counts", "untreated_persons"),
)


def day(text: str) -> dt.date:
    return dt.date.fromisoformat(text)


def member(number: int) -> bytes:
    """A person's keyed hash."""
    return number.to_bytes(16, "big")


def decision(branch: str, number: object, received: str, paid: str | None, **changes: Any) -> Record:
    """A paid 傷病手当金 by post, decided on the day of the transfer."""
    return {
        **{"branch_code": branch, "application_no": f"A{number}", "benefit_type": "傷病手当金", "channel": "郵送"},
        **{
            "received_on": day(received),
            "returned_on": None,
            "resubmitted_on": None,
            "decided_on": day(paid or received),
        },
        **{"paid_on": day(paid) if paid else None, "decision": "支給", "amount_yen": 50_000, "member_key": member(1)},
        **{name: day(value) if name.endswith("_on") and value else value for name, value in changes.items()},
    }


def claim(branch: str, number: object, service: str, review: str | None = None, **changes: Any) -> Record:
    """A receipt of 100 points without drugs, for none of the three conditions."""
    return {
        **{
            "branch_code": branch,
            "claim_no": f"C{number}",
            "service_month": service,
            "review_month": review or service,
        },
        **{"claim_type": "医科入院外", "member_key": member(0), "points": 100},
        **dict.fromkeys(("generic_quantity", "brand_quantity", "generic_yen", "brand_yen")),
        **dict.fromkeys(("treats_blood_pressure", "treats_glucose", "treats_lipid"), False),
        **{
            name: Decimal(str(value)) if name.startswith(("generic", "brand")) else value
            for name, value in changes.items()
        },
    }


def visit(
    branch: str, number: object, person: int, service: str, *conditions: str, review: str | None = None
) -> Record:
    """A receipt of a person for some of blood_pressure, glucose, lipid."""
    flags = {f"treats_{condition}": True for condition in conditions}
    return claim(branch, number, service, review, member_key=member(person), **flags)


def audit(branch: str, number: object, result: str | None, assessed: int | None = None, **changes: Any) -> Record:
    """A request of 内容点検: cut by so much, or still open without a result month."""
    return {
        **{"branch_code": branch, "request_no": f"R{number}", "audit_type": "内容点検", "claim_no": f"C{number}"},
        **{"requested_month": "2024-04", "result_month": result, "outcome": "査定" if result else None},
        **{"assessed_yen": assessed, **changes},
    }


def debt(branch: str, number: object, event: str, on: str, amount: int, **changes: Any) -> Record:
    """An event of a debt 資格喪失後受診."""
    return {
        **{"branch_code": branch, "debt_no": f"D{number}", "debt_type": "資格喪失後受診", "event": event},
        **{"event_on": day(on), "amount_yen": amount, "method": "納付" if event == "収納" else None, **changes},
    }


def checkups(branch: str, programme: str, eligible: int | None, performed: int) -> Record:
    return {"branch_code": branch, "programme": programme, "eligible": eligible, "performed": performed}


def guidance(branch: str, subject: str, provider: str, eligible: int | None, evaluated: int) -> Record:
    return {
        **{"branch_code": branch, "subject": subject, "provider": provider, "eligible": eligible},
        **{"first_interviews": None, "evaluated": evaluated},
    }


def untreated(branch: str, person: int, checkup_month: str, *conditions: str) -> Record:
    flags = {f"over_{name}": name in conditions for name in ("blood_pressure", "glucose", "lipid")}
    return {"branch_code": branch, "member_key": member(person), "checkup_month": checkup_month, **flags}


@dataclass(frozen=True)
class File:
    """One submission as read. ``rejected`` counts rows in quarantine by branch, '' where the branch is unknown."""

    dataset: str
    known_month: str
    name: str
    received_at: str
    rows: tuple[Record, ...]
    rejected: Mapping[str, int] = field(default_factory=dict)

    def accounts(self) -> list[dict[str, Any]]:
        """Rows read, loaded and rejected by branch."""
        loaded = [row["branch_code"] for row in self.rows]
        return [
            {
                **{
                    "branch_code": branch,
                    "rows_loaded": loaded.count(branch),
                    "rows_rejected": self.rejected.get(branch, 0),
                },
                "rows_read": loaded.count(branch) + self.rejected.get(branch, 0),
            }
            for branch in sorted({*loaded, *self.rejected})
        ]


class RecordLake:
    """An insurer with a few branches, its landed files and its lake."""

    def __init__(self, home: Path, branches: Iterable[str]) -> None:
        self.catalogue: Catalogue = load_catalogue(CHECKOUT / "kenpo_pipelines" / "catalogue")
        self.contracts = load_contracts(CHECKOUT / "expectations")
        self.branches = tuple(branches)
        self.reference = reference_tables(self.catalogue, self.contracts.values(), self.branches)
        self.lake = Lake(home / "lake")
        self.engine = DuckDBEngine(self.lake, load_project(CHECKOUT / "dbt_like_sql"))
        self.files: list[File] = []
        self.results: dict[str, list[Record]] = {}
        self.targets: dict[str, list[Record]] = {}
        self.findings: list[Record] = []

    def land(
        self, known_month: str, dataset: str, *rows: Record, name: str = "", rejected: Mapping[str, int] | None = None
    ) -> None:
        """Submit one file; a later call is received later."""
        stamp = f"2030-01-01T00:{len(self.files) // 60:02d}:{len(self.files) % 60:02d}Z"
        stamp = f"2030-01-{1 + len(self.files) // 3600:02d}{stamp[10:]}"
        file_name = name or f"{dataset}-{len(self.files):04d}.csv"
        self.files.append(File(dataset, known_month, file_name, stamp, rows, rejected or {}))

    def report(self, known_month: str, as_of: str, branch: str, kpi_id: str, **figure: Any) -> None:
        """Report a KPI: value, numerator, denominator as numbers."""
        numbers = {name: Decimal(str(value)) for name, value in figure.items()}
        fiscal_year = int(as_of[:4]) - (as_of[5:] < "04")
        row = {"fiscal_year": fiscal_year, "as_of": as_of, "branch_code": branch, "kpi_id": kpi_id, **numbers}
        self.results.setdefault(known_month, []).append(row)

    def target(self, month: str, branch: str, kpi_id: str, comparator: str, value: Decimal | None = None) -> None:
        """Register a target of fiscal year 2025, as the month run sees it."""
        row = {"fiscal_year": 2025, "branch_code": branch, "kpi_id": kpi_id, "comparator": comparator}
        self.targets.setdefault(month, []).append(row | {"target_value": value})

    def find(self, month: str, dataset: str, rule: str, branch: str, **changes: Any) -> None:
        """Note that a rule failed for 3 of 100 rows of a branch: a logical warning that protects every KPI."""
        finding = {
            **{
                "known_month": month,
                "dataset": dataset,
                "rule": rule,
                "branch_code": branch,
                "kpi_id": "",
                "as_of": "",
            },
            **{"file": "", "tier": "logical", "severity": "warning", "scope": "rows", "protects": "all"},
            **{"failed_rows": 3, "checked_rows": 100, "text_ja": f"{rule}の規則"},
        }
        self.findings.append(finding | changes)

    def run(self, month: str) -> list[Record]:
        """Run the month's models, judgement and mart; return the figures computed from records."""
        self.prepare(month, "staging", "facts", "measures", "kpis")
        rows = self.lake.read("kpis", "judgement_inputs", month).to_pylist()
        self.lake.write("judged", "kpi_judgements", month, judge_month(rows, self.catalogue, month))
        for model in self.engine.project.of_layer("marts"):
            self.engine.run_model(model, month)
        return self.rows("kpis", "computed_figures", month)

    def prepare(self, month: str, *layers_or_models: str) -> None:
        """Run some of the month's models only, for a month that later ones look back on."""
        self._write_submissions(month)
        write_reference(self.lake, month, self.reference)
        for model in self.engine.project.models:
            if {model.layer, model.name} & {*layers_or_models}:
                self.engine.run_model(model, month)

    def versions(self, month: str) -> dict[str, str]:
        """Digest of every model's partition of the month."""
        models = [model for model in self.engine.project.models if not model.is_view]
        return {one.name: self.lake.version(one.layer, one.name, month) for one in models}

    def rows(self, layer: str, name: str, month: str) -> list[Record]:
        return [dict(row) for row in self.lake.read(layer, name, month).to_pylist()]

    def line(self, month: str, fiscal_year: int, branch: str, kpi_id: str) -> Record:
        """One line of the month's scorecard."""
        key = (fiscal_year, branch, kpi_id)
        found = [
            row
            for row in self.rows("marts", "mart_scorecard", month)
            if (row["fiscal_year"], row["branch_code"], row["kpi_id"]) == key
        ]
        assert len(found) == 1, key
        return found[0]

    def _write_submissions(self, month: str) -> None:
        for dataset, contract in self.contracts.items():
            landed = [one for one in self.files if (one.dataset, one.known_month) == (dataset, month)]
            rows = [
                {**row, **self._provenance(one.name, one.received_at, month), "row_number": number}
                for one in landed
                for number, row in enumerate(one.rows, start=2)
            ]
            for reports, name in ((self.results, "kpi_results"), (self.targets, "kpi_targets")):
                if dataset == name:
                    file = f"{name.removeprefix('kpi_')}.csv"
                    rows = [
                        {**row, **self._provenance(file, "2030", month), "row_number": number}
                        for number, row in enumerate(reports.get(month, []), start=2)
                    ]
            self.lake.write("raw", dataset, month, pa.Table.from_pylist(rows, schema=raw_schema(contract)))
            ledger = [
                {
                    **{"dataset": dataset, "known_month": month, "file": one.name, "file_sha256": one.name},
                    **{"received_at": one.received_at, "status": "loaded", "branches": one.accounts()},
                }
                for one in landed
            ]
            self.lake.write("ledger", dataset, month, pa.Table.from_pylist(ledger, schema=LEDGER_SCHEMA))
            found = [one for one in self.findings if (one["dataset"], one["known_month"]) == (dataset, month)]
            self.lake.write("findings", dataset, month, pa.Table.from_pylist(found, schema=FINDINGS_SCHEMA))

    @staticmethod
    def _provenance(name: str, received_at: str, month: str) -> Record:
        return {
            **{"known_month": month, "file": name, "file_sha256": name, "received_at": received_at},
            **{"origin": "submission", "sheet": ""},
        }
