"""Where the branches lie: short names, regions, and their places on a tile map of Japan.

What lives here: the grid, one tile per prefecture, neighbours where a square grid allows it. What does not: names of branches
as published (those stand in the rows), figures, colours.
"""

from dataclasses import dataclass

REGIONS = ("北海道・東北", "関東", "中部", "近畿", "中国", "四国", "九州・沖縄")
"""From north to south, as head office lists them."""

_GRID = """
..  ..  ..  ..  ..  ..  ..  ..  ..  ..  ..  ..  01
..  ..  ..  ..  ..  ..  ..  ..  ..  ..  ..  02  ..
..  ..  ..  ..  ..  ..  ..  ..  ..  ..  05  03  ..
..  ..  ..  ..  ..  ..  ..  ..  ..  ..  06  04  ..
..  ..  ..  ..  ..  ..  ..  17  16  15  07  ..  ..
..  ..  ..  ..  ..  ..  18  21  20  10  09  08  ..
..  ..  32  31  28  26  25  23  19  11  13  12  ..
..  35  34  33  ..  27  29  24  22  14  ..  ..  ..
41  40  44  ..  ..  ..  30  ..  ..  ..  ..  ..  ..
42  43  45  ..  38  37  ..  ..  ..  ..  ..  ..  ..
..  46  ..  ..  39  36  ..  ..  ..  ..  ..  ..  ..
47  ..  ..  ..  ..  ..  ..  ..  ..  ..  ..  ..  ..
"""
_NAMES = """
北海道 青森 岩手 宮城 秋田 山形 福島 茨城 栃木 群馬 埼玉 千葉 東京 神奈川 新潟 富山 石川 福井 山梨 長野 岐阜 静岡 愛知 三重
滋賀 京都 大阪 兵庫 奈良 和歌山 鳥取 島根 岡山 広島 山口 徳島 香川 愛媛 高知 福岡 佐賀 長崎 熊本 大分 宮崎 鹿児島 沖縄
"""
_LAST_OF_REGION = (7, 14, 24, 30, 35, 39, 47)


@dataclass(frozen=True)
class Prefecture:
    """A branch's place: ``column`` and ``row`` of its tile are counted from 1."""

    code: str
    name: str
    region: str
    column: int
    row: int


def _prefectures() -> dict[str, Prefecture]:
    places = {
        code: (column, row)
        for row, line in enumerate(_GRID.split("\n")[1:-1], start=1)
        for column, code in enumerate(line.split(), start=1)
        if code != ".."
    }
    found = {}
    for number, name in enumerate(_NAMES.split(), start=1):
        code = f"{number:02d}"
        region = next(region for region, last in zip(REGIONS, _LAST_OF_REGION, strict=True) if number <= last)
        found[code] = Prefecture(code, name, region, *places[code])
    return found


PREFECTURES = _prefectures()
"""By branch code, in code order."""


def short_name(branch: str) -> str:
    """Return a branch's name as it stands on a tile or in a column: 東京支部 → 東京, 協会全体 as it is."""
    return branch.removesuffix("支部")
