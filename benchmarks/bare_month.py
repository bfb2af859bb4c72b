"""The national month by hand: a plain DuckDB script over UTF-8 files, as somebody would write it for this one purpose.

No Dagster, no Great Expectations, no contracts, no quarantine: a file that is not clean stops it. Rows are not numbered, for
that would keep DuckDB to one core. It reads the same files,
replaces symbol, number and suffix by the same keyed hash, writes the same Parquet and runs the same aggregations. Run by
``benchmarks.national_month`` in a process of its own: ``python -m benchmarks.bare_month LANDING MONTH OUT KEY``.
"""

import sys
from pathlib import Path

import duckdb

from kenpo_pipelines.catalogue.business_calendar import calendar_table


def keyed_hash(key: bytes) -> str:
    """SQL of the first 16 bytes of HMAC-SHA-256 over symbol, number and suffix."""
    block = key.ljust(64, b"\0")
    inner, outer = (bytes(byte ^ pad for byte in block).hex() for pad in (0x36, 0x5C))
    message = "encode(ltrim(\"記号\", '0') || '|' || ltrim(\"番号\", '0') || '|' || ltrim(coalesce(\"枝番\", ''), '0'))"
    return f"unhex(sha256(unhex('{outer}') || unhex(sha256(unhex('{inner}') || {message}))))[:16] as member_key"


COLUMNS = {
    "benefit_decisions": (
        '"支部コード" as branch_code, "受付番号" as application_no, "給付種別" as benefit_type, "受付区分" as channel, '
        '"受付日"::date as received_on, "返戻日"::date as returned_on, "再受付日"::date as resubmitted_on, '
        '"決定日"::date as decided_on, "振込日"::date as paid_on, "決定区分" as decision, '
        '"支給額"::bigint as amount_yen, {person}'
    ),
    "claims": (
        '"支部コード" as branch_code, "レセプト管理番号" as claim_no, '
        '"診療年月" as service_month, "審査年月" as review_month, '
        '"点数表" as claim_type, {person}, "決定点数"::bigint as points, "後発数量"::decimal(18, 4) as generic_quantity, '
        '"後発あり先発数量"::decimal(18, 4) as brand_quantity, "後発薬剤料"::decimal(18, 4) as generic_yen, '
        '"後発あり先発薬剤料"::decimal(18, 4) as brand_yen, "高血圧受診フラグ"::boolean as treats_blood_pressure, '
        '"糖尿病受診フラグ"::boolean as treats_glucose, "脂質異常受診フラグ"::boolean as treats_lipid'
    ),
    "receipt_audits": (
        '"支部コード" as branch_code, "再審査申出番号" as request_no, "点検種別" as audit_type, '
        '"レセプト管理番号" as claim_no, "申出年月" as requested_month, "結果年月" as result_month, "結果" as outcome, '
        '"査定額"::bigint as assessed_yen'
    ),
    "recoverables": (
        '"支部コード" as branch_code, "債権番号" as debt_no, "債権種別" as debt_type, "区分" as event, '
        '"発生日"::date as event_on, "金額"::bigint as amount_yen, "回収方法" as method'
    ),
    "checkup_counts": (
        '"支部コード" as branch_code, "区分" as programme, "対象者数"::bigint as eligible, "実施者数"::bigint as performed'
    ),
    "guidance_counts": (
        '"支部コード" as branch_code, "対象" as subject, "実施主体" as provider, "対象者数"::bigint as eligible, '
        '"初回面談"::bigint as first_interviews, "実績評価"::bigint as evaluated'
    ),
    "untreated_persons": (
        '"支部コード" as branch_code, {person}, "健診受診年月" as checkup_month, "血圧該当"::boolean as over_blood_pressure, '
        '"血糖該当"::boolean as over_glucose, "脂質該当"::boolean as over_lipid'
    ),
}

