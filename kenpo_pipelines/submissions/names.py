"""Names of KPIs and branches as people type them, found in the catalogue.

What lives here: look-ups that ignore width, spaces and case. What does not: the names (``catalogue``). A spelling
that fits two KPIs fits none.
"""

from kenpo_pipelines.catalogue.model import Branch, Catalogue, Kpi
from kenpo_pipelines.submissions.texts import squeeze


class Names:
    """Squeezed names of one catalogue."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._kpis: dict[str, Kpi | None] = {}
        for kpi in catalogue.kpis:
            for name in (kpi.id, kpi.names.ja, *kpi.names.aliases):
                known = self._kpis.setdefault(squeeze(name), kpi)
                if known is not kpi:
                    self._kpis[squeeze(name)] = None
        self._branches = {
            squeeze(name): branch for branch in catalogue.branches for name in (branch.name, branch.short_name)
        }

    def kpi(self, text: str) -> Kpi | None:
        """Return the KPI whose id, Japanese name or alias the text is, or None."""
        return self._kpis.get(squeeze(text))

    def branch(self, text: str) -> Branch | None:
        """Return the branch of that name, with or without 支部, or None."""
        return self._branches.get(squeeze(text))
