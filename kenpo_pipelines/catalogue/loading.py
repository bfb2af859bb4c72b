"""Reads the catalogue's YAML files and checks what one file alone cannot show.

What lives here: :func:`load_catalogue` and its error texts. What does not: what a definition looks like (``model``).
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from kenpo_pipelines import fiscal
from kenpo_pipelines.catalogue.computation import ComputedFrom, Window
from kenpo_pipelines.catalogue.model import Catalogue, CatalogueError, Kpi, KpiVersion
from kenpo_pipelines.catalogue.parameters import ParameterName
from kenpo_pipelines.catalogue.planned_counts import planned_count_faults
from kenpo_pipelines.catalogue.thresholds import ThresholdName
from kenpo_pipelines.yaml_loader import SAFE_LOADER

_LISTS = ("branches", "fiscal_years", "planned_tenders", "planned_counts", "measures", "parameters", "thresholds")


class _UniqueKeys(SAFE_LOADER):  # type: ignore[misc]  # the C loader or the Python one
    """YAML would let the last of two equal keys win silently; here it is an error."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        for key, count in Counter(map(str, keys)).items():
            if count > 1:
                raise yaml.constructor.ConstructorError(None, None, f"the key {key} stands twice", node.start_mark)
        mapping: dict[Any, Any] = super().construct_mapping(node, deep=deep)
        return mapping


def load_catalogue(directory: Path) -> Catalogue:
    """Read and check the whole catalogue.

    Raises :class:`CatalogueError` with the file, the KPI and the field for anything that does not fit.
    """
    kpis = tuple(
        _load_kpi(path) for path in sorted((directory / "kpis").iterdir() if (directory / "kpis").is_dir() else ())
    )
    if not kpis:
        raise CatalogueError(f"kpis: there is no KPI in {directory / 'kpis'}")
    lists = {name: _load_list(directory / f"{name}.yml") for name in _LISTS}
    try:
        catalogue = Catalogue(kpis=kpis, **lists)
    except ValidationError as error:
        first = error.errors()[0]
        file, *field = first["loc"]
        raise CatalogueError(f"{file}.yml: entry {'.'.join(map(str, field))}: {first['msg']}") from error
    for fault in _inconsistencies(catalogue):
        raise CatalogueError(fault)
    return catalogue


def _load_kpi(path: Path) -> Kpi:
    if path.suffix != ".yml":
        raise CatalogueError(f"{path.name}: a KPI is a file <kpi_id>.yml; nothing else belongs into kpis/")
    raw = _read(path)
    kpi_id = str(raw.get("id", path.stem)) if isinstance(raw, dict) else path.stem
    try:
        kpi = Kpi.model_validate(raw)
    except ValidationError as error:
        faults = "; ".join(f"{'.'.join(map(str, one['loc'])) or '(whole)'}: {one['msg']}" for one in error.errors())
        raise CatalogueError(f"{path.name}: KPI {kpi_id}: {faults}") from error
    if kpi.id != path.stem:
        raise CatalogueError(f"{path.name}: KPI {kpi.id}: id: must equal the file's name")
    return kpi


def _load_list(path: Path) -> tuple[Any, ...]:
    raw = _read(path)
    if raw is not None and not isinstance(raw, list):
        raise CatalogueError(f"{path.name}: the file must be a list of entries")
    return tuple(raw or ())


