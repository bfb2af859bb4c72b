"""Counts of check-ups and guidance: three and six rows of a branch and month.

What lives here: rows of ``checkup_counts`` and ``guidance_counts``. What does not: persons. The head counts are those of the
plans, the same in every month of a fiscal year, and not scaled with the size of the run.
"""

from decimal import Decimal
from random import Random

from kenpo_pipelines import fiscal
from kenpo_pipelines.synthetic.draws import literal
from kenpo_pipelines.synthetic.plan import Plan, allocate

_INSURED, _EMPLOYER, _DEPENDANTS = "生活習慣病予防健診", "事業者健診データ", "被扶養者特定健診"
_PROGRAMMES = {
    _INSURED: ("checkups_insured", "checkups_insured", "checkups"),
    _EMPLOYER: ("checkups_insured", "checkups_employer", "employer_data"),
    _DEPENDANTS: ("checkups_dependants", "checkups_dependants", "checkups"),
}
"""Head count, rate and season of each programme."""
_SUBJECTS = {"被保険者": "guidance_insured", "被扶養者": "guidance_dependants"}
_BASE_YEAR = 2025
_BRANCHES_WITH_BLANK = 5
"""Every so-manieth branch leaves the head count of 事業者健診データ blank: it is that of 生活習慣病予防健診."""


def checkups(plan: Plan, branch: str, folder: str) -> str:
    """Return SQL for the rows of checkup_counts in a folder."""
    chance = Random(f"{plan.seed}/checkup_counts/{branch}/{folder}")
    rows: list[tuple[object, ...]] = []
    for programme, (head_count, rate, season) in _PROGRAMMES.items():
        eligible = _eligible(plan, head_count, branch, folder)
        performed = _part(plan, eligible, plan.profile.rate(rate, branch), season, folder, chance)
        is_blank = programme == _EMPLOYER and int(branch) % _BRANCHES_WITH_BLANK == 0
        rows.append((programme, "CAST(NULL AS BIGINT)" if is_blank else f"CAST({eligible} AS BIGINT)", performed))
    values = ", ".join(f"({at}, {literal(name)}, {eligible}, {done})" for at, (name, eligible, done) in enumerate(rows))
    return (
        f"SELECT i, '{branch}' AS branch_code, programme, eligible, performed "
        f"FROM (VALUES {values}) AS t(i, programme, eligible, performed) ORDER BY i"
    )


def guidance(plan: Plan, branch: str, folder: str) -> str:
    """Return SQL for the rows of guidance_counts in a folder: every provider repeats the head count."""
    chance = Random(f"{plan.seed}/guidance_counts/{branch}/{folder}")
    profile = plan.profile.guidance_counts
    total = sum(profile.providers.values())
    shares = {name: Decimal(weight) / total for name, weight in profile.providers.items()}
    rows = []
    for subject, name in _SUBJECTS.items():
        eligible = _eligible(plan, name, branch, folder)
        evaluated = allocate(_part(plan, eligible, plan.profile.rate(name, branch), "guidance", folder, chance), shares)
        for provider in shares:
            interviews = round(evaluated[provider] * profile.interviews_per_evaluation) + chance.randrange(3)
            rows.append((subject, provider, eligible, interviews, evaluated[provider]))
    values = ", ".join(
        f"({at}, {', '.join(literal(one) for one in row)})"  # in the order of the columns below
        for at, row in enumerate(rows)
    )
    return (
        f"SELECT i, '{branch}' AS branch_code, subject, provider, eligible, first_interviews, evaluated "
        f"FROM (VALUES {values}) AS t(i, subject, provider, eligible, first_interviews, evaluated) ORDER BY i"
    )


def _eligible(plan: Plan, name: str, branch: str, folder: str) -> int:
    """Persons due in the folder's fiscal year: the plan of 2025, one per cent more in every later year."""
    growth = 1 + Decimal(fiscal.fiscal_year_of(folder) - _BASE_YEAR) / 100
    return round(plan.profile.head_count(name, branch) * growth)


def _part(plan: Plan, eligible: int, rate: Decimal, season: str, folder: str, chance: Random) -> int:
    """The month's part of the year, up to five per cent more or less."""
    noise = 1 + Decimal(chance.randint(-50, 50)) / 1000
    return max(1, round(eligible * rate / 100 * plan.profile.season(season, folder) * noise))
