"""The steps of a month, and what decides the result of each: so that one with nothing to do is left out.

What lives here: fingerprints and the order of steps. A fingerprint is a digest of the versions of all inputs, of the rules and
the code that make something of them, and of the month; a step is current when what it made is as it was left, and was made
from an equal fingerprint. What does not: doing the work (``assets``), remembering it (the lake, the serving database, the
folder of workbooks).
"""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import version

from kenpo_pipelines.lake import LakeError
from kenpo_pipelines.models import LAYERS, Model, Relation
from kenpo_pipelines.scorecards.publication import are_scorecards_current
from kenpo_pipelines.serving.faults import ServingError
from kenpo_pipelines.serving.published_targets import earlier_targets_digest
from kenpo_pipelines.serving.queries import publication, publication_state
from kenpo_pipelines.serving.schema import (
    DIMENSIONS,
    FOLDERS,
    KEPT,
    MONTHLY,
    kpi_facts,
    kpi_series,
    kpi_targets,
    submission_ledger,
)
from kenpo_pipelines.serving.schema import PROGRESS as PROGRESS_TABLES
from kenpo_pipelines.submissions.contract import ColumnType, Contract
from kenpo_pipelines.submissions.fingerprint import catalogue_digest, ingest_fingerprint, key_id, reading_digest
from kenpo_pipelines.submissions.landing import landed_files, yearly_folders
from kenpo_pipelines.submissions.partitions import FINDINGS, LEDGER, QUARANTINE, RAW
from kenpo_pipelines.version import code_digest
from resources.installation import Installation

FORCE_TAG = "kenpo/force"
"""Run tag: ``true`` does the work whether it is needed or not."""

RENEW_TARGETS_TAG = "kenpo/renew-targets"
"""Run tag: ``true`` judges by the targets that hold today, not by those that were published."""

REFERENCE, SERVING, SCORECARDS = "reference", "serving", "scorecards"
INPUTS = Relation("kpis", "judgement_inputs")
JUDGEMENTS = Relation("judged", "kpi_judgements")
MART = Relation("marts", "mart_scorecard")
SERIES = Relation("marts", "mart_kpi_series")
PROGRESS = {table.name: Relation("marts", f"mart_{table.name}") for table in PROGRESS_TABLES}
"""By serving table, the mart that it is made from."""
PUBLISHED_TARGETS = Relation("published", "targets")
SCORECARD_FILES = tuple(
    Relation(SCORECARDS, name)
    for name in (
        *("branch_workbooks", "branch_pages", "comparison_workbook", "national_page", "progress_reports"),
        *("target_comparison", "public_edition"),
    )
)
PUBLISHED = tuple(Relation(SERVING, table.name) for table in (*DIMENSIONS, *MONTHLY, *KEPT, *FOLDERS))

_JUDGED_BEFORE = "marts"
_CHECKS = "expectations/*.py"
_RULES_ON_SPARK = "kenpo_pipelines/spark_sql/*.py"
_CATALOGUE = "kenpo_pipelines/catalogue/*.py"


@dataclass(frozen=True)
class Step:
    """What is made together. ``reads`` names what it is made from, of the same month or (history) up to it."""

    makes: tuple[Relation, ...]
    reads: frozenset[Relation]
    fingerprint: Callable[[str], str]
    is_made_from: Callable[[str, str], bool]
    """(month, fingerprint): True when what the step made of the month is there, whole, and was made from this."""

    def is_current(self, month: str) -> bool:
        """True when doing the step for the month would change nothing."""
        try:
            return self.is_made_from(month, self.fingerprint(month))
        except (LakeError, ServingError):
            return False  # something is missing or cannot be reached: doing the step will tell


def stale_steps(installation: Installation, month: str, *, renews_targets: bool = False) -> list[Step]:
    """Return the steps of the month that have something to do, and all that is made from what they make, in order.

    Judging has when the month's targets are to be renewed.
    """
    stale: list[Step] = []
    made: set[Relation] = set()
    with installation.lake.one_look():
        for step in month_steps(installation):
            is_renewed = renews_targets and JUDGEMENTS in step.makes
            if made.isdisjoint(step.reads) and not is_renewed and step.is_current(month):
                continue
            stale.append(step)
            made.update(step.makes)
    return stale


def month_steps(installation: Installation) -> list[Step]:
    """Return all steps of a month in the order in which they are done."""
    lake = installation.lake

    def in_lake(makes: Sequence[Relation], reads: Sequence[Relation], fingerprint: Callable[[str], str]) -> Step:
        def is_made_from(month: str, made_from: str) -> bool:
            return all(lake.is_current(one.layer, one.name, month, made_from) for one in makes)

        return Step(tuple(makes), frozenset(reads), fingerprint, is_made_from)

    def of_model(model: Model) -> Step:
        reads = [*model.inputs, *model.history]
        return in_lake([model.relation], reads, lambda month: model_fingerprint(installation, model, month))

    def of_dataset(contract: Contract) -> Step:
        makes = [Relation(layer, contract.dataset.id) for layer in (RAW, QUARANTINE, LEDGER, FINDINGS)]
        reads = [] if contract.column_of(ColumnType.KPI) is None else [Relation(REFERENCE, "kpis")]
        return in_lake(makes, reads, lambda month: ingestion_fingerprint(installation, contract, month))

    reference = [one.relation for one in installation.project.sources if one.relation.layer == REFERENCE]
    steps = [in_lake(reference, [], lambda month: reference_fingerprint(installation, month))]
    steps += [of_dataset(contract) for contract in installation.contracts.values()]
    for layer in LAYERS:
        if layer == _JUDGED_BEFORE:
            steps.append(in_lake([JUDGEMENTS], [INPUTS], lambda month: judgement_fingerprint(installation, month)))
        steps += [of_model(model) for model in installation.project.of_layer(layer)]
    submissions = [Relation(layer, dataset) for dataset in installation.contracts for layer in (LEDGER, QUARANTINE)]
    dimensions = [Relation(REFERENCE, table.name) for table in DIMENSIONS]
    steps.append(
        Step(
            PUBLISHED,
            frozenset([MART, SERIES, *PROGRESS.values(), JUDGEMENTS, *submissions, *dimensions]),
            lambda month: publication_fingerprint(installation, month),
            lambda month, made_from: _is_published(installation, month, made_from),
        )
    )
    steps.append(
        Step(
            SCORECARD_FILES,
            frozenset(
                Relation(SERVING, table.name)
                for table in (kpi_facts, kpi_targets, kpi_series, *PROGRESS_TABLES, submission_ledger)
            ),
            lambda month: scorecards_fingerprint(installation, month),
            lambda month, made_from: are_scorecards_current(installation.outputs, month, made_from),
        )
    )
    return steps


