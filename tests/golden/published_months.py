"""What a run over the published figures leaves behind, as the golden tests read it."""

from dataclasses import dataclass

from sqlalchemy import Engine

from kenpo_pipelines.running import MonthRun
from kenpo_pipelines.serving.queries import ScorecardRow, scorecard_rows


@dataclass(frozen=True)
class Published:
    """The demonstration's months, run and published."""

    database: Engine
    runs: tuple[MonthRun, ...]

    def scorecard(self, as_of: str, fiscal_year: int, branch: str) -> dict[str, ScorecardRow]:
        """One branch's scorecard of a month by KPI."""
        rows = scorecard_rows(self.database, as_of=as_of, fiscal_year=fiscal_year, branch=branch)
        assert {row.as_of for row in rows} == {as_of}
        return {row.kpi_id: row for row in rows}
