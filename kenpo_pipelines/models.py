"""The SQL models: reads ``dbt_like_sql/``, finds dependencies and column lineage in the SQL itself, renders it.

What lives here: the folder as a graph of models. What does not: running them (``resources.engine``).

A model is one ``.sql`` file, dbt-compatible, in DuckDB's dialect; its folder is its layer. It names its inputs by ``ref`` and
``source`` (the partition of the month being run) or ``history`` (all months up to and with it) and the month by
``var('month')``. ``schema.yml`` of the folder holds description, owner, columns with types, and tests; a model that is
``materialized: view`` there has no partitions of its own and is read through its inputs. Dependencies come from rendering,
column lineage from sqlglot: there is no second list to keep.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Any

import jinja2
import sqlglot
import yaml
from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.lineage import lineage

from kenpo_pipelines.yaml_loader import SAFE_LOADER

DIALECT = "duckdb"
LAYERS = ("staging", "facts", "measures", "kpis", "marts")
"""Model layers from upstream to downstream. (The folder ``judged`` of the lake sits between kpis and marts.)"""

_ANY_MONTH = "2000-01"
_HISTORY = "_history"
_LOSSY_IN_PARQUET = frozenset({"hugeint", "uhugeint"})
_MATERIALIZED = ("table", "view")


class ModelError(ValueError):
    """A model or its schema.yml is wrong; the message names the file and what is wrong."""


@dataclass(frozen=True, order=True)
class Relation:
    """A dataset of the lake by layer and name."""

    layer: str
    name: str

    @property
    def sql_name(self) -> str:
        """How rendered SQL names it."""
        return f"{self.layer}.{self.name}"

    @property
    def history_sql_name(self) -> str:
        """How rendered SQL names all its months up to the one run: a model may read both."""
        return f"{self.layer}{_HISTORY}.{self.name}"


@dataclass(frozen=True)
class Column:
    """One column of a model or source, with its DuckDB type."""

    name: str
    data_type: str
    description: str


@dataclass(frozen=True)
class Model:
    """One SQL model. ``inputs`` are read for the month run, ``history`` for all months up to it."""

    relation: Relation
    path: Path
    template: str
    description: str
    owner: str
    columns: tuple[Column, ...]
    properties: Mapping[str, Any] = field(compare=False)
    sql_version: str
    """Digest of its SQL and of the macros."""
    inputs: tuple[Relation, ...] = ()
    history: tuple[Relation, ...] = ()

    @property
    def name(self) -> str:
        """The model's name, unique in the project."""
        return self.relation.name

    @property
    def layer(self) -> str:
        """The folder it lies in."""
        return self.relation.layer

    @property
    def is_view(self) -> bool:
        """True when it has no partitions: who reads it reads its inputs through its SQL."""
        return bool(_materialized(self.properties) == "view")

    @property
    def code_version(self) -> str:
        """Digest of what the model says and promises: SQL, macros, and its entry in schema.yml but for descriptions."""
        promised = json.dumps(_without_descriptions(self.properties), sort_keys=True, default=str)
        return _digest(self.sql_version, promised)


def _digest(*texts: str) -> str:
    return hashlib.sha256(json.dumps(texts).encode()).hexdigest()[:16]


def _materialized(entry: Mapping[str, Any]) -> Any:
    return (entry.get("config") or {}).get("materialized", "table")


def _without_descriptions(node: Any) -> Any:
    if isinstance(node, Mapping):
        return {key: _without_descriptions(value) for key, value in node.items() if key != "description"}
    return [_without_descriptions(one) for one in node] if isinstance(node, list) else node


@dataclass(frozen=True)
class Source:
    """A dataset that models read and Python writes."""

    relation: Relation
    description: str
    columns: tuple[Column, ...]


@dataclass(frozen=True)
class ModelProject:
    """All models in dependency order, and the sources."""

    models: tuple[Model, ...]
    sources: tuple[Source, ...]
    macros: str

    def model(self, name: str) -> Model:
        """Return the model of that name; raise :class:`ModelError`."""
        for model in self.models:
            if model.name == name:
                return model
        raise ModelError(f"there is no model {name!r}")

    def of_layer(self, layer: str) -> list[Model]:
        """Models of one layer in dependency order."""
        return [model for model in self.models if model.layer == layer]

    def render(self, model: Model, month: str) -> str:
        """Return the SQL of the model for one month, in DuckDB's dialect."""
        names = {one.name: one.relation for one in self.models}
        return _render(model.template, self.macros, model.path, month, _Recorder(names, _source_names(self.sources)))

    def column_lineage(self, model: Model) -> dict[str, set[tuple[Relation, str]]]:
        """Return, for each column, the columns of its direct inputs that it comes from. Read from the SQL."""
        schema: dict[str, object] = {}
        relations = [(one.relation, one.columns) for one in self.models]
        relations += [(one.relation, one.columns) for one in self.sources]
        for layer in {relation.layer for relation, _ in relations}:
            schema[layer] = schema[f"{layer}{_HISTORY}"] = {
                relation.name: {column.name: column.data_type for column in columns}
                for relation, columns in relations
                if relation.layer == layer
            }
        try:
            nodes = lineage(None, self.render(model, _ANY_MONTH), schema, dialect=DIALECT, trim_selects=False)
        except SqlglotError as error:
            raise ModelError(f"{model.path.name}: {error}") from error
        return {column: set(_leaves(node)) for column, node in nodes.items()}


