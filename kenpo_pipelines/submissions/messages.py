"""Problems in words for branch staff.

What lives here: one Japanese line per problem and per refused file. What does not: the wording of each fault
(``faults``).
"""

from kenpo_pipelines.submissions.submission import Checked, Problem


def describe(problem: Problem) -> str:
    """Return where the problem is, what it is and what to do; with the cell's text where it may be shown."""
    place = f"{problem.file}"
    if problem.sheet:
        place += f" シート「{problem.sheet}」"
    place += f" {problem.row_number}行目"
    if problem.column_name:
        place += f"「{problem.column_name}」列"
    shown = f"（入力値：{problem.shown}）" if problem.shown else ""
    return f"{place}：{problem.value_class}です{shown}。{problem.advice}"


def describe_refusal(submission: Checked) -> str:
    """Return why a whole file was refused and what to do; '' for a file that was read."""
    return f"{submission.file}：{submission.detail}" if submission.status == "refused" else ""


def describe_unlisted(submission: Checked) -> str:
    """Return how many more rows have problems than are listed; '' when all are."""
    return f"ほか{submission.rows_unlisted}行" if submission.rows_unlisted else ""


def describe_nothing(submission: Checked) -> str:
    """Return that a file which was read holds nothing to load; '' for every other."""
    if submission.status == "refused" or submission.rows_loaded:
        return ""
    return "取り込める行が1行もありません。ファイルと、データの種類・年度・月の指定を確かめてください。"
