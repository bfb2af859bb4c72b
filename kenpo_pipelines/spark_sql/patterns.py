r"""Regular expressions: DuckDB's RE2 and Spark's (Java's) agree on most, not on all.

What lives here: a pattern's Java form, or a refusal. What does not: the functions that take patterns (``functions``).

Refused is what the two read differently: ``[`` and ``&&`` inside brackets (Java: sets of sets), classes like ``\s`` whose
members differ, flags, references, look-around, possessive quantifiers. Rewritten: ``$`` (in Java also before a last line feed)
as ``\z``; ``.`` leaves out only the line feed in RE2, which Java's flag ``d`` says.
"""

import re

from kenpo_pipelines.spark_sql.errors import NoSparkForm

_ESCAPED = re.compile(r"\\([^A-Za-z0-9]|[dD])")
_SET = re.compile(r"\[\^?(?:\\[^A-Za-z0-9]|\\d|[^\]\[\\&])+\]")
_QUANTIFIER = re.compile(r"(?:[*+?]|\{\d+(?:,\d*)?\})")
_GROUP = re.compile(r"\((?:\?:|(?!\?))")
_PLAIN = re.compile(r"[^\\\[\](){}*+?^$]")


def java_pattern(pattern: str, *, is_whole_text: bool = False) -> str:
    """Return the Java form of an RE2 pattern; ``is_whole_text`` for one that must match all of a text."""
    written = ["(?d)"]
    if is_whole_text:
        written.append(r"\A(?:")
    written.append(java_part(pattern))
    if is_whole_text:
        written.append(r")\z")
    return "".join(written)


def java_part(pattern: str) -> str:
    """Return the Java form of a part of a pattern, without flags; raise :class:`NoSparkForm`."""
    written: list[str] = []
    place = 0
    is_after_quantifier = True
    while place < len(pattern):
        rest = pattern[place:]
        if quantifier := _QUANTIFIER.match(rest):
            if is_after_quantifier:
                raise NoSparkForm(f"the regular expression {pattern!r}: {rest[:1]!r} where nothing is repeated")
            written.append(quantifier[0])
            place += quantifier.end()
            is_after_quantifier = True
            continue
        is_after_quantifier = False
        match = _ESCAPED.match(rest) or _SET.match(rest) or _GROUP.match(rest)
        if match:
            written.append(match[0])
            place += match.end()
            is_after_quantifier = match[0].startswith("(")
            continue
        if rest[0] == "$":
            written.append(r"\z")
        elif rest[0] in "^)" or _PLAIN.match(rest):
            written.append(rest[0])
            is_after_quantifier = rest[0] in "^|"
        else:
            raise NoSparkForm(f"the regular expression {pattern!r}: {rest[:3]!r}")
        place += 1
    return "".join(written)