def _leaves(node: Any) -> list[tuple[Relation, str]]:
    found = []
    for one in node.walk():
        if isinstance(one.expression, exp.Table) and not one.downstream:
            table = one.expression
            found.append((Relation(table.db.removesuffix(_HISTORY), table.name), one.name.split(".")[-1].strip('"')))
    return found


class _Recorder:
    """Stands in for dbt's ref, source and history while rendering, and notes what was asked for."""

    def __init__(self, models: Mapping[str, Relation], sources: set[Relation]) -> None:
        self._models = models
        self._sources = sources
        self.inputs: dict[Relation, None] = {}
        self.history_inputs: dict[Relation, None] = {}

    def _model(self, name: str) -> Relation:
        if name not in self._models:
            raise ModelError(f"ref to {name!r}: there is no such model")
        return self._models[name]

    def ref(self, name: str) -> str:
        relation = self._model(name)
        self.inputs[relation] = None
        return relation.sql_name

    def history(self, name: str) -> str:
        relation = self._model(name)
        self.history_inputs[relation] = None
        return relation.history_sql_name

    def source(self, layer: str, name: str) -> str:
        relation = Relation(layer, name)
        if relation not in self._sources:
            raise ModelError(f"source {layer}.{name} is not declared in any schema.yml")
        self.inputs[relation] = None
        return relation.sql_name


def _source_names(sources: tuple[Source, ...]) -> set[Relation]:
    return {source.relation for source in sources}


def _render(template: str, macros: str, path: Path, month: str, recorder: _Recorder) -> str:
    variables = {"month": month}

    def var(name: str) -> str:
        if name not in variables:
            raise ModelError(f"var {name!r} is not defined; models know {sorted(variables)}")
        return variables[name]

    context: dict[str, Callable[..., str]] = {
        "ref": recorder.ref,
        "history": recorder.history,
        "source": recorder.source,
        "var": var,
    }
    try:
        return _compiled(macros + template).render(context).strip()
    except (jinja2.TemplateError, ModelError) as error:
        raise ModelError(f"{path.name}: {error}") from error


@lru_cache(maxsize=256)
def _compiled(text: str) -> jinja2.Template:
    """A model is rendered for every month; reading its template takes far longer than that."""
    return jinja2.Environment(undefined=jinja2.StrictUndefined, autoescape=False).from_string(text)  # SQL, not HTML


def load_project(directory: Path) -> ModelProject:
    """Read all models, order them by their dependencies and check the SQL.

    Raises :class:`ModelError` naming the file for SQL that does not parse, a model without description, owner or
    columns, a name given twice, an unknown reference, a cycle, or a dependency that runs upstream.
    """
    macros = "".join(path.read_text(encoding="utf-8") for path in sorted((directory / "macros").glob("*.sql")))
    properties, sources = _read_schema_files(directory)
    paths = _model_paths(directory)
    relations = {name: Relation(path.parent.name, name) for name, path in paths.items()}
    models = {}
    for name, path in paths.items():
        if name not in properties:
            raise ModelError(f"{path.name}: the model has no entry in {path.parent.name}/schema.yml")
        recorder = _Recorder(relations, _source_names(sources))
        template = path.read_text(encoding="utf-8")
        sql = _render(template, macros, path, _ANY_MONTH, recorder)
        models[name] = _build(relations[name], path, template, macros, properties.pop(name), recorder)
        _check_sql(models[name], sql)
    _check_history(models)
    if properties:
        raise ModelError(f"schema.yml describes models that do not exist: {sorted(properties)}")
    return ModelProject(models=_in_order(models), sources=sources, macros=macros)


