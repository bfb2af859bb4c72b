"""Loading the SQL models: the graph is read from the SQL itself, and whatever is wrong is named with its file."""

from collections.abc import Callable
from pathlib import Path

import pytest
from small_project import COUNTS, schema, stg_visits, visit_sums, write, write_project

from kenpo_pipelines.models import LAYERS, ModelError, ModelProject, Relation, load_project
from kenpo_pipelines.settings import CHECKOUT

MODELS_DIR = CHECKOUT / "dbt_like_sql"


@pytest.fixture(scope="module")
def project() -> ModelProject:
    """The project's own models."""
    return load_project(MODELS_DIR)


def relations(*names: str) -> set[Relation]:
    return {Relation(*name.split(".")) for name in names}


def columns(*names: str) -> set[tuple[Relation, str]]:
    parts = [name.split(".") for name in names]
    return {(Relation(layer, name), column) for layer, name, column in parts}


# --- the project's own models ---


def test_every_model_is_loaded_once_from_the_folder_of_its_layer(project: ModelProject) -> None:
    paths = sorted(path for layer in LAYERS for path in (MODELS_DIR / layer).glob("*.sql"))

    assert sorted(model.path for model in project.models) == paths
    assert all(model.layer == model.path.parent.name for model in project.models)
    assert {model.name for model in project.of_layer("marts")} >= {"mart_scorecard", "mart_kpi_series"}


def test_models_come_after_everything_they_read(project: ModelProject) -> None:
    done = {source.relation for source in project.sources}
    for model in project.models:
        assert {*model.inputs, *model.history} <= done, model.name
        done.add(model.relation)


@pytest.mark.parametrize(
    ("name", "inputs", "history"),
    [
        ("stg_kpi_results", {"raw.kpi_results", "findings.kpi_results"}, set()),
        ("reported_measures", {"staging.stg_kpi_results"}, set()),
        ("reported_figures", {"reference.datasets"}, {"measures.reported_measures", "staging.stg_kpi_results"}),
        ("national_sums", {"kpis.reported_figures", "reference.branches", "reference.kpis"}, set()),
        ("stg_claims", {"raw.claims", "staging.stg_submissions"}, set()),
        ("fact_receipt_audits", {"staging.stg_receipt_audits"}, {"staging.stg_receipt_audits"}),
        (
            "cohort_measures",
            {"reference.parameters"},
            {"staging.stg_untreated_persons", "facts.fact_untreated_visits"},
        ),
        (
            "kpi_figures",
            {"kpis.reported_figures", "kpis.national_sums", "reference.kpis"},
            {"kpis.computed_figures"},
        ),
        ("kpi_targets_in_force", {"staging.stg_kpi_targets"}, set()),
        ("mart_kpi_series", {"kpis.comparable_figures"}, set()),
        (
            "mart_scorecard",
            {
                *("kpis.judgement_inputs", "kpis.kpi_flags", "judged.kpi_judgements"),
                *("reference.kpis", "reference.branches"),
            },
            set(),
        ),
    ],
)
def test_dependencies_are_those_that_the_sql_names(
    project: ModelProject, name: str, inputs: set[str], history: set[str]
) -> None:
    model = project.model(name)

    assert set(model.inputs) == relations(*inputs)
    assert set(model.history) == relations(*history)


# Worked out by reading the SQL: what a value is made of, and, for a rank, what it is ranked by and within.
LINEAGE = {
    ("stg_kpi_results", "value"): {"raw.kpi_results.value"},
    ("reported_measures", "measure_id"): {"staging.stg_kpi_results.kpi_id"},
    ("reported_figures", "kpi_id"): {"measures.reported_measures.measure_id"},
    ("reported_figures", "denominator"): {
        "measures.reported_measures.measure_id",
        "measures.reported_measures.value",
    },
    ("stg_submissions", "rows_loaded"): {
        f"ledger.{dataset}.branches"
        for dataset in (
            *("benefit_decisions", "claims", "receipt_audits", "recoverables"),
            *("checkup_counts", "guidance_counts", "untreated_persons"),
        )
    },
    ("fact_claims", "points"): {"staging.stg_claims.points"},
    ("stg_claims", "points"): {"raw.claims.points"},
    ("analytical_findings", "is_new"): {"kpis.comparable_figures.figure_known_month"},
    ("submission_gaps", "reason"): {"staging.stg_submissions.status"},
    ("kpi_figures", "value"): {
        *("kpis.computed_figures.value", "kpis.reported_figures.value", "kpis.national_sums.value"),
    },
    ("kpi_figures", "reported_value"): {"kpis.reported_figures.value"},
    ("kpi_figures", "gap"): {"kpis.computed_figures.gap", "kpis.reported_figures.gap"},
    ("kpi_figures", "source"): set(),
    ("kpi_targets_in_force", "is_contradictory"): {
        "staging.stg_kpi_targets.comparator",
        "staging.stg_kpi_targets.target_value",
    },
    ("judgement_inputs", "prior_june_value"): {"kpis.kpi_figures.value"},
    ("mart_kpi_series", "value"): {
        *(f"kpis.comparable_figures.{name}" for name in ("numerator", "denominator", "value", "kind", "precision")),
    },
    ("mart_kpi_series", "month_value"): {"kpis.comparable_figures.month_units"},
    ("mart_kpi_series", "figure_as_of"): {"kpis.comparable_figures.as_of"},
    ("mart_scorecard", "as_of"): set(),
    ("mart_scorecard", "branch"): {"reference.branches.branch"},
    ("mart_scorecard", "outcome"): {"judged.kpi_judgements.outcome"},
    ("mart_scorecard", "numerator"): {"kpis.judgement_inputs.numerator"},
    ("mart_scorecard", "rank"): {
        "judged.kpi_judgements.value",
        "reference.kpis.direction",
        "kpis.judgement_inputs.fiscal_year",
        "kpis.judgement_inputs.kpi_id",
        "kpis.judgement_inputs.figure_as_of",
    },
}


