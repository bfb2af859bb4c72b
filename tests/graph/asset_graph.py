"""The asset graph as text and as questions: what is defined, what is asked for, and what is asked for in vain.

Dagster's ``validate_loadable`` accepts a dependency on an asset that nobody defines, and a check of one: two functions
here find them, and are themselves tested. Run as a program this writes the reviewed snapshot anew.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

import dagster as dg

SNAPSHOT = Path(__file__).with_name("asset_graph.txt")
HEADER = """\
# Assets, what they are made from, and their checks. Reviewed: a change of this file is a change of the pipeline.
# Write it anew with: .venv/bin/python tests/graph/asset_graph.py
"""


def specs(defs: dg.Definitions) -> Iterator[dg.AssetSpec]:
    """Specs of all assets that somebody defines (Dagster's own listing adds one for every key that is only named)."""
    for asset in defs.assets or []:
        if isinstance(asset, dg.AssetSpec):
            yield asset
        elif isinstance(asset, dg.AssetsDefinition):
            yield from asset.specs
        else:
            raise TypeError(f"an asset of a kind that this test does not know: {type(asset).__name__}")


def check_specs(defs: dg.Definitions) -> Iterator[dg.AssetCheckSpec]:
    """Specs of all checks, those of multi-assets and those that stand alone."""
    holders: Iterable[object] = [*(defs.assets or []), *(defs.asset_checks or [])]
    for holder in holders:
        if isinstance(holder, dg.AssetsDefinition):  # AssetChecksDefinition is one, too
            yield from (holder.get_spec_for_check_key(key) for key in holder.check_keys)


def undefined_dependencies(defs: dg.Definitions) -> set[tuple[str, str]]:
    """Pairs (asset, dependency) whose dependency nobody defines."""
    defined = {spec.key for spec in specs(defs)}
    return {
        (spec.key.to_user_string(), dep.asset_key.to_user_string())
        for spec in specs(defs)
        for dep in spec.deps
        if dep.asset_key not in defined
    }


def checks_of_undefined_assets(defs: dg.Definitions) -> set[tuple[str, str]]:
    """Pairs (asset, check) whose asset nobody defines."""
    defined = {spec.key for spec in specs(defs)}
    return {
        (check.asset_key.to_user_string(), check.name) for check in check_specs(defs) if check.asset_key not in defined
    }


def snapshot(defs: dg.Definitions) -> str:
    """Return the graph as text: one paragraph per asset, in the order of keys."""
    checks: dict[dg.AssetKey, list[str]] = {}
    for check in check_specs(defs):
        checks.setdefault(check.asset_key, []).append(f"  ? {check.name}{' (blocks)' if check.blocking else ''}")
    paragraphs = []
    for spec in sorted(specs(defs), key=lambda one: one.key):
        inputs = sorted(f"  < {_dependency(dep)}" for dep in spec.deps)
        paragraphs.append("\n".join([spec.key.to_user_string(), *inputs, *sorted(checks.get(spec.key, []))]))
    return HEADER + "\n" + "\n\n".join(paragraphs) + "\n"


def _dependency(dep: dg.AssetDep) -> str:
    history = " (all months up to this one)" if dep.metadata else ""
    return dep.asset_key.to_user_string() + history


if __name__ == "__main__":
    from kenpo_pipelines.definitions import build_definitions
    from kenpo_pipelines.settings import Settings

    SNAPSHOT.write_text(snapshot(build_definitions(Settings())), encoding="utf-8")
