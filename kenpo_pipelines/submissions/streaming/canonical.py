"""Cells that need no interpretation, as SQL: what most cells of most files are.

What lives here: for each column the typed value and the test that the text says exactly that, in one spelling or few. What
does not: every other spelling, which Python reads (``cell_readers``). Both give the same value where both give one.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from kenpo_pipelines import fiscal
from kenpo_pipelines.catalogue.model import NATION, Catalogue
from kenpo_pipelines.submissions.columns import Column, ColumnType

DEFAULT_DECIMALS = 10
SPELLED_MONTH, MONTHS = "spelled_month", "getvariable('months')"
_LARGEST = 10**18 - 1


@dataclass(frozen=True)
class Canonical:
    """``type`` in the engine; ``value`` (SQL); ``test`` (SQL, not true for a text that Python must read)."""

    type: str
    value: str
    test: str


def canonical(column: Column, text: str | None, typed: str, catalogue: Catalogue, folder: str) -> Canonical:
    """Return the SQL for one column: ``text`` names its text (None where the file lacks the column), ``typed`` its value."""
    type_ = sql_type(column)
    if text is None:
        return Canonical(type_, f"CAST(NULL AS {type_})", "TRUE")
    value, test = _value_and_test(column, text, typed, catalogue, folder)
    return Canonical(type_, value, f"({text} IS NULL OR ({test}))" if column.allows_blank else f"({test})")


def sql_type(column: Column) -> str:
    """Return the column's type in the engine."""
    if column.type is ColumnType.DECIMAL:
        return "DECIMAL(28, 10)" if column.decimals is None else f"DECIMAL(18, {column.decimals})"
    types = {ColumnType.INTEGER: "BIGINT", ColumnType.DATE: "DATE", ColumnType.FLAG: "BOOLEAN"}
    return types.get(column.type, "VARCHAR")


def _value_and_test(column: Column, text: str, typed: str, catalogue: Catalogue, folder: str) -> tuple[str, str]:
    match column.type:
        case ColumnType.BRANCH_CODE:
            return (
                text,
                f"list_contains({_listed(code for code in catalogue.branch_by_code if code != NATION)}, {text})",
            )
        case ColumnType.CHOICE:
            return text, f"list_contains({_listed(column.values)}, {text})"
        case ColumnType.FLAG:
            return f"{text} = '1'", f"{text} BETWEEN '0' AND '1' AND strlen({text}) = 1"
        case ColumnType.IDENTIFIER if column.personal:
            return (
                f"CASE WHEN {text} < '1' THEN ltrim({text}, '0') ELSE {text} END",
                f"regexp_full_match({text}, '[0-9]{{1,40}}')",
            )
        case ColumnType.IDENTIFIER:
            return text, f"regexp_full_match({text}, '[0-9A-Za-z][!#-+\\-.-~]{{0,39}}')"
        case ColumnType.INTEGER:
            value = f"TRY_CAST({text} AS BIGINT)"
            low = -_LARGEST if column.min is None else int(column.min.to_integral_value(rounding="ROUND_CEILING"))
            return value, f"CAST({typed} AS VARCHAR) = {text} AND {typed} BETWEEN {low} AND {_LARGEST}"
        case ColumnType.DECIMAL:
            return _decimal(column, text, typed)
        case ColumnType.MONTH:
            return f"{MONTHS}[enum_code(TRY_CAST({text} AS {SPELLED_MONTH})) + 1]", _until(column, typed, folder)
        case ColumnType.DATE:
            return _date(column, text, typed, folder)
        case _:
            raise AssertionError(column.type)


def _until(column: Column, typed: str, folder: str) -> str:
    return f"{typed} <= {quoted(folder)}" if column.not_after_folder else f"{typed} IS NOT NULL"


def _decimal(column: Column, text: str, typed: str) -> tuple[str, str]:
    decimals = DEFAULT_DECIMALS if column.decimals is None else column.decimals
    whole = 18 if column.decimals is None else 18 - decimals
    value = f"TRY_CAST({text} AS {sql_type(column)})"
    sign = "" if column.min is not None and column.min >= 0 else "-?"
    fraction = f"(\\.[0-9]{{1,{decimals}}})?" if decimals else ""
    test = f"regexp_full_match({text}, '{sign}[0-9]{{1,{whole}}}{fraction}')"
    return value, test if column.min in (None, 0) else f"{test} AND {typed} >= {column.min:f}"


def _date(column: Column, text: str, typed: str, folder: str) -> tuple[str, str]:
    marked = f"regexp_full_match({text}, '20[0-9]{{2}}[-/][0-9]{{1,2}}[-/][0-9]{{1,2}}')"
    compact = f"regexp_full_match({text}, '20[0-9]{{6}}')"
    spelled = f"left({text}, 4) || '-' || substr({text}, 5, 2) || '-' || right({text}, 2)"
    value = f"CASE WHEN {marked} THEN TRY_CAST({text} AS DATE) WHEN {compact} THEN TRY_CAST({spelled} AS DATE) END"
    if column.not_after_folder:
        return value, f"{typed} < DATE '{fiscal.add_months(folder, 1)}-01'"
    return value, f"{typed} IS NOT NULL"


def quoted(text: str) -> str:
    """Return the text as an SQL literal."""
    return "'" + text.replace("'", "''") + "'"


def month_types(folder: str) -> tuple[str, list[str]]:
    """Return the SQL of an enumeration of the months that may occur in their usual spellings, and the months in its order:
    looking a text up in it is several times faster than taking it apart."""
    years = range(2015, int(folder[:4]) + 2)
    months = [f"{year}-{month:02d}" for year in years for month in range(1, 13)]
    spelled = [month.replace("-", mark) for mark in ("-", "", "/") for month in months]
    return f"CREATE TYPE {SPELLED_MONTH} AS ENUM ({', '.join(map(quoted, spelled))})", months * 3


def _listed(values: Iterable[str]) -> str:
    return f"[{', '.join(map(quoted, values))}]"