@pytest.fixture(scope="module")
def column_lineage(project: ModelProject) -> dict[str, dict[str, set[tuple[Relation, str]]]]:
    return {model.name: project.column_lineage(model) for model in project.models}


@pytest.mark.parametrize(("model", "column"), LINEAGE)
def test_column_lineage_is_what_the_sql_says(
    column_lineage: dict[str, dict[str, set[tuple[Relation, str]]]], model: str, column: str
) -> None:
    assert column_lineage[model][column] == columns(*LINEAGE[model, column])


def test_lineage_names_every_column_of_every_model_and_only_columns_that_exist(
    project: ModelProject, column_lineage: dict[str, dict[str, set[tuple[Relation, str]]]]
) -> None:
    known = {(one.relation, column.name) for one in (*project.models, *project.sources) for column in one.columns}
    for model in project.models:
        found = column_lineage[model.name]
        assert list(found) == [column.name for column in model.columns], model.name
        inputs = {*model.inputs, *model.history}
        for column, origins in found.items():
            assert origins <= known, f"{model.name}.{column}"
            assert {relation for relation, _ in origins} <= inputs, f"{model.name}.{column}"


def test_every_column_of_models_and_sources_is_typed_and_described(project: ModelProject) -> None:
    bare = [
        f"{one.relation.sql_name}.{column.name}"
        for one in (*project.models, *project.sources)
        for column in one.columns
        if not column.data_type or not column.description
    ]

    assert bare == []


def test_rendering_puts_the_month_where_the_model_asks_for_it(project: ModelProject) -> None:
    model = project.model("reported_figures")

    assert "where known_month <= '2024-11'" in project.render(model, "2024-11")
    assert project.render(model, "2024-11").replace("2024-11", "2025-06") == project.render(model, "2025-06")
    assert "{" not in project.render(project.model("judgement_inputs"), "2025-06")


def test_a_model_that_is_asked_for_and_does_not_exist_is_named(project: ModelProject) -> None:
    with pytest.raises(ModelError, match="there is no model 'mart_of_nothing'"):
        project.model("mart_of_nothing")


# --- a small project, broken in one place ---


def test_the_small_project_is_sound(tmp_path: Path) -> None:
    project = load_project(write_project(tmp_path))

    assert [model.name for model in project.models] == ["stg_visits", "visit_sums"]
    assert project.model("visit_sums").history == (Relation("staging", "stg_visits"),)
    assert project.model("visit_sums").inputs == ()
    assert project.column_lineage(project.model("visit_sums"))["visits"] == columns("staging.stg_visits.visits")


Break = Callable[[Path], object]


def staging_sql(text: str) -> Break:
    return lambda folder: write(folder / "staging" / "stg_visits.sql", text)


def staging_entry(**changes: object) -> Break:
    return lambda folder: schema(folder / "staging" / "schema.yml", [stg_visits(**changes)])


def cycle(folder: Path) -> None:
    write(folder / "kpis" / "visit_sums.sql", "select * from {{ ref('visit_copies') }}")
    write(folder / "kpis" / "visit_copies.sql", "select * from {{ ref('visit_sums') }}")
    schema(folder / "kpis" / "schema.yml", [visit_sums(), visit_sums(name="visit_copies")])


def same_name_twice(folder: Path) -> None:
    write(folder / "marts" / "visit_sums.sql", COUNTS)


def described_twice(folder: Path) -> None:
    schema(folder / "marts" / "schema.yml", [visit_sums(description="Something else.")])


