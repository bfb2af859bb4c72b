"""Names that people read in alerts: datasets, checks, branches, KPIs and months in Japanese.

What lives here: from ids to names. What does not: sentences (``check_failures``, ``run_failures``) and whole messages
(``message``).
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from kenpo_pipelines.catalogue.model import NATION
from kenpo_pipelines.submissions.contract import dataset_names
from resources.installation import Installation

ENVIRONMENT_TEXT = {"local": "手元", "staging": "検証", "production": "本番"}

CHECK_TEXT = {
    "structural": "様式の検査（全体）",
    "structural_rows": "様式の検査（行）",
    "structural_warning": "様式の検査（注意）",
    "logical": "数値のつじつまの検査",
    "logical_critical": "数値のつじつまの検査（重大）",
    "analytical": "前月・他支部との比較の検査",
    "analytical_critical": "前月・他支部との比較の検査（重大）",
    "completeness": "提出がそろっているかの検査",
    "rows_accounted_for": "行数の照合",
    "files_readable": "ファイルが読めるかの検査",
    "rows_readable": "行が読めるかの検査",
}
"""Checks of the project; others are told by their own name."""

_ALL = "all"
MOST_BRANCHES, MOST_KPIS = 10, 5


@dataclass(frozen=True)
class Names:
    """Names by id. Codes and ids that are not known are told as they are."""

    datasets: Mapping[str, str]
    branches: Mapping[str, str]
    kpis: Mapping[str, str]

    @classmethod
    def of(cls, installation: Installation) -> "Names":
        """Return the names of the installation's contracts and catalogue."""
        catalogue = installation.catalogue
        return cls(
            dataset_names(installation.contracts),
            {branch.code: branch.name for branch in catalogue.branches},
            {kpi.id: kpi.names.ja for kpi in catalogue.kpis},
        )

    def asset(self, key: Sequence[str]) -> str:
        """Return what an asset is called: レセプト情報（raw/claims）, or its key."""
        path = "/".join(key)
        name = self.datasets.get(key[-1])
        return f"{name}（{path}）" if name else path

    def branch(self, code: str) -> str:
        """Return 13 東京支部."""
        name = self.branches.get(code)
        return f"{code} {name}" if name else code

    def branch_list(self, counts: Mapping[str, int | None]) -> str:
        """Return the branches with their counts, the first ten in code order: 13 東京支部（2）、27 大阪支部（1）ほか3支部."""
        shown = [
            self.branch(code) + ("" if count is None else f"（{count:,}）") for code, count in sorted(counts.items())
        ]
        rest = len(shown) - MOST_BRANCHES
        return "、".join(shown[:MOST_BRANCHES]) + (f" ほか{rest}支部" if rest > 0 else "")

    def all_branches(self, codes: Collection[str]) -> bool:
        """True when the codes are those of every branch."""
        return {code for code in self.branches if code != NATION} <= set(codes)

    def kpi_list(self, ids: Sequence[str]) -> str:
        """Return the KPIs' Japanese names, the first five of them; ``all`` stands for every KPI."""
        if _ALL in ids:
            return "すべてのKPI"
        shown = [f"「{self.kpis.get(one, one)}」" for one in ids]
        rest = len(shown) - MOST_KPIS
        return "".join(shown[:MOST_KPIS]) + (f" ほか{rest}件" if rest > 0 else "")


def check_text(name: str) -> str:
    """Return what a check is called."""
    return CHECK_TEXT.get(name, f"検査 {name}")
