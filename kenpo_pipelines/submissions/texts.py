"""Comparing and showing text as people type it: width, spaces, dashes, control characters.

What lives here: normal forms of words (headers, names, choices). What does not: numbers — their digits are narrowed
by an explicit table in ``numerals``, because NFKC would turn ① and ² into digits.
"""

import re
import unicodedata

SPACES = re.compile(r"[\s\u3000\u00a0\u200b-\u200d\u2060\ufeff]+")
LOOK_ALIKES = str.maketrans({"〜": "~", "−": "-", "‐": "-", "‑": "-", "–": "-", "—": "-", "―": "-"})
_SHOWN_LENGTH = 40


def trim(text: str) -> str:
    """Return the text without spaces of any kind at its ends."""
    return text.strip(" \t\r\n\v\f\u3000\u00a0\u200b\u200c\u200d\u2060\ufeff")


def squeeze(text: str) -> str:
    """Return the form in which two spellings of one word are equal: NFKC, no spaces, lower case, one kind of dash."""
    return SPACES.sub("", unicodedata.normalize("NFKC", text)).translate(LOOK_ALIKES).casefold()


def visible(text: str) -> str:
    """Return the text without what a terminal obeys and what hides or turns text; line ends stay."""
    return "".join(char for char in text if char == "\n" or unicodedata.category(char) not in ("Cc", "Cf", "Cs"))


def printable(text: str) -> str:
    """Return the text fit for one line of a terminal: no control characters, at most 40 characters."""
    clean = "".join(" " if unicodedata.category(char).startswith(("C", "Z")) else char for char in text)
    return clean if len(clean) <= _SHOWN_LENGTH else clean[: _SHOWN_LENGTH - 1] + "…"
