"""Contracts of record-level datasets: what they may say, and what is stored of their columns."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import yaml
from pydantic import ValidationError

from kenpo_pipelines.submissions.contract import Contract, ContractError, load_contracts
from kenpo_pipelines.submissions.partitions import raw_schema

BASE: dict[str, Any] = {
    "dataset": {
        "id": "visits", "name_ja": "受診", "owner": "team:x", "description": "d", "grain": "g", "folder": "month", "feeds": [],
        "key": ["branch_code", "visit_no"], "contradictions": "reject", "record_level": True, "business_month": "visited_on",
        "hold_back_above_pct": "1.5",
    },
    "columns": [
        {"name": "branch_code", "header": "支部コード", "type": "branch_code", "required": True, "description": "d"},
        {"name": "visit_no", "header": "番号", "type": "identifier", "required": True, "description": "d"},
        {"name": "visited_on", "header": "日", "type": "date", "required": True, "not_after_folder": True, "description": "d"},
        {"name": "symbol", "header": "記号", "type": "identifier", "personal": True, "required": True, "description": "d"},
        {"name": "suffix", "header": "枝番", "type": "identifier", "personal": True, "description": "d"},
        {"name": "yen", "header": "金額", "type": "integer", "description": "d"},
        {"name": "share", "header": "割合", "type": "decimal", "decimals": 4, "required": True, "description": "d"},
        {"name": "mean", "header": "平均", "type": "decimal", "description": "d"},
        {"name": "is_first", "header": "初診", "type": "flag", "required": True, "description": "d"},
    ],
    "layouts": [{"layout": "table"}],
    "row_rules": [
        {"id": "first_is_paid", "column": "yen", "fault": "missing_value", "reject_when": "is_first AND yen IS NULL",
         "origin": "o"},
    ],
}  # fmt: skip


def _contract(dataset: dict[str, Any] | None = None, column: dict[str, Any] | None = None, **changes: Any) -> Contract:
    raw = {**BASE, **changes, "dataset": {**BASE["dataset"], **(dataset or {})}}
    if column:
        raw["columns"] = [{**one, **column} if one["name"] == column["name"] else one for one in BASE["columns"]]
    return Contract.model_validate(raw)


def test_personal_columns_are_stored_as_one_key_where_the_first_of_them_stands() -> None:
    contract = _contract()
    assert [(one.name, one.storage, one.nullable, one.decimals) for one in contract.stored_columns] == [
        ("branch_code", "string", False, None),
        ("visit_no", "string", False, None),
        ("visited_on", "date", False, None),
        ("member_key", "blob", False, None),
        ("yen", "bigint", True, None),
        ("share", "decimal", False, 4),
        ("mean", "decimal", True, None),
        ("is_first", "boolean", False, None),
    ]
    assert contract.dataset.hold_back_above_pct == Decimal("1.5")
    fields = {field.name: field.type for field in raw_schema(contract)}
    assert (fields["member_key"], fields["yen"], fields["is_first"]) == (pa.binary(), pa.int64(), pa.bool_())
    assert (fields["share"], fields["mean"]) == (pa.decimal128(18, 4), pa.decimal128(28, 10))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"dataset": {"hold_back_above_pct": 1.5}}, "in quotes"),
        ({"dataset": {"hold_back_above_pct": "100"}}, "hold_back_above_pct"),
        ({"dataset": {"business_month": "yen"}}, "business_month"),
        ({"dataset": {"folder": "fiscal_year"}}, "not_after_folder|filed by month"),
        ({"dataset": {"contradictions": "keep"}}, "reject contradictions"),
        ({"dataset": {"record_level": False}}, "personal columns need"),
        ({"dataset": {"key": ["branch_code", "symbol"]}}, "no column symbol"),
        ({"column": {"name": "yen", "decimals": 2}}, "decimals belongs"),
        ({"column": {"name": "yen", "personal": True}}, "identifier"),
        ({"column": {"name": "yen", "not_after_folder": True}}, "month and date"),
        ({"column": {"name": "yen", "type": "text"}}, "columns.yen"),
        ({"column": {"name": "visited_on", "within": "yen"}}, "within belongs"),
        ({"column": {"name": "branch_code", "type": "identifier"}}, "one column branch_code"),
        ({"row_rules": [{**BASE["row_rules"][0], "column": "symbol"}]}, "no column symbol"),
        ({"row_rules": [{**BASE["row_rules"][0], "fault": "no_such"}]}, "no fault no_such"),
        ({"row_rules": [{**BASE["row_rules"][0], "reject_when": "symbol = '1'"}]}, "no column symbol"),
        ({"row_rules": [{**BASE["row_rules"][0], "reject_when": "yen = = 1"}]}, "no SQL expression"),
        ({"layouts": [{"layout": "registration_sheet", "title": "t", "branch_header": "b", "kpis": []}]}, "layouts"),
    ],
)  # fmt: skip
def test_a_wrong_contract_names_the_field(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        _contract(**change)


def test_row_rules_need_record_level_data() -> None:
    columns = [one for one in BASE["columns"] if not one.get("personal")]
    with pytest.raises(ValidationError, match="row_rules"):
        _contract({"record_level": False}, columns=columns)
    assert not _contract({"record_level": False}, columns=columns, row_rules=[]).has_personal_columns


def test_a_contract_is_loaded_from_its_file(tmp_path: Path) -> None:
    (tmp_path / "visits.yml").write_text(yaml.safe_dump(BASE, allow_unicode=True), encoding="utf-8")
    assert load_contracts(tmp_path)["visits"].dataset.record_level
    broken = {**BASE, "row_rules": [{**BASE["row_rules"][0], "column": "x"}]}
    (tmp_path / "visits.yml").write_text(yaml.safe_dump(broken, allow_unicode=True), encoding="utf-8")
    with pytest.raises(ContractError, match="visits.yml.*first_is_paid"):
        load_contracts(tmp_path)
