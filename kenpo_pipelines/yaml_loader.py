"""The YAML loader of the project: safe, and the one written in C where the wheel has it (ten times as fast).

What lives here: the choice of the loader. What does not: reading files and what is in them.
"""

from typing import Any

import yaml

SAFE_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""Plain values only, never objects."""
