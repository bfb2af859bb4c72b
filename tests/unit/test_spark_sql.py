"""DuckDB's SQL as Spark's: what is rewritten, what is refused, and that all of the project's SQL has a form.

That the forms mean the same is seen on both engines in ``tests/spark``; here no Java is needed.
"""

import re
import shutil
from pathlib import Path

import pytest

from expectations.dbt_tests import suite_from_dbt
from expectations.spark_rules import ROWS, check_suites, sql_for_spark
from expectations.suite import Suite, load_suites
from kenpo_pipelines.definitions import build_definitions
from kenpo_pipelines.models import load_project
from kenpo_pipelines.settings import CHECKOUT, Settings
from kenpo_pipelines.spark_sql import UntranslatableSQL, check_project, spark_type, to_spark, view_name
from kenpo_pipelines.spark_sql.errors import NoSparkForm
from kenpo_pipelines.spark_sql.patterns import java_pattern


def spark(sql: str) -> str:
    """The Spark form on one line."""
    text = re.sub(r"\s+", " ", to_spark(sql, where="a test"))
    return text.replace("( ", "(").replace(" )", ")")


# --- all of the project, and what is said of it when it is loaded


def _suites(project: Path = CHECKOUT) -> list[Suite]:
    of_models = [suite_from_dbt(path).values() for path in sorted((project / "dbt_like_sql").glob("*/schema.yml"))]
    return [*load_suites(project / "expectations").values(), *(suite for suites in of_models for suite in suites)]


def test_every_model_has_a_form() -> None:
    check_project(load_project(CHECKOUT / "dbt_like_sql"))


def test_every_rule_has_a_form() -> None:
    check_suites(_suites())


def test_the_rules_are_all_there() -> None:
    in_sql = {(suite.dataset, rule.id) for suite in _suites() for rule in suite.rules if rule.unexpected_rows}
    assert len(in_sql) > 100
    assert in_sql >= {("kpi_figures", "computed_agrees_with_reported"), ("mart_activity_counts", "no_falling_count")}
    assert sum(suite.completeness is not None for suite in _suites()) > 5


def test_a_rule_in_its_form_selects_from_the_checked_rows() -> None:
    rule = next(rule for suite in _suites() for rule in suite.rules if rule.id == "computed_agrees_with_reported")
    assert f"`{ROWS}`" in sql_for_spark(rule, "a test")


def _planted(folder: Path, file: str, old: str, new: str) -> Settings:
    """An installation whose project is the checkout's but for one text, in a file below it."""
    kept = shutil.ignore_patterns("*.py", "target", "logs", "__pycache__")
    for name in ("kenpo_pipelines/catalogue", "kenpo_pipelines/automation", "expectations", "dbt_like_sql"):
        shutil.copytree(CHECKOUT / name, folder / "project" / name, ignore=kept)
    path = folder / "project" / file
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    return Settings(home=folder / "home", project_dir=folder / "project", database_url=None, lake_url=None)


_A_RULE = """
rules:
  - id: planted
    tier: logical
    severity: warning
    {judged_by}
    description: planted
    description_ja: planted
    origin: planted
    owner: team:planted
    since: 2023-04-01
    protects: all
"""
_BY_SQL = _A_RULE.format(judged_by="unexpected_rows: SELECT * FROM {batch} WHERE soundex(claim_no) = 'A000'")
_BY_GX = _A_RULE.format(
    judged_by="expectation: expect_column_values_to_match_regex\n    kwargs: {column: claim_no, regex: x}"
)


@pytest.mark.parametrize(
    ("file", "old", "new", "told"),
    [
        ("expectations/claims.yml", "\nrules:\n", _BY_SQL, "claims, rule planted: .*SOUNDEX"),
        (
            "expectations/claims.yml",
            "\nrules:\n",
            _BY_GX,
            "claims, rule planted: .*expect_column_values_to_match_regex .*write it as SQL",
        ),
        (
            "expectations/claims.yml",
            "  column: branch_code\n  description: Every one of the 47",
            "  column: ${branch}\n  description: Every one of the 47",
            "claims, rule branches_present: .*variable",
        ),
        (
            "dbt_like_sql/marts/mart_scorecard.sql",
            "select",
            "select md5('a') as planted,",
            r"marts/mart_scorecard\.sql: .*MD5",
        ),
    ],
)
def test_what_spark_cannot_do_is_told_when_the_project_is_loaded(
    tmp_path: Path, file: str, old: str, new: str, told: str
) -> None:
    """With Spark as the engine; DuckDB takes all of it."""
    settings = _planted(tmp_path, file, old, new)
    with pytest.raises(UntranslatableSQL, match=told):
        build_definitions(settings.model_copy(update={"engine": "spark"}))
    if file.startswith("expectations"):
        build_definitions(settings)


