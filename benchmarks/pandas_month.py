"""A tenth of the national month with pandas, as it would be written there: cp932 files, keyed hash, Parquet, group by.

Run by ``benchmarks.national_month`` in a process of its own: ``python -m benchmarks.pandas_month LANDING MONTH OUT KEY``.
"""

import hashlib
import hmac
import sys
from pathlib import Path

import pandas as pd

TEXT = ["支部コード", "レセプト管理番号", "診療年月", "審査年月", "点数表", "記号", "番号", "枝番"]
QUANTITIES = ["後発数量", "後発あり先発数量", "後発薬剤料", "後発あり先発薬剤料"]
FLAGS = ["高血圧受診フラグ", "糖尿病受診フラグ", "脂質異常受診フラグ"]


def main(landing: Path, month: str, out: Path, key: str) -> None:
    out.mkdir(parents=True)
    secret = key.encode()
    sums, visits = [], []
    for path in sorted((landing / "claims" / month).glob("*.csv")):
        frame = pd.read_csv(path, encoding="cp932", dtype=dict.fromkeys(TEXT, "str"))
        frame["member_key"] = [
            hmac.digest(
                secret, f"{symbol.lstrip('0')}|{number.lstrip('0')}|{suffix.lstrip('0')}".encode(), hashlib.sha256
            )[:16]
            for symbol, number, suffix in zip(frame["記号"], frame["番号"], frame["枝番"].fillna(""), strict=True)
        ]
        frame = frame.drop(columns=["記号", "番号", "枝番"])
        frame.to_parquet(out / f"{path.stem}.parquet", compression="zstd")
        by = ["支部コード", "診療年月", "審査年月", "点数表"]
        sums.append(frame.groupby(by, as_index=False)[["決定点数", *QUANTITIES]].sum())
        visits.append(frame.loc[frame[FLAGS].any(axis=1), ["支部コード", "member_key", "診療年月", *FLAGS]])
    pd.concat(sums).to_parquet(out / "claims_by_month.parquet")
    seen = pd.concat(visits)
    persons = pd.concat(
        pd.read_csv(path, encoding="cp932", dtype="str")
        for path in sorted((landing / "untreated_persons" / month).glob("*.csv"))
    )
    persons["member_key"] = [
        hmac.digest(secret, f"{symbol.lstrip('0')}|{number.lstrip('0')}|{suffix.lstrip('0')}".encode(), hashlib.sha256)[
            :16
        ]
        for symbol, number, suffix in zip(persons["記号"], persons["番号"], persons["枝番"].fillna(""), strict=True)
    ]
    joined = persons.merge(seen, on=["支部コード", "member_key"])
    joined.groupby("支部コード").size().to_frame("rows").to_parquet(out / "visited.parquet")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]), sys.argv[4])
