"""Text as somebody might send it: markup, formulas, marks that turn the reading direction. It stays text everywhere."""

from dataclasses import replace

from kenpo_pipelines.scorecards import ScorecardRow

SCRIPT = "<script>alert(1)</script>"
FORMULA = "=cmd|' /C calc'!A0"
IMAGE = '"><img src=x onerror=alert(2)>'
CLOSING = "</script><script>alert(3)</script>"
COMMENT = "<!--<script>]]>"
TEMPLATE = "{{ 7 * 7 }}${7*7}"
TURNED = "支部\u202egnp.xslx"
TEXTS = (SCRIPT, FORMULA, IMAGE, CLOSING, COMMENT, TEMPLATE, TURNED)
ALL = " ".join(TEXTS)
FORMULAS = (FORMULA, "+1+1", "-2+3", "@SUM(1)", "\t=1+1")
"""What a spreadsheet would run when it stood at the beginning of a cell."""


def hostile_row(row: ScorecardRow, text: str = ALL) -> ScorecardRow:
    """The same line with hostile text wherever a submission or a name can bring text in."""
    return replace(
        row,
        branch=text,
        kpi=text,
        reason_text=text,
        notes=text,
        flags=f"{text}\n{text}",
        target_text=text if row.target is None else row.target_text,
        value_text=text if row.value is None and row.value_text else row.value_text,
    )
