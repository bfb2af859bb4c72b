"""Mutated files whose seeds come from the code that reads: each change of it meets files that were never read before.

The same code always meets the same files, so nothing fails by chance. What is compared is told in ``test_mutated_files``.
"""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "unit"))

from campaign import found_in

from kenpo_pipelines.submissions.fingerprint import reading_digest

FILES, AT_ONCE = 750, 50
FIRST = int(reading_digest()[:12], 16)


@pytest.mark.parametrize("batch", range(FILES // AT_ONCE))
def test_nothing_is_found(batch: int) -> None:
    first = FIRST + batch * AT_ONCE
    found, _ = found_in(range(first, first + AT_ONCE))
    assert found == []
