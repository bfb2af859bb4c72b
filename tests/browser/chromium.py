"""The browser that the tests drive: the system's Chromium. None is downloaded.

What lives here: finding it, and what to say when it is missing. ``python tests/browser/chromium.py`` fails and says how to get
one; ``make test`` asks first, so that nobody waits for the other tests to learn it.
"""

import shutil
import sys

NAMES = ("chromium", "chromium-browser", "google-chrome")
MISSING = (
    "No Chromium is installed, and the tests of pages need one: "
    "sudo apt-get install -y --no-install-recommends chromium fonts-noto-cjk"
)


def find_chromium() -> str | None:
    """Return the path of the first browser found on PATH."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


if __name__ == "__main__":
    sys.exit(MISSING if find_chromium() is None else None)