def test_a_model_without_a_form_is_named_with_the_construct(tmp_path: Path) -> None:
    folder = tmp_path / "models" / "kpis"
    folder.mkdir(parents=True)
    (folder / "shown.sql").write_text("select md5('a') as digest", encoding="utf-8")
    (folder / "schema.yml").write_text(
        "models: [{name: shown, description: d, config: {meta: {owner: o}}, columns: [{name: digest, data_type: varchar}]}]",
        encoding="utf-8",
    )
    with pytest.raises(UntranslatableSQL, match=r"kpis/shown\.sql: .*MD5") as raised:
        check_project(load_project(tmp_path / "models"))
    assert raised.value.where == "kpis/shown.sql"


# --- what is refused


@pytest.mark.parametrize(
    ("sql", "construct"),
    [
        ("select md5(a) from t", "MD5"),
        ("select no_such_function(a) from t", "the function no_such_function"),
        ("select a::double::varchar from t", "double to text"),
        ("select cast(a as double)::decimal(28, 10) from t", "double to a decimal"),
        ("select a::timestamptz from t", "type TIMESTAMPTZ"),
        ("select a::boolean from t", "boolean"),
        ("select try_cast(a as integer) from t", "TRYCAST"),
        ("select a / 2 // 3 from t", "//"),
        ("select a::decimal(28, 10) // 3 from t", "//"),
        ("select round(a, 1) from t", "round of a value whose type"),
        ("select string_agg(a, ',') from t", "string_agg without an order"),
        ("select list(a) from t", "ARRAYAGG"),
        ("select list(a order by a)[-1] from t", "element of a list"),
        ("select list(a order by b)[1] from t", "element of a list"),
        ("select a[1] from t", "brackets"),
        ("select list_contains(a, b) from t", "list_contains"),
        ("select first_value(a) over (order by b) from t", "over a window"),
        ("select row_number() over () from t", "without an order"),
        ("select sum(a) over (order by b range between 1 preceding and current row) from t", "ROWS"),
        ("select string_agg(a, ',' order by a) filter (where b) from t", "FILTER"),
        ("select * replace (a + 1 as a) from t", "STAR with replace"),
        ("select distinct on (a) b from t", "DISTINCT"),
        ("select * from t natural join u", "JOIN"),
        ("select * from t join u using (a)", "JOIN"),
        ("select * from t asof join u on t.a >= u.a", "JOIN"),
        ("select * from t, u", "a join without a condition"),
        ("select * from read_parquet('x')", "reading from"),
        ("select * from t union all by name select * from u", "UNION with by_name"),
        ("with recursive c as (select 1 as a union all select a + 1 from c) select * from c", "recursive"),
        ("select * from t using sample 10%", "SELECT with sample"),
        ("select * from t pivot (sum(a) for b in (1, 2))", "pivots"),
        ("select date_diff('month', a, b) from t", "date_diff"),
        ("select strftime(a, '%B') from t", "strftime"),
        ("select cast(a as date) - cast(b as date) from t", "a day"),
        ("select a + interval '1 day' as b from t", "interval"),
        ("select trim(a) from t", "trim"),
        ("select lower(a) from t", "LOWER"),
        ("select a ilike 'b' from t", "ILIKE"),
        (r"select a like 'b\_' from t", "backslash"),
        ("select regexp_matches(a, b) from t", "regular expression"),
        ("select regexp_matches(a, 'a', 'i') from t", "RegexpLike with"),
        ("select regexp_replace(a, 'a', 'b') from t", "REGEXPREPLACE"),
        ("select format('{}', a) from t", "format"),
        ("select format('{:,}', a) from t", "integer"),
        ("select substr(a, b) from t", "substr"),
        ("select avg(a) from t", "AVG"),
        ("select median(a) from t", "MEDIAN"),
        ("select '${a}' from t", "variable"),
        ("select 1; select 2", "one query"),
        ("create table t as select 1", "one query"),
        ("select from where", "this text"),
    ],
)
def test_what_has_no_checked_form_is_refused_by_name(sql: str, construct: str) -> None:
    with pytest.raises(UntranslatableSQL, match=re.escape(construct)) as raised:
        to_spark(sql, where="kpis/x.sql")
    assert str(raised.value).startswith("kpis/x.sql: ")


