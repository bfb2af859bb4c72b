"""Coverage-guided fuzzing of the readers: atheris changes bytes and keeps what reaches new code.

Not among the project's dependencies, for it installs on few systems: ``pip install atheris``, then
``python tests/fuzz/guided.py -max_total_time=600``. Files begin as those of ``make fuzz``; what they mean after that nobody
knows, so only crashes, hangs and accounts that do not add up are found. libFuzzer's options apply; a finding is kept as
``crash-…`` (an empty one, after "Done", is the end of the process, in which native libraries and atheris disagree).
"""

import sys
import tempfile
from pathlib import Path

import atheris

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1] / "unit")]

with atheris.instrument_imports(include=["kenpo_pipelines.submissions"]):
    from comparing import account
    from mutated_files import Made, make
    from submission_files import contracts

_DATASETS = sorted(contracts())
_NAMES = ("提出.csv", "提出.csv.gz", "提出.xlsx")
_SEEDS = 300


def one_input(data: bytes) -> None:
    """Read one file: the first byte says which dataset and kind it is."""
    if not data:
        return
    dataset, name = _DATASETS[data[0] % len(_DATASETS)], _NAMES[data[0] // len(_DATASETS) % len(_NAMES)]
    with tempfile.TemporaryDirectory(prefix="kenpo-fuzz-") as folder:
        if told := account(Made(0, dataset, name, data[1:], ""), Path(folder)):
            raise AssertionError(told)


def main() -> None:
    """Write the first files, and go on until stopped."""
    with tempfile.TemporaryDirectory(prefix="kenpo-corpus-") as corpus:
        for seed in range(_SEEDS):
            made = make(seed)
            first = _DATASETS.index(made.dataset) + len(_DATASETS) * _NAMES.index(made.name)
            (Path(corpus) / str(seed)).write_bytes(bytes([first]) + made.data)
        atheris.Setup([*sys.argv, corpus], one_input)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
