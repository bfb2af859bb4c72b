"""Who a row is about, without saying it: symbol, number and suffix to a keyed hash.

What lives here: the normal form of an identifier and of its parts, HMAC-SHA-256 as SQL. What does not: the key itself, which
is handed to the engine as a value and stands in no text.
"""

import hashlib
import re
import unicodedata

from pydantic import SecretStr

from kenpo_pipelines.submissions.faults import CellFault
from kenpo_pipelines.submissions.texts import LOOK_ALIKES, SPACES

_BLOCK = 64
_BYTES = 16
_LONGEST = 40
_INNER, _OUTER = "kenpo_inner_key", "kenpo_outer_key"


def identifier(text: str) -> str:
    """Return the identifier in its one spelling: NFKC, no spaces, one kind of dash, case as written.

    Raises :class:`CellFault` ``not_an_identifier`` for control characters, marks that NFKC would turn into digits (① ² ½), more
    than 40 characters, or neither a letter nor a digit.
    """
    if text.isascii() and text.isalnum() and len(text) <= _LONGEST:
        return text
    narrow = SPACES.sub("", unicodedata.normalize("NFKC", text))
    found = unicodedata.normalize("NFKC", narrow).translate(LOOK_ALIKES)
    has_other = any(
        unicodedata.category(char)[0] == "C" or unicodedata.category(char) == "No" for char in SPACES.sub("", text)
    )
    if has_other or "\n" in text or len(found) > _LONGEST or not any(char.isalnum() for char in found):
        raise CellFault("not_an_identifier")
    return found


def part(text: str) -> str:
    """Return one part of what identifies a person: digits alone lose their leading zeros, so that 0012 and 12 are one."""
    found = identifier(text)
    return found.lstrip("0") if re.fullmatch("[0-9]+", found) else found


def key_values(key: SecretStr | None) -> dict[str, bytes]:
    """Return the two padded keys of HMAC-SHA-256 as variables of the engine; none without a key."""
    if key is None:
        return {}
    secret = key.get_secret_value().encode()
    block = (hashlib.sha256(secret).digest() if len(secret) > _BLOCK else secret).ljust(_BLOCK, b"\0")
    return {_INNER: bytes(byte ^ 0x36 for byte in block), _OUTER: bytes(byte ^ 0x5C for byte in block)}


def member_key_sql(parts: list[str]) -> str:
    """Return SQL of the first 16 bytes of HMAC-SHA-256 over the parts (SQL of texts; NULL counts as none), joined by |."""
    between = ", '|', "
    message = f"concat({between.join(parts)})"
    inner = f"unhex(sha256(getvariable('{_INNER}') || encode({message})))"
    return f"unhex(left(sha256(getvariable('{_OUTER}') || {inner}), {2 * _BYTES}))"