# --- what is rewritten


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("select a from staging.t", "SELECT `a` FROM `staging__t` AS `t`"),
        ("select x.a from staging_history.t as x", "SELECT `x`.`a` FROM `staging_history__t` AS `x`"),
        ("select staging.t.a from staging.t", "SELECT `t`.`a` FROM `staging__t` AS `t`"),
        ("select a from batch order by a, b desc", "SELECT `a` FROM `batch` ORDER BY `a` NULLS LAST, `b` DESC"),
        ("select cast(a as hugeint) from t", "SELECT CAST(`a` AS DECIMAL(38, 0)) FROM `t`"),
        ("select cast(a as integer) from t", "SELECT CAST(CAST(`a` AS DECIMAL(38, 0)) AS INT) FROM `t`"),
        ("select cast(count(*) as integer) from t", "SELECT CAST(COUNT(*) AS INT) FROM `t`"),
        ("select a::decimal from t", "SELECT CAST(`a` AS DECIMAL(18, 3)) FROM `t`"),
        ("select a || b + 1 from t", "SELECT `a` || (`b` + 1) FROM `t`"),
        ("select count(a) // 2 from t", "SELECT (COUNT(`a`) DIV 2) FROM `t`"),
        ("select a % b from t", "SELECT `a` % NULLIF(`b`, 0) FROM `t`"),
        (
            "select list_extract([1, 2], a) from t",
            "SELECT TRY_ELEMENT_AT(ARRAY(1, 2), NULLIF(CAST(`a` AS INT), 0)) FROM `t`",
        ),
        (
            "select rank() over (order by a) as r from t",
            "SELECT CAST(RANK() OVER (ORDER BY `a` NULLS LAST) AS BIGINT) AS `r` FROM `t`",
        ),
        ("select a is distinct from b from t", "SELECT `a` IS DISTINCT FROM `b` FROM `t`"),
        ("select regexp_full_match(a, '[0-9]+') from t", r"SELECT `a` RLIKE '(?d)\\A(?:[0-9]+)\\z' FROM `t`"),
        ("select 'it''s' || '\\d' from t", r"SELECT 'it\'s' || '\\d' FROM `t`"),
        (
            "select * exclude (a) from t anti join u on t.a = u.a",
            "SELECT * EXCEPT (`a`) FROM `t` ANTI JOIN `u` ON `t`.`a` = `u`.`a`",
        ),
        (
            "select max(a) over w from t window w as (partition by b)",
            "SELECT MAX(`a`) OVER (PARTITION BY `b`) FROM `t`",
        ),
        (
            "select a from t qualify row_number() over (partition by b order by c desc) = 1",
            "SELECT `a` FROM `t` QUALIFY ROW_NUMBER() OVER (PARTITION BY `b` ORDER BY `c` DESC) = 1",
        ),
        (
            "select strftime(cast(a as date) + to_months(-b), '%Y-%m') from t",
            "SELECT DATE_FORMAT(ADD_MONTHS(CAST(`a` AS DATE), -`b`), 'yyyy-MM') FROM `t`",
        ),
        (
            "select range from range(1, 48)",
            "SELECT `range` FROM (SELECT `id` AS `range` FROM RANGE(1, 48)) AS `range`",
        ),
        (
            "select arg_max(a, b) from t",
            "SELECT MAX_BY(`a`, CASE WHEN NOT `a` IS NULL THEN `b` END) FROM `t`",
        ),
    ],
)
def test_the_form(sql: str, expected: str) -> None:
    assert spark(sql) == expected


def test_comments_do_not_become_hints() -> None:
    assert "broadcast" not in to_spark("select /*+ broadcast(t) */ a from t -- broadcast", where="x").lower()


@pytest.mark.parametrize(
    ("pattern", "java"),
    [
        ("^((小|合|総)?計([（(].*)?|.*総額)$", r"(?d)^((小|合|総)?計([（(].*)?|.*総額)\z"),
        ("[.][0-9]+$", r"(?d)[.][0-9]+\z"),
        (r"\d{4}-\d{2,}", r"(?d)\d{4}-\d{2,}"),
        ("a(?:b|c)*", "(?d)a(?:b|c)*"),
    ],
)
def test_a_pattern_in_java(pattern: str, java: str) -> None:
    assert java_pattern(pattern) == java


@pytest.mark.parametrize(
    "pattern",
    [
        r"\s",
        r"\w",
        r"\bа",
        "(?i)a",
        "(?=a)",
        "(?P<n>a)",
        "a++",
        "a*?",
        r"(a)\1",
        "[a[b]]",
        "[a&&b]",
        r"[\w]",
        "[[:alpha:]]",
        r"\p{Han}",
        "{",
    ],
)
def test_a_pattern_that_java_reads_otherwise_is_refused(pattern: str) -> None:
    with pytest.raises(NoSparkForm, match="regular expression"):
        java_pattern(pattern)


@pytest.mark.parametrize(
    ("duckdb", "in_spark"),
    [
        ("varchar", "STRING"),
        ("decimal(28,10)", "DECIMAL(28, 10)"),
        ("HUGEINT", "DECIMAL(38, 0)"),
        ("blob", "BINARY"),
        ("STRUCT(a VARCHAR, b BIGINT)[]", "ARRAY<STRUCT<`a`: STRING, `b`: BIGINT>>"),
    ],
)
def test_types(duckdb: str, in_spark: str) -> None:
    assert spark_type(duckdb) == in_spark


@pytest.mark.parametrize(
    "data_type", ["timestamptz", "uuid", "map(varchar, integer)", "uhugeint", "time", "no_such_type"]
)
def test_a_type_that_has_no_form_is_refused(data_type: str) -> None:
    with pytest.raises(ValueError, match=data_type.split("(")[0]):
        spark_type(data_type)


def test_the_name_of_a_view() -> None:
    assert view_name("staging_history.stg_claims") == "staging_history__stg_claims"
    assert view_name("batch") == "batch"
