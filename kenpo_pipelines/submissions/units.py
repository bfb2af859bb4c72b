"""Units of figures and their synonyms.

What lives here: which unit words are the same (社 = 事業所, ％ = %). What does not: which unit a KPI has (the
catalogue).
"""

from kenpo_pipelines.submissions.texts import squeeze

_SYNONYMS: dict[str, tuple[str, ...]] = {
    "%": ("％", "パーセント"),
    "日": ("日間",),
    "円": (),
    "千円": (),
    "万円": (),
    "百万円": (),
    "億円": (),
    "事業所": ("社", "事業所数"),
    "機関": (),
    "人": ("名",),
    "千人": (),
    "件": ("件数",),
    "支部": (),
    "回": (),
    "回/月": ("回／月",),
    "点": (),
    "成分": (),
    "ポイント": (),
}
_CANONICAL = {squeeze(word): unit for unit, words in _SYNONYMS.items() for word in (unit, *words)}


def known_unit(text: str) -> str | None:
    """Return the unit that the text names, in its one spelling, or None when the text is no unit."""
    return _CANONICAL.get(squeeze(text))


def is_same_unit(left: str, right: str) -> bool:
    """True when both texts name the same unit."""
    return (known_unit(left) or squeeze(left)) == (known_unit(right) or squeeze(right))
