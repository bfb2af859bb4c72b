"""Which KPIs count persons: every KPI of the catalogue is decided about, and faults are named."""

from pathlib import Path

import pytest

from kenpo_pipelines.catalogue.loading import load_catalogue
from kenpo_pipelines.disclosure.persons import PERSONS_FILE, PersonsError, load_persons

CATALOGUE = Path(__file__).parents[2] / "kenpo_pipelines" / "catalogue"


def test_every_kpi_of_the_catalogue_is_decided_about() -> None:
    assert load_persons().kpis.keys() == {kpi.id for kpi in load_catalogue(CATALOGUE).kpis}


def test_check_ups_guidance_and_visits_count_persons_and_office_work_does_not() -> None:
    persons = load_persons()
    for kpi_id in ("checkup_rate_insured", "guidance_rate_dependants", "untreated_visit_rate_10m"):
        assert persons.counts_persons(kpi_id)
    for kpi_id in ("committee_offices", "single_bid_rate", "service_standard_days", "recovery_rate"):
        assert not persons.counts_persons(kpi_id)


def test_kpis_that_tell_about_each_other_are_one_family() -> None:
    family = load_persons().family_of
    assert len({family[kpi] for kpi in ("checkup_rate_insured", "employer_checkup_data_rate", "checkup_persons")}) == 1
    assert family["guidance_persons"] == family["guidance_rate_dependants"] == family["guidance_rate_insured"]
    assert family["checkup_rate_insured"] != family["guidance_rate_insured"]
    assert "single_bid_rate" not in family


def test_a_kpi_that_nobody_decided_about_is_taken_to_count_persons() -> None:
    """A new KPI must not stop a month, and rather hides too much than too little."""
    persons = load_persons()
    assert "new_kpi" not in persons.kpis
    assert persons.counts_persons("new_kpi")
    assert persons.of("new_kpi").grows == "both"


@pytest.mark.parametrize(
    ("entry", "fault"),
    [
        ("{counts: persons, why: x}", "grows is said of persons"),
        ("{counts: offices, grows: both, why: x}", "grows is said of persons"),
        ("{counts: persons, grows: both, sum_of: [other], why: x}", "other is no KPI that counts persons"),
        ("{counts: people, why: x}", "counts"),
        ("{counts: offices}", "why"),
    ],
)
def test_a_wrong_entry_is_named(tmp_path: Path, entry: str, fault: str) -> None:
    path = tmp_path / "persons.yml"
    path.write_text(f"owner: a\norigin: b\nkpis:\n  mine: {entry}\n", encoding="utf-8")
    with pytest.raises(PersonsError, match=fault):
        load_persons(path)


def test_the_file_names_its_owner_and_origin() -> None:
    assert PERSONS_FILE.is_file()
    persons = load_persons()
    assert persons.owner == "team:planning"
    assert "設定" in persons.origin