def reference_fingerprint(installation: Installation, month: str) -> str:
    """Catalogue and contracts (but for their due dates), and the code that makes tables of them."""
    contracts = [contract.dataset.model_dump_json(exclude={"due"}) for contract in installation.contracts.values()]
    return _digest(month, _whole_catalogue(installation), reference_code(), version("jpholiday"), *contracts)


def reference_code() -> str:
    """Digest of the code that makes tables of the catalogue."""
    return code_digest(_CATALOGUE, "assets/reference.py", "kenpo_pipelines/fiscal.py")


def ingestion_fingerprint(installation: Installation, contract: Contract, month: str) -> str:
    """Files in landing, contract, what reading takes from the catalogue, the key, and the code that reads and checks.

    Where nothing has landed the key decides nothing: ``kenpo demo`` makes a new one each time. The engine that judges what was
    read is not named: every rule finds the same on each (``tests/spark/test_checks_on_spark.py`` holds them to it), so another
    engine makes no file be looked at again.
    """
    has_files = bool(landed_files(installation.landing, contract, month))
    return ingest_fingerprint(
        installation.landing,
        contract,
        catalogue_digest(installation.catalogue, contract),
        key_id(installation.pseudonym_key) if has_files else "",
        month,
        ingestion_code(),
    )


def ingestion_code() -> str:
    """Digest of the code that reads files and checks what was read."""
    checking = code_digest(_CHECKS, _RULES_ON_SPARK, _CATALOGUE, "assets/ingestion.py", "assets/submission_account.py")
    return _digest(reading_digest(), checking)[:16]


def model_fingerprint(installation: Installation, model: Model, month: str) -> str:
    """Versions of its inputs, SQL, macros, its entry in schema.yml, and the code that runs and checks it."""
    engine = installation.engine
    code = code_digest(_CHECKS, "kenpo_pipelines/models.py", *engine.code)
    return engine.fingerprint(model, month, [code])


def judgement_fingerprint(installation: Installation, month: str) -> str:
    """Version of the figures to judge, the targets that earlier months published, the catalogue, and the code that judges.

    The month's own published targets are left out: they are those that the same inputs gave when it was published.
    """
    inputs = installation.engine.version(INPUTS, month)
    earlier = earlier_targets_digest(installation.database(), month)
    return _digest(month, _whole_catalogue(installation), judgement_code(), inputs, earlier)


def judgement_code() -> str:
    """Digest of the code that judges."""
    return code_digest(
        *(
            _CATALOGUE,
            "assets/judgement.py",
            "kenpo_pipelines/fiscal.py",
            "kenpo_pipelines/serving/published_targets.py",
        )
    )


def publication_fingerprint(installation: Installation, month: str) -> str:
    """Versions of all that is published of the month, the catalogue, and the code that publishes."""
    lake, contracts = installation.lake, installation.contracts
    versions = [lake.version(layer, dataset, month) for dataset in contracts for layer in (LEDGER, QUARANTINE)]
    folders = [
        [dataset, *yearly_folders(installation.landing, contract)]
        for dataset, contract in contracts.items()
        if contract.dataset.folder != "month"
    ]
    mart = [lake.version(one.layer, one.name, month) for one in (MART, SERIES, *PROGRESS.values(), JUDGEMENTS)]
    return _digest(month, _whole_catalogue(installation), publication_code(), *mart, *versions, json.dumps(folders))


def publication_code() -> str:
    """Digest of the code that publishes."""
    return code_digest("kenpo_pipelines/serving/**/*.py", "assets/serving.py")


def scorecards_fingerprint(installation: Installation, month: str) -> str:
    """What is published that the scorecards of the month show, the catalogue, and the code that writes them."""
    state = publication_state(installation.database(), month)
    return _digest(month, _whole_catalogue(installation), scorecards_code(), json.dumps(state))


def scorecards_code() -> str:
    """Digest of the code that writes workbooks and pages, and the versions of the libraries that do."""
    parts = ("*.py", "*.j2", "*.css", "*.js", "*.yml")
    folders = ("scorecards", "analysis", "disclosure")
    code = code_digest(*(f"kenpo_pipelines/{folder}/**/{part}" for folder in folders for part in parts), _CATALOGUE)
    return "-".join([code, *map(version, ("openpyxl", "jinja2", "scipy"))])


def _is_published(installation: Installation, month: str, made_from: str) -> bool:
    found = publication(installation.database(), month)
    return found is not None and found.fingerprint == made_from


@lru_cache(maxsize=8)
def _whole_catalogue(installation: Installation) -> str:
    return _digest(installation.catalogue.model_dump_json())


def _digest(*parts: str) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]