AGGREGATIONS = {
    "claims_by_month": """
        select branch_code, service_month, review_month, claim_type, count(*) as claims, sum(points) * 10 as medical_cost_yen,
            sum(generic_quantity) as generic_quantity, sum(brand_quantity) as brand_quantity,
            sum(generic_yen) as generic_yen, sum(brand_yen) as brand_yen
        from claims group by all""",
    "condition_visits": """
        select branch_code, member_key, service_month, treats_blood_pressure, treats_glucose, treats_lipid
        from claims where treats_blood_pressure or treats_glucose or treats_lipid""",
    "untreated": """
        with persons as (
            select * from untreated_persons
            qualify row_number() over (partition by branch_code, member_key order by checkup_month) = 1
        ),
        visited as (
            select distinct persons.branch_code, persons.member_key
            from persons inner join condition_visits as visits using (branch_code, member_key)
            where visits.service_month >= persons.checkup_month
                and visits.service_month <= strftime(strptime(persons.checkup_month, '%Y-%m') + interval 10 month, '%Y-%m')
                and ((persons.over_blood_pressure and visits.treats_blood_pressure)
                    or (persons.over_glucose and visits.treats_glucose) or (persons.over_lipid and visits.treats_lipid))
        )
        select branch_code, checkup_month, count(*) as persons, count(visited.member_key) as visited
        from persons left join visited using (branch_code, member_key) group by all""",
    "decisions": """
        select branch_code, strftime(decided_on, '%Y-%m') as month, count(*) as covered,
            count(*) filter (where days <= 10) as in_time, sum(days) as days
        from (
            select d.branch_code, d.decided_on,
                paid.business_days_elapsed - received.business_days_elapsed
                - coalesce(resubmitted.business_days_elapsed - returned.business_days_elapsed, 0) as days
            from benefit_decisions as d
            inner join calendar as received on d.received_on = received.day
            inner join calendar as paid on d.paid_on = paid.day
            left join calendar as returned on d.returned_on = returned.day
            left join calendar as resubmitted on d.resubmitted_on = resubmitted.day
            where d.decision = '支給' and d.benefit_type in ('傷病手当金', '出産手当金', '出産育児一時金', '埋葬料')
        ) group by all""",
    "counter": """
        select branch_code, count(*) as applications, count(*) filter (where channel = '窓口') as counter
        from benefit_decisions group by all""",
    "audits": """
        select branch_code, result_month, sum(assessed_yen) as assessed_yen, count(*) as requests from receipt_audits
        where audit_type = '内容点検' and outcome = '査定' group by all""",
    "recoveries": """
        with debts as (select branch_code, debt_no, min(event_on) as established_on from recoverables
            where event = '調定' and debt_type <> '診療報酬返還金（不当請求）' group by all)
        select branch_code, event, strftime(event_on, '%Y-%m') as month, sum(amount_yen) as yen
        from recoverables inner join debts using (branch_code, debt_no) group by all""",
    "checkups": """
        select branch_code, programme, max(eligible) as eligible, sum(performed) as performed
        from checkup_counts group by all""",
    "guidance": """
        select branch_code, subject, max(eligible) as eligible, sum(evaluated) as evaluated
        from guidance_counts group by all""",
}
"""The same work as dbt_like_sql/facts and measures, for one month."""


def main(landing: Path, month: str, out: Path, key: str) -> None:
    connection = duckdb.connect(config={"threads": 2})
    person = keyed_hash(key.encode())
    for dataset, columns in COLUMNS.items():
        folder = out / dataset
        folder.mkdir(parents=True)
        for path in sorted((landing / dataset / month).glob("*.csv")):
            connection.execute(
                f"copy (select '{path.name}' as file, {columns.format(person=person)} "
                f"from read_csv('{path}', header = true, all_varchar = true, delim = ',', quote = '\"')) "
                f"to '{folder / path.stem}.parquet' (format parquet, compression zstd)"
            )
        connection.execute(f"create view {dataset} as select * from read_parquet('{folder}/*.parquet')")
    connection.register("calendar", calendar_table())
    for name, sql in AGGREGATIONS.items():
        connection.execute(f"copy ({sql}) to '{out / name}.parquet' (format parquet, compression zstd)")
        connection.execute(f"create view {name} as select * from read_parquet('{out / name}.parquet')")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]), sys.argv[4])
