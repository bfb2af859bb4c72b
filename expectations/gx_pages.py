"""A page of Great Expectations' Data Docs, from counts alone: like ``gx_engine`` it imports GX, so import it inside functions.

What lives here: our outcomes as GX's validation result, and GX's rendering of it as plain content. What does not: the page as
HTML and its place (``data_docs``).

GX's own view of that content is left out. It fetches a dozen scripts and styles and a picture that counts readers from other
people's servers; and a result that GX made itself may carry values of rows, so results are put together here, from outcomes
that have none.
"""

from collections.abc import Sequence
from typing import Any

from great_expectations.core import ExpectationSuiteValidationResult, ExpectationValidationResult
from great_expectations.expectations.expectation_configuration import ExpectationConfiguration
from great_expectations.render.renderer.page_renderer import ValidationResultsPageRenderer

from expectations.outcome import RuleOutcome
from expectations.suite import BATCH, GATES

_RUN_INFO = "Run Info"
_SQL_EXPECTATION = "unexpected_rows_expectation"


def rendered(asset: str, month: str, outcomes: Sequence[RuleOutcome]) -> list[dict[str, Any]]:
    """Return the sections of the page, as GX renders the suite's result: plain dicts of ``content_blocks``.

    Of each rule: what must hold, in Japanese, and how many of how many rows do not. GX orders them by result and groups them by
    column.
    """
    evaluated = [outcome for outcome in outcomes if outcome.is_evaluated]
    successes = sum(outcome.passed for outcome in evaluated)
    result = ExpectationSuiteValidationResult(
        success=all(outcome.passed for outcome in outcomes),
        suite_name=asset,
        results=[_result(outcome) for outcome in outcomes],
        statistics={
            "evaluated_expectations": len(evaluated),
            "successful_expectations": successes,
            "unsuccessful_expectations": len(evaluated) - successes,
            "success_percent": 100 * successes / len(evaluated) if evaluated else None,
        },
        meta={"run_id": {"run_name": month, "run_time": f"{month}-01T00:00:00+00:00"}},
    )
    document = ValidationResultsPageRenderer(run_info_at_end=True).render(result).to_json_dict()
    # what GX says of the run is its own version and the time above, which is none
    return [section for section in document["sections"] if section.get("section_name") != _RUN_INFO]


def _result(outcome: RuleOutcome) -> ExpectationValidationResult:
    rule = outcome.rule
    # GX wants arguments that it understands, which those of a broken rule may not be; it shows the description in their place.
    # A rule that was not judged has no counts, of which GX would say "unknown %".
    is_sql = rule.expectation is None or not outcome.is_evaluated
    configuration = ExpectationConfiguration(
        type=_SQL_EXPECTATION if is_sql else str(rule.expectation),
        kwargs={"unexpected_rows_query": rule.unexpected_rows or BATCH} if is_sql else dict(rule.kwargs),
        description=_text(f"{rule.id}: {rule.description_ja}"),
    )
    return ExpectationValidationResult(
        success=outcome.passed,
        expectation_config=configuration,
        result=_counts(outcome),
        meta={},
        exception_info={
            "raised_exception": outcome.is_broken,
            "exception_message": _text(outcome.message) if outcome.is_broken else None,
            "exception_traceback": None,
        },
    )


def _text(text: str) -> str:
    return text.replace("$", "＄")  # it would begin a parameter of GX's templates


def _counts(outcome: RuleOutcome) -> dict[str, Any]:
    if outcome.is_broken:
        return {"observed_value": "—"}
    if not outcome.is_evaluated or outcome.rule.expectation in GATES:
        return {"observed_value": outcome.message or f"{outcome.checked_rows:,} rows"}
    if outcome.rule.expectation is None:
        return {"observed_value": f"{outcome.failed_rows:,} of {outcome.checked_rows:,} rows at fault"}
    percent = 100 * outcome.failed_rows / outcome.checked_rows if outcome.checked_rows else 0.0
    return {
        "element_count": outcome.checked_rows,
        "unexpected_count": outcome.failed_rows,
        "unexpected_percent": percent,
    }
