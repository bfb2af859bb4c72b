"""Every fault a submission can have: its code, the class of value it describes and what to do about it, in Japanese.

What lives here: one table, and the two exceptions that carry a code upwards. What does not: the values themselves. A
fault never holds what the cell contained; ``{expected}`` is filled from the contract or the catalogue only.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class FaultKind:
    """One kind of fault.

    ``value_class`` says what kind of thing was found (it is stored instead of the value), ``advice`` what to do.
    """

    code: str
    value_class: str
    advice: str


_FILE_FAULTS = (
    FaultKind(
        "unsupported_extension",
        "受け付けていない種類のファイル",
        "CSV（.csv、.csv.gz）またはExcelブック（.xlsx）で保存し直して、再提出してください。",
    ),
    FaultKind(
        "unfit_name",
        "改行や見えない文字などが名前に入ったファイル",
        "ファイル名を付け直して（文字、数字、「-」「_」など）、再提出してください。",
    ),
    FaultKind("link", "別の場所を指すリンク", "リンクの先は読みません。ファイルそのものを提出してください。"),
    FaultKind(
        "not_a_file",
        "ファイルではないもの（フォルダー、装置など）",
        "提出先には、CSVまたはExcelブックのファイルだけを置いてください。",
    ),
    FaultKind(
        "not_permitted",
        "読み取りが許可されていないファイル",
        "読み取りの権限を付けて、もう一度置いてください。",
    ),
    FaultKind("vanished", "見つからないファイル", "読み取る前に消えたか、移されています。もう一度提出してください。"),
    FaultKind(
        "changed_meanwhile",
        "読み取りの途中で書き換えられたファイル",
        "書き込みが終わってから、もう一度提出してください。",
    ),
    FaultKind("not_text", "拡張子と中身が異なるファイル", "元のファイルを開き、CSV形式で保存し直してください。"),
    FaultKind(
        "undecodable",
        "文字コードを判別できないファイル",
        "Excelの「CSV UTF-8（コンマ区切り）」で保存し直して、再提出してください。",
    ),
    FaultKind(
        "truncated", "途中で切れている、または壊れているファイル", "元のファイルをもう一度保存し、再提出してください。"
    ),
    FaultKind(
        "encrypted",
        "パスワードで保護されたブック",
        "Excelの「ブックの保護」でパスワードを外して保存し直し、再提出してください。",
    ),
    FaultKind(
        "not_a_workbook",
        "Excelブックではないファイル",
        "拡張子だけを変えたファイルは読めません。Excelで開き、「Excelブック（.xlsx）」で保存し直してください。",
    ),
    FaultKind(
        "old_workbook", "古い形式（.xls）のブック", "Excelで開き、「Excelブック（.xlsx）」で保存し直してください。"
    ),
    FaultKind(
        "has_macros",
        "マクロを含むブック",
        "Excelで開き、マクロを含まない「Excelブック（.xlsx）」で保存し直して、再提出してください。",
    ),
    FaultKind(
        "has_definitions",
        "Excelが作らない定義（DTD・実体参照）を含むブック",
        "元の表をExcelで開き、「Excelブック（.xlsx）」で保存し直して、再提出してください。",
    ),
    FaultKind(
        "unfit_sheet_name",
        "シート名が正しくないブック",
        "シート名を31文字以内の文字と数字に付け直して、再提出してください。",
    ),
    FaultKind(
        "too_many_cells",
        "セルが多すぎるブック",
        "表の右と下にある空の行と列（書式や罫線だけのもの）を削除して保存し直すか、CSVで提出してください（上限：{expected}セル）。",
    ),
    FaultKind(
        "too_large",
        "大きすぎるファイル",
        "支部や月ごとに分けて、再提出してください（上限：{expected}）。",
    ),
    FaultKind(
        "unreasonable_size",
        "圧縮を解くと異常に大きくなるファイル",
        "元のデータからファイルを作り直して、再提出してください。",
    ),
    FaultKind(
        "line_too_long",
        "一行が長すぎるCSV",
        "{expected}からの改行と引用符を確かめ、保存し直して、再提出してください。",
    ),
    FaultKind("empty_file", "中身のないファイル", "正しいファイルかどうか確かめて、再提出してください。"),
    FaultKind(
        "no_rows",
        "見出しだけでデータ行がないファイル",
        "データの行を入力して、再提出してください。該当が一件もない月は、提出せずに本部へ連絡してください。",
    ),
    FaultKind("wrong_columns", "必要な列がそろっていないファイル", "次の列を見出しに加えてください：{expected}。"),
    FaultKind("duplicate_columns", "同じ列が二つ以上あるファイル", "次の列を一つだけにしてください：{expected}。"),
    FaultKind(
        "broken_quotes",
        '引用符（"）の対応が崩れたCSV',
        "{expected}付近の引用符を確かめ、Excelから保存し直してください。",
    ),
    FaultKind(
        "same_file_again",
        "同じ内容のファイル",
        "先に受け付けた「{expected}」と内容が全く同じため、取り込みません。訂正したファイルであれば、正しいものを提出してください。",
    ),
    FaultKind(
        "title_without_year",
        "表題に年度がない登録シート",
        "表題に「令和７年度」のように年度を入れてください。",
    ),
    FaultKind(
        "unknown_sheet_column",
        "どのKPIか分からない列がある登録シート",
        "{expected}の見出しを様式どおりの文言に戻してください。",
    ),
)

_ROW_FAULTS = (
    FaultKind(
        "ragged_row",
        "見出しと列の数が合わない行",
        "区切りのコンマの過不足を直してください（桁区切りのコンマを含む数値は引用符で囲みます）。",
    ),
    FaultKind(
        "undecodable_cell",
        "文字化けした値",
        "保存のときに文字が壊れています。元のファイルで値を確かめ、保存し直してください。",
    ),
    FaultKind("missing_value", "必須項目の空欄", "この列は空欄にできません。値を入力してください。"),
    FaultKind("formula_without_value", "計算結果が保存されていない数式", "Excelで開いて再計算し、保存してください。"),
    FaultKind("cell_error", "Excelのエラー値（#REF! など）", "数式の誤りを直し、正しい値にしてください。"),
    FaultKind("merged_cell", "結合されたセルの値", "セルの結合を解除し、行ごとに値を入力してください。"),
    FaultKind(
        "unexpected_cell_type", "日付や真偽値など、列に合わない種類の値", "セルの書式を確かめ、入力し直してください。"
    ),
    FaultKind("number_with_typo", "数値に余分な記号が付いた値", "余分な記号を取り、正しい数値だけを入力してください。"),
    FaultKind("number_with_words", "数値に言葉が付いた値", "数値だけを入力し、説明は「表記」欄に書いてください。"),
    FaultKind("number_with_note", "数値に注記が付いた値", "数値だけを入力し、注記は「表記」欄に移してください。"),
    FaultKind("several_numbers", "一つのセルに二つ以上の数値", "一つのセルには数値を一つだけ入力してください。"),
    FaultKind(
        "bad_separators", "桁区切りの位置が正しくない数値", "桁区切りのコンマは3桁ごとにするか、取り除いてください。"
    ),
    FaultKind(
        "scientific_number",
        "指数表示（1.37E+08 など）の数値",
        "桁が失われています。セルの書式を「数値」にして保存し直してください。",
    ),
    FaultKind("number_too_long", "桁数が多すぎる数値", "整数部は18桁までです。入力を確かめてください。"),
    FaultKind(
        "word_for_number",
        "数値の欄にある言葉",
        "数値を入力してください。実績がまだないときは「―」または「集計中」と入力します。",
    ),
    FaultKind("not_an_integer", "整数の欄にある小数", "整数を入力してください。"),
    FaultKind(
        "too_many_decimals", "小数点以下の桁数が多すぎる数値", "小数点以下は{expected}桁までで入力してください。"
    ),
    FaultKind("below_minimum", "許される範囲より小さい値", "{expected}以上の数値を入力してください。"),
    FaultKind(
        "not_a_branch_code", "支部コードとして読めない値", "支部コードを2桁（01～47、全国は00）で入力してください。"
    ),
    FaultKind("unknown_branch", "存在しない支部", "支部コード（01～47、全国は00）または支部名を確かめてください。"),
    FaultKind(
        "branch_mismatch",
        "支部コードと支部名の食い違い",
        "支部コードに対応する支部は「{expected}」です。どちらが正しいか確かめて直してください。",
    ),
    FaultKind("not_a_fiscal_year", "年度として読めない値", "「2025」または「令和7年度」のように入力してください。"),
    FaultKind("unknown_fiscal_year", "対象外の年度", "年度を確かめてください。受け付けている年度：{expected}。"),
    FaultKind("not_a_month", "年月として読めない値", "「2025-06」または「令和7年6月」のように入力してください。"),
    FaultKind("month_without_year", "年のない月", "「2025-06」のように年も入力してください。"),
    FaultKind(
        "ambiguous_month",
        "1月か10月か分からない年月",
        "「2025-01」または「2025-10」のように月を2桁で入力してください。",
    ),
    FaultKind("not_a_date", "日付として読めない値", "「2025-06-30」のように入力してください。"),
    FaultKind(
        "month_outside_fiscal_year",
        "年度に含まれない年月",
        "この年度は{expected}です。年度と年月のどちらが正しいか確かめてください。",
    ),
    FaultKind(
        "month_after_folder",
        "提出月より後の年月",
        "提出月（{expected}）までの年月を入力してください。",
    ),
    FaultKind(
        "date_after_folder",
        "提出月より後の日付",
        "提出月（{expected}）までの日付を入力してください。",
    ),
    FaultKind(
        "not_an_identifier",
        "番号として読めない値",
        "改行などの制御文字を取り除き、40文字以内の番号を入力してください。",
    ),
    FaultKind("not_a_flag", "1でも0でもない値", "該当は1、非該当は0と入力してください。"),
    FaultKind("unknown_kpi", "KPI一覧にない名称", "KPIのIDまたは正式な名称を入力してください。"),
    FaultKind(
        "kpi_not_in_force", "その年度にはないKPI", "年度とKPIの組み合わせを確かめてください。対象の年度：{expected}。"
    ),
    FaultKind("kpi_not_for_branch", "その支部では対象外のKPI", "支部コードとKPIを確かめてください。対象：{expected}。"),
    FaultKind("unit_disagrees", "KPIと異なる単位", "このKPIの単位は「{expected}」です。単位と数値を確かめてください。"),
    FaultKind(
        "amount_unit_missing",
        "単位の分からない金額",
        "単位（円、千円、百万円など）を「単位」の列、見出し、または金額の後に書いてください。",
    ),
    FaultKind(
        "not_an_amount_unit",
        "金額の単位ではない単位",
        "金額の単位は円、千円、万円、百万円、億円のいずれかです。単位を確かめてください。",
    ),
    FaultKind("text_too_long", "長すぎる文字列", "{expected}文字以内で入力してください。"),
    FaultKind("units_disagree", "単位の欄と異なる単位が付いた値", "値に付いた単位と「単位」の欄をそろえてください。"),
    FaultKind("unexpected_percent", "割合ではない列にある％の値", "件数や金額を、％を付けずに入力してください。"),
    FaultKind(
        "qualitative_number",
        "実施の有無を報告するKPIに入力された数値",
        "「実施」または「未実施」と入力してください。",
    ),
    FaultKind(
        "qualitative_word",
        "実施の有無として読めない言葉",
        "「実施」または「未実施」と入力してください。まだないときは「―」とします。",
    ),
    FaultKind("unknown_choice", "選択肢にない値", "次のいずれかを入力してください：{expected}。"),
    FaultKind(
        "denominator_missing",
        "分子だけで、分母も実績値もない行",
        "分母または実績値を入力してください。実績がまだないときは、分子を消すか、実績値に「集計中」と入力します。",
    ),
    FaultKind("target_missing", "目標値の空欄", "「以上」「以下」の目標には数値を入力してください。"),
    FaultKind(
        "target_unexpected", "「実施」の目標に付いた数値", "数値を消すか、比較を「以上」「以下」に直してください。"
    ),
    FaultKind("comparator_unfit", "KPIに合わない比較", "数値のKPIに「実施」は使えません。比較を確かめてください。"),
    FaultKind(
        "comparators_disagree",
        "比較の欄と目標値の欄の食い違い",
        "比較は「{expected}」です。目標値の欄の言葉と、どちらが正しいか確かめてください。",
    ),
    FaultKind(
        "payment_date_missing",
        "支給した申請の振込日の空欄",
        "支給決定には振込日が必要です。振込日を入力してください。振込前のものは、振込後の月に提出してください。",
    ),
    FaultKind(
        "resubmission_missing",
        "返戻した申請の再受付日の空欄",
        "返戻日のある支給決定には再受付日が必要です。再受付日を入力してください。返戻していないときは返戻日を消してください。",
    ),
    FaultKind(
        "return_date_missing",
        "再受付日だけがある申請の返戻日の空欄",
        "返戻日を入力するか、返戻していないときは再受付日を消してください。",
    ),
    FaultKind(
        "dates_out_of_order",
        "前後が逆の日付",
        "同じ行の日付（受付→返戻→再受付→決定・振込）の前後を確かめて直してください。",
    ),
    FaultKind(
        "date_out_of_range",
        "日数を数えられない範囲の日付",
        "2019-01-01から2035-12-31までの日付を入力してください。年の入力を確かめてください。",
    ),
    FaultKind(
        "review_before_service",
        "診療年月より前の審査年月",
        "診療年月と審査年月のどちらが正しいか確かめて直してください。",
    ),
    FaultKind(
        "result_incomplete",
        "結果年月または査定額のない査定",
        "結果が査定のときは、結果年月と査定額の両方を入力してください。",
    ),
    FaultKind(
        "no_condition_over",
        "血圧・血糖・脂質のどれにも該当しない未治療者",
        "該当するフラグに1を入力するか、対象でない方の行を消してください。",
    ),
    FaultKind(
        "contradictory_rows",
        "同じ項目に異なる値がある行",
        "同じ項目の行が{expected}にあり、値が異なります。正しい1行だけを残してください。",
    ),
    FaultKind(
        "repeated_row",
        "同じ内容の行の繰り返し",
        "同じ内容の行が{expected}にもあります。1行だけを残してください。",
    ),
)

FAULTS: dict[str, FaultKind] = {kind.code: kind for kind in (*_FILE_FAULTS, *_ROW_FAULTS)}
"""Fault kinds by code."""


class CellFault(Exception):
    """One cell cannot be used. Carries the fault's code and what was expected, never what the cell held."""

    def __init__(self, code: str, expected: str = "") -> None:
        super().__init__(code)
        self.code = code
        self.expected = expected


class FileFault(Exception):
    """The whole file cannot be used; nothing of it is loaded. Carries the fault's code and what was expected."""

    def __init__(self, code: str, expected: str = "") -> None:
        super().__init__(code)
        self.code = code
        self.expected = expected


def advice(code: str, expected: str = "") -> str:
    """Return what to do about the fault, in Japanese."""
    return FAULTS[code].advice.format(expected=expected)


def detail(code: str, expected: str = "") -> str:
    """Return one sentence for a refused file: what it is, and what to do."""
    return f"{FAULTS[code].value_class}です。{advice(code, expected)}"
