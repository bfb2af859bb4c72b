"""What to do about a rule that does not hold, in Japanese, for who gets the alert.

What lives here: the usual advice by kind of failure. What does not: advice of a single rule, which stands beside it
(``advice_ja``).
"""

from expectations.completeness import Completeness
from expectations.outcome import RuleOutcome
from expectations.suite import Severity, Tier

_BROKEN = (
    "検査そのものが実行できませんでした（データは正しい可能性があります）。"
    "実行の記録を開き、データ基盤担当に連絡してください。"
)
_COLUMNS = (
    "必要な列がないため、このデータを使う集計は止まっています。"
    "様式が変わっていないかを確かめ、正しい様式で再提出を依頼してください。"
)
_NO_ROWS = "取り込まれた行がないため、このデータを使う集計は止まっています。提出ファイルの中身を確かめてください。"
_ROWS_CRITICAL = (
    "該当する支部の数値は使わず、判定不能としています。"
    "該当する行を支部に示し、訂正したファイルの再提出を依頼してください。"
)
_ROWS_WARNING = (
    "該当する数値を支部に確認してください。誤りであれば訂正したファイルの再提出を依頼し、正しければ対応は不要です。"
)
_ANALYTICAL = "前月や他支部との差の理由を支部に確認してください。実際の変動であれば対応は不要です。"
_MODEL_BLOCKING = (
    "集計の途中の表が決まりを満たさないため、この先の集計は止まっています。"
    "実行の記録を開き、データ基盤担当が調べてください。"
)
_MODEL = "集計の途中の表が決まりを満たしません。実行の記録で該当する行を確かめ、データ基盤担当が原因を調べてください。"
_MISSING = "未提出の支部に提出を依頼してください。届いた分だけで集計は続いています。"


def advice(outcome: RuleOutcome, *, is_submission: bool) -> str:
    """Return what to do about a rule that has not passed. ``is_submission``: it judged rows that a branch sent."""
    rule = outcome.rule
    if outcome.is_broken:
        return _BROKEN
    if rule.advice_ja is not None:
        return rule.advice_ja
    if rule.tier is Tier.ANALYTICAL and outcome.is_evaluated:
        return _ANALYTICAL
    if not is_submission:
        return _MODEL_BLOCKING if rule.is_blocking else _MODEL
    if rule.is_gate or not outcome.is_evaluated:
        return _NO_ROWS if not outcome.checked_rows else _COLUMNS
    return _ROWS_CRITICAL if rule.severity is Severity.CRITICAL else _ROWS_WARNING


def advice_on_missing(completeness: Completeness) -> str:
    """Return what to do about branches that are missing."""
    return _BROKEN if completeness.is_broken else completeness.rule.advice_ja or _MISSING
