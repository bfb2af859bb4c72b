"""Fuzzing by hand: ``make fuzz``, or ``python tests/fuzz/campaign.py --files 10000 --seed 1``.

Prints the seeds it uses and every finding with its seed; keeps the file of each finding. ``--only SEED`` reads one file again.
"""

import argparse
import os
import sys
import tempfile
import time
from collections import Counter
from multiprocessing import get_context
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1] / "unit")]

from comparing import finding
from mutated_files import make

_AT_ONCE = 50


def found_in(seeds: range) -> tuple[list[tuple[int, str]], Counter[str]]:
    """Return the findings among the seeds, and how many files of each kind there were."""
    found: list[tuple[int, str]] = []
    kinds: Counter[str] = Counter()
    for seed in seeds:
        with tempfile.TemporaryDirectory(prefix="kenpo-fuzz-") as folder:
            made = make(seed)
            kinds[made.name.partition(".")[2]] += 1
            if told := finding(made, Path(folder)):
                found.append((seed, told))
    return found, kinds


def main() -> int:
    """Run the campaign; return 1 when there is a finding."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--only", type=int)
    parser.add_argument("--keep", type=Path, default=Path(tempfile.gettempdir()) / "kenpo-fuzz")
    asked = parser.parse_args()
    first = asked.only if asked.only is not None else asked.seed * 1_000_000
    seeds = range(first, first + (1 if asked.only is not None else asked.files))
    print(f"seeds {seeds.start} to {seeds.stop - 1}", flush=True)
    began, findings, kinds = time.monotonic(), 0, Counter[str]()
    batches = [seeds[at : at + _AT_ONCE] for at in range(0, len(seeds), _AT_ONCE)]
    with get_context("spawn").Pool(min(os.cpu_count() or 1, len(batches))) as pool:
        for found, counted in pool.imap_unordered(found_in, batches):
            kinds += counted
            for seed, told in found:
                findings += 1
                made = make(seed)
                asked.keep.mkdir(parents=True, exist_ok=True)
                (asked.keep / f"{seed}-{made.dataset}-{made.name}").write_bytes(made.data)
                print(f"seed {seed} {made.dataset} {made.name} {made.encoding} {made.done}\n{told}\n", flush=True)
    spent = time.monotonic() - began
    print(f"{sum(kinds.values())} files ({dict(kinds)}) in {spent:.0f} s, {findings} findings", flush=True)
    if findings:
        print(f"kept in {asked.keep}; read one again: python tests/fuzz/campaign.py --only <seed>")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
