"""What a check report says around the sheet, in Japanese: the result in one line, what to do next, what is not shown.

What lives here: sentences that the page and the workbook share. What does not: the words of faults.
"""

from openpyxl.utils import get_column_letter

from kenpo_pipelines.scorecards.check_report.report import CheckReport, Mark, ReportRow, ReportSheet, Verdict

TITLE = "提出ファイルの確認結果"
SHEET_TITLE = "確認結果"
MARK_WORDS = {True: ("×", "直すところ"), False: ("・", "お知らせ（直さなくても提出できます）")}

_RESULT = {
    (Verdict.FINE, False): "○ このまま提出できます",
    (Verdict.FINE, True): "○ すべての行を取り込めます",
    (Verdict.TO_CORRECT, False): "× 直すところがあります（まだ提出できません）",
    (Verdict.TO_CORRECT, True): "× 取り込めなかった行があります",
    (Verdict.UNREADABLE, False): "× このファイルは読み取れません",
    (Verdict.UNREADABLE, True): "× このファイルは読み取れませんでした",
}
_A_COPY = "この確認結果は写しです。この中で直しても、提出にはなりません。"


def result(report: CheckReport) -> str:
    """Return the result in one line."""
    return _RESULT[report.verdict, report.is_landed]


def facts(report: CheckReport) -> list[tuple[str, str]]:
    """Return what the summary lists: label and text."""
    told = [("ファイル", report.file)]
    if report.dataset:
        told.append(("データの種類", report.dataset))
    if report.period:
        told.append(("提出する月・年度", report.period))
    if report.verdict is Verdict.UNREADABLE:
        return [*told, ("読み取り", "できません")]
    return [
        *told,
        ("読み取り", "できました"),
        ("行数", f"{report.rows_read:,}行（うち取り込める行 {report.rows_loaded:,}行）"),
        ("受け付けられない行", f"{report.rows_rejected:,}行"),
        ("直すところ", _count(report)),
    ]


def _count(report: CheckReport) -> str:
    more = f"　ほか{report.marks_unlisted:,}か所以上" if report.marks_unlisted else ""
    return f"{report.to_correct:,}か所{more}"


def next_steps(report: CheckReport) -> list[str]:
    """Return what to do now, in order."""
    if report.verdict is Verdict.UNREADABLE:
        return [report.reason, _again(report)]
    if report.verdict is Verdict.FINE:
        return ["対応は不要です。"] if report.is_landed else ["このファイルを、いつもの方法で提出してください。"]
    steps = [report.reason] if report.reason else []
    if report.to_correct:
        steps.append(
            "元のファイルを開き、下の一覧の「×」を上から順に直してください。番号は、表の中で色が付いたセルの番号と同じです。"
        )
    return [*steps, _again(report), _A_COPY]


def _again(report: CheckReport) -> str:
    if report.is_landed:
        return (
            f"直したファイルの全体を、同じ提出先（{report.period}）にもう一度提出してください。"
            "直した行だけのファイルにはしないでください。"
        )
    return "直したら保存し、もう一度確かめてから提出してください。"


def caution(report: CheckReport) -> str:
    """Return what the report does not show and why; '' where it shows everything."""
    if report.hides_values:
        return (
            "個人に関するデータのため、セルの値は表示しません。「数字8桁」などは値の種類、「＊＊＊」は記号・番号・枝番です。"
            "値は元のファイルで確かめてください。"
        )
    return "記号・番号のように見える値は、表示せず「数字8桁」のように種類だけを示します。"


def unlisted(report: CheckReport) -> str:
    """Return that more places have problems than are listed; '' when all are."""
    if not report.marks_unlisted:
        return ""
    return f"ほかに{report.marks_unlisted:,}か所以上あります。まず上のものを直し、もう一度確かめてください。"


def column_words(mark: Mark) -> str:
    """Return the column that a mark is about: 「実績値」列, or 行全体."""
    if not mark.column_name:
        return "行全体"
    return f"「{mark.column_name}」" if mark.columns else f"「{mark.column_name}」（ファイルにない列）"


def left_out_before(row: ReportRow) -> str:
    """Return which rows are not shown just above a row; '' for none."""
    if row.left_out is None:
        return ""
    first, last = row.left_out
    return f"{first:,}行目は省略" if first == last else f"{first:,}～{last:,}行目は省略"


def left_out_of(sheet: ReportSheet) -> list[str]:
    """Return what of a sheet is not shown at its end and to its right."""
    told = []
    if sheet.left_out_after:
        told.append("これより下の行は省略")
    if sheet.columns_left_out:
        told.append(f"{get_column_letter(sheet.width)}列より右の{sheet.columns_left_out:,}列は省略")
    return told