def _read(path: Path) -> Any:
    try:
        return yaml.load(path.read_text(encoding="utf-8"), Loader=_UniqueKeys)  # a SafeLoader
    except FileNotFoundError as error:
        raise CatalogueError(f"{path.name}: the file is missing from {path.parent}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise CatalogueError(f"{path.name}: not readable as YAML: {error}") from error


def _inconsistencies(catalogue: Catalogue) -> Iterator[str]:
    """Yield what does not fit between files: references, and names, orders and keys that must be unique."""
    yield from _list_faults(catalogue)
    yield from _parameter_faults(catalogue)
    yield from planned_count_faults(catalogue)
    seen_orders: dict[int, str] = {}
    for kpi in catalogue.kpis:
        where = f"{kpi.id}.yml: KPI {kpi.id}"
        if kpi.predecessor and kpi.predecessor.kpi not in catalogue.kpi_by_id:
            yield f"{where}: predecessor.kpi: no KPI {kpi.predecessor.kpi}"
        if kpi.predecessor and kpi.predecessor.kpi == kpi.id:
            yield f"{where}: predecessor.kpi: a KPI does not replace itself"
        if kpi.order in seen_orders:
            yield f"{where}: order: {kpi.order} is also the order of {seen_orders[kpi.order]}"
        seen_orders[kpi.order] = kpi.id
        for version in kpi.versions:
            for code in (*version.branches, *version.precision_by_branch):
                if code not in catalogue.branch_by_code:
                    yield f"{where}: branches: no branch {code}"
            if version.ended_in and fiscal.fiscal_year_of(version.ended_in) not in version.fiscal_years:
                yield f"{where}: ended_in: {version.ended_in} is outside the version's fiscal years"
            if version.computed_from:
                for fault in _computation_faults(version, version.computed_from, catalogue):
                    yield f"{where}: computed_from.{fault}"
    yield from _name_faults(catalogue.kpis)


def _computation_faults(version: KpiVersion, computed: ComputedFrom, catalogue: Catalogue) -> Iterator[str]:
    datasets: set[str] = set()
    for name, part in (("numerator", computed.numerator), ("denominator", computed.denominator)):
        measure = catalogue.measure_by_id.get(part.measure)
        if measure is None:
            yield f"{name}.measure: {part.measure} is not in measures.yml"
            return
        if part.window not in measure.kind.windows:
            allowed = ", ".join(measure.kind.windows)
            yield f"{name}.window: {part.measure} is of kind {measure.kind}, its window is {allowed}"
        datasets |= set(measure.datasets)
    if set(computed.datasets) != datasets:
        yield f"datasets: its measures come from {', '.join(sorted(datasets))}"
    if computed.numerator.window is Window.SERVICE_MONTH:
        for year in catalogue.fiscal_years:
            lag = catalogue.parameter_values(ParameterName.GENERIC_REPORTING_LAG_MONTHS, year.fiscal_year)
            if year.fiscal_year in version.fiscal_years and lag != (str(computed.lag_months),):
                yield f"lag_months: parameters.yml says {', '.join(lag)} for fiscal year {year.fiscal_year}"


def _parameter_faults(catalogue: Catalogue) -> Iterator[str]:
    for name in ParameterName:
        for year in catalogue.fiscal_years:
            entries = [
                one for one in catalogue.parameters if one.parameter is name and year.fiscal_year in one.fiscal_years
            ]
            if len(entries) != 1:
                found = "two entries" if entries else "no entry"
                yield f"parameters.yml: {name}: fiscal_years: fiscal year {year.fiscal_year} has {found}"


def _name_faults(kpis: Iterable[Kpi]) -> Iterator[str]:
    owner = {kpi.id: kpi.id for kpi in kpis}
    for kpi in kpis:
        for name in (kpi.names.ja, *kpi.names.aliases):
            if owner.setdefault(name, kpi.id) != kpi.id:
                yield f"{kpi.id}.yml: KPI {kpi.id}: names: {name} is also a name of {owner[name]}"


def _list_faults(catalogue: Catalogue) -> Iterator[str]:
    keys = {
        "branches": [branch.code for branch in catalogue.branches],
        "fiscal_years": [str(year.fiscal_year) for year in catalogue.fiscal_years],
        "planned_tenders": [f"{plan.fiscal_year} {plan.branch_code}" for plan in catalogue.planned_tenders],
        "measures": [measure.measure for measure in catalogue.measures],
        "thresholds": [f"{one.threshold} since {one.since}" for one in catalogue.thresholds],
    }
    for file, values in keys.items():
        for value, count in Counter(values).items():
            if count > 1:
                yield f"{file}.yml: {value} stands twice"
    known = {one.threshold for one in catalogue.thresholds}
    for name in ThresholdName:
        if name not in known:
            yield f"thresholds.yml: {name} has no entry"
    for year in catalogue.fiscal_years:
        expected = fiscal.wareki(year.fiscal_year)
        if year.name != expected:
            yield f"fiscal_years.yml: {year.fiscal_year}: name: expected {expected}"
    for plan in catalogue.planned_tenders:
        if plan.branch_code not in catalogue.branch_by_code or plan.fiscal_year not in catalogue.fiscal_year_by_number:
            yield f"planned_tenders.yml: {plan.fiscal_year} {plan.branch_code}: no such branch or fiscal year"