UNTYPED = [{"name": "branch"}, *stg_visits()["columns"][1:]]
LOSSY = [{"name": "branch", "data_type": "hugeint"}, *stg_visits()["columns"][1:]]
FAULTS: dict[str, tuple[Break, str]] = {
    "no entry in schema.yml": (
        lambda folder: schema(folder / "staging" / "schema.yml", []),
        r"stg_visits\.sql: the model has no entry in staging/schema\.yml",
    ),
    "an entry without a model": (
        lambda folder: schema(folder / "staging" / "schema.yml", [stg_visits(), stg_visits(name="stg_nothing")]),
        r"schema\.yml describes models that do not exist: \['stg_nothing'\]",
    ),
    "no owner": (staging_entry(config={"meta": {}}), r"staging/schema\.yml: model stg_visits: missing owner"),
    "no description": (staging_entry(description=" "), r"staging/schema\.yml: model stg_visits: missing description"),
    "no columns": (staging_entry(columns=None), r"staging/schema\.yml: model stg_visits: missing columns"),
    "a column without type": (
        staging_entry(columns=UNTYPED),
        r"staging/schema\.yml: model stg_visits: missing data_type of branch",
    ),
    "a type that Parquet lacks": (
        staging_entry(columns=LOSSY),
        r"staging/schema\.yml: model stg_visits: branch: DuckDB writes integers of 128 bits",
    ),
    "an entry without a name": (staging_entry(name=None), r"staging/schema\.yml: an entry without a name"),
    "schema.yml that is no YAML": (
        lambda folder: write(folder / "staging" / "schema.yml", "models: [unclosed"),
        r"staging/schema\.yml",
    ),
    "an unknown model": (
        staging_sql("select * from {{ ref('stg_vists') }}"),
        r"stg_visits\.sql: ref to 'stg_vists': there is no such model",
    ),
    "an undeclared source": (
        staging_sql("select * from {{ source('raw', 'visitors') }}"),
        r"stg_visits\.sql: source raw\.visitors is not declared",
    ),
    "an unknown variable": (
        staging_sql(COUNTS + "where known_month = '{{ var('moth') }}'"),
        r"stg_visits\.sql: var 'moth' is not defined; models know \['month'\]",
    ),
    "an unknown macro": (
        staging_sql("select {{ fiscal('2025') }} as branch"),
        r"stg_visits\.sql: 'fiscal' is undefined",
    ),
    "broken template": (staging_sql("select {{ var('month' }}"), r"stg_visits\.sql: "),
    "broken SQL": (staging_sql("select branch from (select"), r"stg_visits\.sql: "),
    "two statements": (staging_sql(COUNTS + "; select 1"), r"stg_visits\.sql: a model is one select"),
    "a closing semicolon": (staging_sql(COUNTS.strip() + ";\n"), r"stg_visits\.sql: a model is one select"),
    "no select": (staging_sql("drop table visits"), r"stg_visits\.sql: a model is one select"),
    "upstream": (
        staging_sql("select branch, visits, as_of as known_month from {{ ref('visit_sums') }}"),
        r"stg_visits\.sql: staging must not read kpis\.visit_sums: data flows one way",
    ),
    "a cycle": (cycle, r"circle: .*visit_(sums → visit_copies|copies → visit_sums)"),
    "a model that reads itself": (
        staging_sql("select * from {{ history('stg_visits') }}"),
        "circle: stg_visits → stg_visits",
    ),
    "history of a view": (
        staging_entry(config={"materialized": "view", "meta": {"owner": "team:planning"}}),
        r"visit_sums\.sql: history of stg_visits: a view has no months",
    ),
    "neither table nor view": (
        staging_entry(config={"materialized": "incremental", "meta": {"owner": "team:planning"}}),
        r"staging/schema\.yml: model stg_visits: materialized: 'incremental' is neither table nor view",
    ),
    "two models of one name": (same_name_twice, r"marts/visit_sums\.sql: .*kpis/visit_sums\.sql"),
    "two entries of one name": (described_twice, r"marts/schema\.yml: visit_sums .*kpis/schema\.yml"),
}


@pytest.mark.parametrize(("damage", "message"), FAULTS.values(), ids=FAULTS)
def test_a_fault_is_named_with_its_file(tmp_path: Path, damage: Break, message: str) -> None:
    folder = write_project(tmp_path)
    damage(folder)

    with pytest.raises(ModelError, match=message):
        load_project(folder)


def test_a_source_may_bear_the_name_of_a_model(tmp_path: Path) -> None:
    folder = write_project(tmp_path)
    (folder / "staging" / "stg_visits.sql").rename(folder / "staging" / "visits.sql")
    schema(folder / "staging" / "schema.yml", [stg_visits(name="visits")])
    write(folder / "kpis" / "visit_sums.sql", "select * from {{ ref('visits') }}")

    assert [model.name for model in load_project(folder).models] == ["visits", "visit_sums"]


def test_the_version_of_a_model_changes_with_its_sql_and_with_nothing_else(tmp_path: Path) -> None:
    folder = write_project(tmp_path)
    before = load_project(folder).model("stg_visits").code_version

    staging_entry(description="Visits, told otherwise.")(folder)
    assert load_project(folder).model("stg_visits").code_version == before

    staging_sql(COUNTS + "where visits > 0")(folder)
    assert load_project(folder).model("stg_visits").code_version != before