def _model_paths(directory: Path) -> dict[str, Path]:
    paths: dict[str, Path] = {}
    for layer in LAYERS:
        for path in sorted((directory / layer).glob("*.sql")):
            if path.stem in paths:
                raise ModelError(
                    f"{layer}/{path.name}: {paths[path.stem].parent.name}/{path.name} has the same name already"
                )
            paths[path.stem] = path
    return paths


def _read_schema_files(directory: Path) -> tuple[dict[str, dict[str, Any]], tuple[Source, ...]]:
    properties: dict[str, dict[str, Any]] = {}
    described_in: dict[str, str] = {}
    sources = []
    for path in sorted(directory.glob("*/*.yml")):
        file = f"{path.parent.name}/{path.name}"
        try:
            document = yaml.load(path.read_text(encoding="utf-8"), Loader=SAFE_LOADER) or {}
        except yaml.YAMLError as error:
            raise ModelError(f"{file}: {error}") from error
        for entry in document.get("models") or []:
            name = entry.get("name")
            if not name:
                raise ModelError(f"{file}: an entry without a name")
            if name in properties:
                raise ModelError(f"{file}: {name} is described in {described_in[name]} already")
            properties[name], described_in[name] = entry, file
        for group in document.get("sources") or []:
            for table in group["tables"]:
                relation = Relation(group["name"], table["name"])
                sources.append(Source(relation, table.get("description", ""), _columns(table)))
    return properties, tuple(sources)


def _columns(entry: Mapping[str, Any]) -> tuple[Column, ...]:
    return tuple(
        Column(column["name"], column.get("data_type", ""), column.get("description", ""))
        for column in entry.get("columns", [])
    )


def _build(
    relation: Relation, path: Path, template: str, macros: str, entry: Mapping[str, Any], recorder: _Recorder
) -> Model:
    meta = entry.get("config", {}).get("meta", {})
    model = Model(
        relation=relation,
        path=path,
        template=template,
        description=" ".join(entry.get("description", "").split()),
        owner=meta.get("owner", ""),
        columns=_columns(entry),
        properties=entry,
        sql_version=_digest(macros, template),
        inputs=tuple(recorder.inputs),
        history=tuple(recorder.history_inputs),
    )
    missing = [name for name in ("description", "owner", "columns") if not getattr(model, name)]
    missing += [f"data_type of {column.name}" for column in model.columns if not column.data_type]
    if missing:
        raise ModelError(f"{relation.layer}/schema.yml: model {relation.name}: missing {', '.join(missing)}")
    if lossy := [column.name for column in model.columns if column.data_type.lower() in _LOSSY_IN_PARQUET]:
        raise ModelError(
            f"{relation.layer}/schema.yml: model {relation.name}: {', '.join(lossy)}: DuckDB writes integers of 128 bits to "
            f"Parquet as floating point; cast to bigint or to a decimal"
        )
    if _materialized(entry) not in _MATERIALIZED:
        raise ModelError(
            f"{relation.layer}/schema.yml: model {relation.name}: materialized: {_materialized(entry)!r} is neither "
            f"{' nor '.join(_MATERIALIZED)}"
        )
    return model


def _check_history(models: Mapping[str, Model]) -> None:
    for model in models.values():
        for relation in model.history:
            if models[relation.name].is_view:
                raise ModelError(
                    f"{model.path.name}: history of {relation.name}: a view has no months of its own; "
                    "read the history of a table, or make it one in its schema.yml"
                )


def _check_sql(model: Model, sql: str) -> None:
    try:
        statements = sqlglot.parse(sql, dialect=DIALECT)
    except SqlglotError as error:
        raise ModelError(f"{model.path.name}: {error}") from error
    if len(statements) != 1 or not isinstance(statements[0], exp.Query) or sql.endswith(";"):
        raise ModelError(f"{model.path.name}: a model is one select, without a semicolon")
    for relation in (*model.inputs, *model.history):
        if relation.layer in LAYERS and LAYERS.index(relation.layer) > LAYERS.index(model.layer):
            raise ModelError(f"{model.path.name}: {model.layer} must not read {relation.sql_name}: data flows one way")


def _in_order(models: Mapping[str, Model]) -> tuple[Model, ...]:
    relations = {model.relation for model in models.values()}
    graph = {
        name: {relation.name for relation in (*model.inputs, *model.history) if relation in relations}
        for name, model in models.items()
    }
    try:
        order = list(TopologicalSorter(graph).static_order())
    except CycleError as error:
        raise ModelError(f"models depend on each other in a circle: {' → '.join(error.args[1])}") from error
    position = {name: index for index, name in enumerate(order)}
    return tuple(sorted(models.values(), key=lambda one: (LAYERS.index(one.layer), position[one.name])))
