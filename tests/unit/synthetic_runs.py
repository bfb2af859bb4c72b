"""Small synthetic runs for tests: the real profile, four branches."""

from decimal import Decimal
from functools import cache
from pathlib import Path

from kenpo_pipelines.catalogue.loading import load_catalogue
from kenpo_pipelines.catalogue.model import Catalogue
from kenpo_pipelines.settings import CHECKOUT
from kenpo_pipelines.submissions.contract import Contract, load_contracts
from kenpo_pipelines.synthetic.generate import Written, generate
from kenpo_pipelines.synthetic.plan import Plan
from kenpo_pipelines.synthetic.profile import Profile, load_profile

WEIGHTS = {"02": Decimal("0.06"), "05": Decimal("0.10"), "13": Decimal("0.80"), "31": Decimal("0.04")}


def small_profile() -> Profile:
    profile = load_profile()
    weights = profile.branch_weights.model_copy(update={"weights": WEIGHTS})
    return profile.model_copy(update={"branch_weights": weights})


def plan(profile: Profile | None = None, **changes: object) -> Plan:
    asked = {"month": "2025-09", "first": "2025-08", "claims": 5_000, "seed": 7, "dirty_pct": Decimal(0)}
    return Plan(profile or small_profile(), **(asked | {"encoding": "cp932"} | changes))  # type: ignore[arg-type]


@cache
def contracts() -> dict[str, Contract]:
    return load_contracts(CHECKOUT / "expectations")


@cache
def catalogue() -> Catalogue:
    return load_catalogue(CHECKOUT / "kenpo_pipelines" / "catalogue")


def write(out: Path, asked: Plan) -> Written:
    return generate(asked, contracts(), catalogue(), out)
