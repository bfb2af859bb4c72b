"""The KPI catalogue's content against a hand-made copy of its specification, and what a wrong file is told."""

import csv
import shutil
from decimal import Decimal
from pathlib import Path

import openpyxl
import pytest

from kenpo_pipelines.catalogue.dictionary import CATALOGUE_DIRECTORY, DICTIONARY_PATH, render_dictionary
from kenpo_pipelines.catalogue.loading import load_catalogue
from kenpo_pipelines.catalogue.model import NATION, Catalogue, CatalogueError, Kind, TargetRuleName

PUBLISHED = Path(__file__).parents[2] / "examples" / "published"
EVERYWHERE, NATION_ONLY, AKITA_ONLY = "all", "nation", "branches"

# id, fiscal years and rule per version, decimals, unit, direction, accumulation, scope; in the order of the scorecard.
SPECIFICATION = """
service_standard_attainment      2023-:uniform                       2 %      at_least cumulative all
service_standard_days            2025-:uniform                       2 日     at_most  cumulative all
postal_rate                      2023:branch_set,2024:prior_year     1 %      at_least cumulative all
counter_receipt_rate             2025-:prior_year                    1 %      at_most  cumulative all
claims_assessment_rate_joint     2023:prior_year                     3 %      at_least cumulative all
claims_assessment_rate           2024-:prior_year                    3 %      at_least cumulative all
assessed_amount_per_receipt      2023-:prior_year                    0 円     at_least cumulative all
judo_multi_site_rate             2023:prior_year                     2 %      at_most  cumulative all
insurance_card_recovery_rate     2023-2024:prior_year                2 %      at_least cumulative all
recovery_rate_after_loss         2023:prior_year                     2 %      at_least cumulative all
recovery_rate                    2024-:prior_year                    2 %      at_least cumulative all
dependant_confirmation_rate      2023:branch_set                     1 %      at_least cumulative all
checkup_rate_insured             2023-:branch_set                    1 %      at_least cumulative all
employer_checkup_data_rate       2023-:branch_set                    1 %      at_least cumulative all
checkup_rate_dependants          2023-:branch_set                    1 %      at_least cumulative all
guidance_rate_insured            2023-:branch_set                    1 %      at_least cumulative all
guidance_rate_dependants         2023-:branch_set                    1 %      at_least cumulative all
untreated_visit_rate_3m          2023:uniform                        1 %      at_least cohort     all
untreated_visit_rate_10m         2024-:prior_year                    1 %      at_least cohort     all
health_declaration_offices       2023:branch_set,2024-:branch_set    0 事業所 at_least level      all
generic_share_volume             2023-:prior_year_end_or_80          1 %      at_least year_end   all
generic_share_value              2025-:prior_year                    1 %      at_least year_end   nation
biosimilar_ingredient_share      2024-:uniform                       1 %      at_least level      nation
biosimilar_outreach              2025-:qualitative                   0 -      at_least none       all
line_monthly_posts               2025-:qualitative                   0 -      at_least none       all
policy_statements                2023:qualitative                    0 -      at_least none       all
website_visits                   2025-:uniform                       0 件     at_least cumulative nation
committee_coverage_rate          2023-:branch_set                    1 %      at_least level      all
committee_offices                2024-:prior_year                    0 事業所 at_least level      all
single_bid_rate                  2023-:uniform                       1 %      at_most  cumulative all
checkup_persons                  2025-:prior_year                    0 人     at_least cumulative nation
guidance_persons                 2025-:prior_year                    0 人     at_least cumulative nation
sbp130_share_male                2024-2029:uniform                   1 %      at_most  year_end   branches
sbp130_share_female              2024-2029:uniform                   1 %      at_most  year_end   branches
generic_share_branches_attained  2023-2024:uniform                   0 支部   at_least year_end   nation
"""
ROWS = [line.split() for line in SPECIFICATION.strip().splitlines()]


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return load_catalogue(CATALOGUE_DIRECTORY)


def published(name: str) -> list[dict[str, str]]:
    with (PUBLISHED / name).open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def test_every_kpi_is_there_in_scorecard_order(catalogue: Catalogue) -> None:
    by_order = sorted(catalogue.kpis, key=lambda kpi: kpi.order)
    assert [kpi.id for kpi in by_order] == [row[0] for row in ROWS]


@pytest.mark.parametrize("row", ROWS, ids=[row[0] for row in ROWS])
def test_definition_follows_the_specification(catalogue: Catalogue, row: list[str]) -> None:
    kpi_id, versions, precision, unit, direction, accumulation, scope = row
    kpi = catalogue.kpi_by_id[kpi_id]
    found = []
    for version in kpi.versions:
        first, last = version.fiscal_years.first, version.fiscal_years.last
        years = f"{first}-" if last is None else str(first) if first == last else f"{first}-{last}"
        found.append(f"{years}:{version.target.rule}")
        assert version.precision == int(precision)
        assert version.unit == ("" if unit == "-" else unit)
        assert version.direction == direction
        assert version.accumulation == accumulation
        assert version.scope == scope
    assert ",".join(found) == versions


def test_kind_follows_the_unit(catalogue: Catalogue) -> None:
    kinds = {"%": Kind.RATE, "日": Kind.MEAN, "円": Kind.MEAN, "": Kind.QUALITATIVE}
    for kpi in catalogue.kpis:
        for version in kpi.versions:
            assert version.kind is kinds.get(version.unit, Kind.COUNT), kpi.id


def test_groups(catalogue: Catalogue) -> None:
    ids = [row[0] for row in ROWS]
    basic = set(ids[: ids.index("dependant_confirmation_rate") + 1])
    for kpi in catalogue.kpis:
        expected = (
            "基盤的保険者機能"
            if kpi.id in basic
            else "組織・運営体制"
            if kpi.id == "single_bid_rate"
            else "戦略的保険者機能"
        )
        assert kpi.group == expected, kpi.id


@pytest.mark.parametrize(
    ("kpi_id", "fiscal_year", "target"),
    [
        ("service_standard_attainment", 2023, "100"),
        ("service_standard_attainment", 2026, "100"),
        ("service_standard_days", 2025, "7"),
        ("untreated_visit_rate_3m", 2023, "13.1"),
        ("single_bid_rate", 2023, "20"),
        ("single_bid_rate", 2024, "15"),
        ("single_bid_rate", 2025, "15"),
        ("biosimilar_ingredient_share", 2024, "18"),
        ("biosimilar_ingredient_share", 2025, "21"),
        ("biosimilar_ingredient_share", 2026, "25"),
        ("website_visits", 2025, "137000000"),
        ("website_visits", 2026, "142000000"),
        ("generic_share_branches_attained", 2024, "47"),
        ("sbp130_share_male", 2025, "48.2"),
        ("sbp130_share_female", 2025, "32.9"),
    ],
)
def test_uniform_target_of_the_year(catalogue: Catalogue, kpi_id: str, fiscal_year: int, target: str) -> None:
    version = catalogue.version(kpi_id, fiscal_year)
    assert version is not None
    assert version.target.uniform_value(fiscal_year) == Decimal(target)


@pytest.mark.parametrize(("kpi_id", "base"), [("sbp130_share_male", "48.6"), ("sbp130_share_female", "33.3")])
def test_blood_pressure_goal_falls_by_0_2_points_a_year(catalogue: Catalogue, kpi_id: str, base: str) -> None:
    """The base of fiscal year 2022 holds through 2023; the first step is fiscal year 2024."""
    for fiscal_year in range(2024, 2030):
        version = catalogue.version(kpi_id, fiscal_year)
        assert version is not None
        expected = Decimal(base) - Decimal("0.2") * (fiscal_year - 2023)
        assert version.target.uniform_value(fiscal_year) == expected
        assert version.branches == ("05",)


def test_versions_by_fiscal_year(catalogue: Catalogue) -> None:
    postal_2023, postal_2024 = catalogue.version("postal_rate", 2023), catalogue.version("postal_rate", 2024)
    assert postal_2023 is not None and postal_2023.target.rule is TargetRuleName.BRANCH_SET
    assert postal_2024 is not None and postal_2024.target.rule is TargetRuleName.PRIOR_YEAR
    assert catalogue.version("postal_rate", 2025) is None
    assert catalogue.version("counter_receipt_rate", 2024) is None
    assert catalogue.version("no_such_kpi", 2025) is None
    declared_2023 = catalogue.version("health_declaration_offices", 2023)
    declared_2024 = catalogue.version("health_declaration_offices", 2024)
    assert declared_2023 is not None and declared_2024 is not None
    assert declared_2023.definition != declared_2024.definition
    assert catalogue.version("health_declaration_offices", 2026) is declared_2024


def test_tokyo_prints_committee_coverage_with_two_decimals(catalogue: Catalogue) -> None:
    version = catalogue.version("committee_coverage_rate", 2025)
    assert version is not None
    assert [version.precision_for(code) for code in (NATION, "05", "13")] == [1, 1, 2]


def test_policy_statements_count_branches_for_the_nation(catalogue: Catalogue) -> None:
    version = catalogue.version("policy_statements", 2023)
    assert version is not None
    assert (version.kind_for("05"), version.unit_for("05")) == (Kind.QUALITATIVE, "")
    assert (version.kind_for(NATION), version.unit_for(NATION), version.precision_for(NATION)) == (
        Kind.COUNT,
        "支部",
        0,
    )
    assert version.target_for(NATION).uniform_value(2023) == 47
    assert version.target_for("05").rule is TargetRuleName.QUALITATIVE


def test_near_attainment_stands_on_fixed_numeric_targets_only(catalogue: Catalogue) -> None:
    for kpi in catalogue.kpis:
        for version in kpi.versions:
            is_fixed = version.target.rule in (TargetRuleName.UNIFORM, TargetRuleName.BRANCH_SET)
            expected = is_fixed and version.direction == "at_least"
            assert (version.near_attainment is not None) == expected, kpi.id
            if version.near_attainment:
                assert version.near_attainment.min_ratio_pct == 95
                assert version.near_attainment.basis.startswith("Inferred")


def test_predecessors_are_never_comparable(catalogue: Catalogue) -> None:
    links = {kpi.id: kpi.predecessor for kpi in catalogue.kpis if kpi.predecessor}
    assert {kpi_id: link.kpi for kpi_id, link in links.items()} == {
        "counter_receipt_rate": "postal_rate",
        "claims_assessment_rate": "claims_assessment_rate_joint",
        "recovery_rate": "recovery_rate_after_loss",
        "untreated_visit_rate_10m": "untreated_visit_rate_3m",
    }
    assert not any(link.comparable for link in links.values())
    assert all(link.note for link in links.values())


def test_exceptions_of_single_kpis(catalogue: Catalogue) -> None:
    small_tenders = {
        kpi.id: (version.small_tender_exception.max_planned, version.small_tender_exception.max_numerator)
        for kpi in catalogue.kpis
        for version in kpi.versions
        if version.small_tender_exception
    }
    assert small_tenders == {"single_bid_rate": (6, 1)}
    ended = {kpi.id: version.ended_in for kpi in catalogue.kpis for version in kpi.versions if version.ended_in}
    assert ended == {"insurance_card_recovery_rate": "2024-11"}


@pytest.mark.parametrize(
    ("kpi_id", "lag"),
    [
        ("service_standard_attainment", (0, 2)),
        ("counter_receipt_rate", (1, 1)),
        ("claims_assessment_rate", (2, 2)),
        ("recovery_rate", (1, 1)),
        ("checkup_rate_insured", (1, 2)),
        ("guidance_rate_dependants", (1, 1)),
        ("untreated_visit_rate_10m", (1, 2)),
        ("generic_share_volume", (3, 3)),
        ("health_declaration_offices", (0, 0)),
        ("single_bid_rate", (0, 0)),
        ("line_monthly_posts", (0, 0)),
        ("committee_offices", (0, 1)),
    ],
)
def test_reporting_lag(catalogue: Catalogue, kpi_id: str, lag: tuple[int, int]) -> None:
    version = catalogue.kpi_by_id[kpi_id].versions[-1]
    assert version.reporting_lag_months == lag


def test_in_force_depends_on_year_and_branch(catalogue: Catalogue) -> None:
    tokyo = [kpi.id for kpi in catalogue.in_force(2025, "13")]
    akita = [kpi.id for kpi in catalogue.in_force(2025, "05")]
    nation = [kpi.id for kpi in catalogue.in_force(2025, NATION)]
    nation_only = [
        "generic_share_value",
        "biosimilar_ingredient_share",
        "website_visits",
        "checkup_persons",
        "guidance_persons",
    ]
    assert len(tokyo) == 19
    assert set(akita) - set(tokyo) == {"sbp130_share_male", "sbp130_share_female"}
    assert set(nation) - set(tokyo) == set(nation_only)
    assert [kpi_id for kpi_id in nation if kpi_id in nation_only] == nation_only
    assert catalogue.in_force(2022, "13") == []
    assert len(catalogue.in_force(2023, "13")) == 19


def test_baseline_year_is_the_one_before_the_first(catalogue: Catalogue) -> None:
    assert catalogue.is_baseline_year("generic_share_volume", 2022)
    assert catalogue.is_baseline_year("counter_receipt_rate", 2024)
    assert not catalogue.is_baseline_year("counter_receipt_rate", 2023)
    assert not catalogue.is_baseline_year("counter_receipt_rate", 2025)
    assert not catalogue.is_baseline_year("postal_rate", 2025)
    assert not catalogue.is_baseline_year("no_such_kpi", 2022)


def test_branches_and_fiscal_years(catalogue: Catalogue) -> None:
    assert [branch.code for branch in catalogue.branches] == [f"{number:02d}" for number in range(48)]
    assert len({branch.name for branch in catalogue.branches}) == 48
    names = {code: catalogue.branch_by_code[code].name for code in ("00", "01", "05", "08", "13", "20", "31", "47")}
    assert names == {
        "00": "協会全体",
        "01": "北海道支部",
        "05": "秋田支部",
        "08": "茨城支部",
        "13": "東京支部",
        "20": "長野支部",
        "31": "鳥取支部",
        "47": "沖縄支部",
    }
    assert catalogue.branch_by_code["13"].short_name == "東京"
    assert [year.fiscal_year for year in catalogue.fiscal_years] == list(range(2022, 2030))
    assert [year.fiscal_year for year in catalogue.fiscal_years if not year.is_judged] == [2022]
    assert catalogue.fiscal_year_by_number[2025].name == "令和７年度"


def test_published_files_name_the_branches_as_the_catalogue_does(catalogue: Catalogue) -> None:
    for row in published("kpi_targets.csv") + published("kpi_results.csv"):
        assert catalogue.branch_by_code[row["支部コード"]].name == row["支部"]


def test_every_published_target_is_of_a_kpi_in_force(catalogue: Catalogue) -> None:
    rows = published("kpi_targets.csv")
    assert len(rows) == 269
    for row in rows:
        version = catalogue.version(row["KPI"], int(row["年度"]))
        assert version is not None and version.covers(row["支部コード"]), row
        assert row["単位"] in (version.unit_for(row["支部コード"]), "社", "回/月"), row


def test_published_results_outside_a_kpis_years(catalogue: Catalogue) -> None:
    """Results of the year just before the first are baselines; the four others are earlier still."""
    outside = [
        (row["KPI"], int(row["年度"]))
        for row in published("kpi_results.csv")
        if catalogue.version(row["KPI"], int(row["年度"])) is None
    ]
    baselines = [place for place in outside if catalogue.is_baseline_year(*place)]
    assert sorted(baselines) == [("generic_share_volume", 2022), *[("single_bid_rate", 2022)] * 5]
    assert sorted(set(outside) - set(baselines)) == [
        ("generic_share_value", 2023),
        ("sbp130_share_female", 2022),
        ("sbp130_share_male", 2022),
        ("single_bid_rate", 2021),
    ]


def test_registration_sheet_headers_are_names_of_kpis(catalogue: Catalogue) -> None:
    """Its headers read 'name を ○○.○％以上とする', some with a footnote mark after the name."""
    sheet = openpyxl.load_workbook(PUBLISHED / "kpi_registration_sheet_fy2025.xlsx").worksheets[0]
    headers = [str(cell.value) for cell in sheet[4][2:]]
    found = [catalogue.find_kpi(header.split("を")[0].removesuffix("（※）")) for header in headers]
    assert [kpi and kpi.id for kpi in found] == [
        "checkup_rate_insured",
        "employer_checkup_data_rate",
        "checkup_rate_dependants",
        "guidance_rate_insured",
        "guidance_rate_dependants",
        "health_declaration_offices",
        "generic_share_volume",
        "committee_coverage_rate",
    ]


def test_find_kpi_by_id_name_or_alias_only(catalogue: Catalogue) -> None:
    for text in ("generic_share_volume", "ジェネリック医薬品使用割合（数量ベース）", "ジェネリック医薬品使用割合"):
        kpi = catalogue.find_kpi(text)
        assert kpi is not None and kpi.id == "generic_share_volume"
    assert catalogue.find_kpi("ジェネリック") is None


def test_dictionary_page_equals_the_catalogue(catalogue: Catalogue) -> None:
    assert DICTIONARY_PATH.read_text(encoding="utf-8") == render_dictionary(catalogue), (
        "run python -m kenpo_pipelines.catalogue.dictionary"
    )


def test_dictionary_shows_every_kpi_and_version(catalogue: Catalogue) -> None:
    page = render_dictionary(catalogue)
    lines = page.splitlines()
    for kpi in catalogue.kpis:
        assert lines.count(f"### {kpi.id}") == 1
        assert sum(line.startswith(f"#### {kpi.id}, ") for line in lines) == len(kpi.versions)
        row = next(line for line in lines if line.startswith(f"| [{kpi.id}](#{kpi.id}) |"))
        assert kpi.names.ja in row and row.count("|") == 9
        for version in kpi.versions:
            assert version.definition in page and version.source in page and version.note in page
    assert "uniform ≤ 20 (2023), ≤ 15 (2024–)" in page
    assert "1 (東京支部 2)" in page
    assert "2023: ≥ set by each branch; 2024: ≥ prior year" in page


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A catalogue of one's own to break."""
    target = tmp_path / "catalogue"
    shutil.copytree(CATALOGUE_DIRECTORY, target, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    return target


def test_the_unbroken_copy_loads(copy: Path, catalogue: Catalogue) -> None:
    assert load_catalogue(copy) == catalogue


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        pytest.param(
            "recovery_rate",
            "order: 110",
            "order: 110\ncolour: red",
            "recovery_rate.yml: KPI recovery_rate: colour: Extra inputs are not permitted",
            id="unknown field",
        ),
        pytest.param(
            "recovery_rate",
            '    unit: "%"\n',
            "",
            "recovery_rate.yml: KPI recovery_rate: versions.0: Value error, unit is missing",
            id="missing unit",
        ),
        pytest.param(
            "recovery_rate",
            "    direction: at_least\n",
            "",
            "recovery_rate.yml: KPI recovery_rate: versions.0.direction: Field required",
            id="missing direction",
        ),
        pytest.param(
            "recovery_rate",
            "direction: at_least",
            "direction: higher",
            "recovery_rate.yml: KPI recovery_rate: versions.0.direction: Input should be 'at_least' or 'at_most'",
            id="unknown direction",
        ),
        pytest.param(
            "recovery_rate",
            "    denominator: amount established (調定) in the fiscal year less amounts cancelled (取消)\n",
            "",
            "recovery_rate.yml: KPI recovery_rate: versions.0: Value error, kind rate needs numerator and denominator",
            id="rate without denominator",
        ),
        pytest.param(
            "untreated_visit_rate_3m",
            'values: {2023: "13.1"}',
            "values: {2023: 13.1}",
            "untreated_visit_rate_3m.yml: KPI untreated_visit_rate_3m: versions.0.target.values.2023: "
            "Value error, write 13.1 in quotes",
            id="float instead of a quoted decimal",
        ),
        pytest.param(
            "untreated_visit_rate_3m",
            'values: {2023: "13.1"}',
            'values: {2022: "13.1"}',
            "untreated_visit_rate_3m.yml: KPI untreated_visit_rate_3m: versions.0: Value error, target.values: 2022 is outside",
            id="target outside the version's years",
        ),
        pytest.param(
            "untreated_visit_rate_3m",
            '      values: {2023: "13.1"}\n',
            "",
            "untreated_visit_rate_3m.yml: KPI untreated_visit_rate_3m: versions.0.target: Value error, values",
            id="uniform without values",
        ),
        pytest.param(
            "postal_rate",
            "- fiscal_years: 2023\n",
            "- fiscal_years: 2023-2024\n",
            "postal_rate.yml: KPI postal_rate: (whole): Value error, versions overlap or are out of order at fiscal "
            "year 2024",
            id="overlapping versions",
        ),
        pytest.param(
            "postal_rate",
            "- fiscal_years: 2023\n",
            "- fiscal_years: 2023-2022\n",
            "postal_rate.yml: KPI postal_rate: versions.0.fiscal_years: Value error, ends in 2022",
            id="years the wrong way round",
        ),
        pytest.param(
            "postal_rate",
            "- fiscal_years: 2023\n",
            "- fiscal_years: 20232024\n",
            "postal_rate.yml: KPI postal_rate: versions.0.fiscal_years: ",
            id="unreadable years",
        ),
        pytest.param(
            "postal_rate",
            "reporting_lag_months: [1, 1]\n    source: 協会けんぽ 令和5年度",
            "reporting_lag_months: [2, 1]\n    source: 協会けんぽ 令和5年度",
            "postal_rate.yml: KPI postal_rate: versions.0: Value error, reporting_lag_months",
            id="lag the wrong way round",
        ),
        pytest.param(
            "recovery_rate",
            "kpi: recovery_rate_after_loss",
            "kpi: recovery_rate_of_old",
            "recovery_rate.yml: KPI recovery_rate: predecessor.kpi: no KPI recovery_rate_of_old",
            id="unknown predecessor",
        ),
        pytest.param(
            "checkup_rate_insured",
            "    - 生活習慣病予防健診受診率",
            "    - 事業者健診データ取得率",
            "employer_checkup_data_rate.yml: KPI employer_checkup_data_rate: names: 事業者健診データ取得率 is also a "
            "name of checkup_rate_insured",
            id="alias of two KPIs",
        ),
        pytest.param(
            "recovery_rate",
            "order: 110",
            "order: 100",
            "recovery_rate_after_loss.yml: KPI recovery_rate_after_loss: order: 100 is also the order of recovery_rate",
            id="order used twice",
        ),
        pytest.param(
            "recovery_rate",
            "id: recovery_rate\n",
            "id: recovery\n",
            "recovery_rate.yml: KPI recovery: id: must equal the file's name",
            id="file name differs from id",
        ),
        pytest.param(
            "recovery_rate",
            "id: recovery_rate\n",
            "id: Recovery rate\n",
            "recovery_rate.yml: KPI Recovery rate: id: String should match pattern",
            id="id in another writing",
        ),
        pytest.param(
            "sbp130_share_male",
            'branches: ["05"]',
            'branches: ["55"]',
            "sbp130_share_male.yml: KPI sbp130_share_male: branches: no branch 55",
            id="unknown branch",
        ),
        pytest.param(
            "sbp130_share_male",
            "scope: branches\n",
            "scope: all\n",
            "sbp130_share_male.yml: KPI sbp130_share_male: versions.0: Value error, scope branches",
            id="branches without the scope",
        ),
        pytest.param(
            "recovery_rate",
            "  kpi: recovery_rate_after_loss",
            "  kpi: recovery_rate",
            "recovery_rate.yml: KPI recovery_rate: predecessor.kpi: a KPI does not replace itself",
            id="its own predecessor",
        ),
        pytest.param(
            "recovery_rate",
            "order: 110\n",
            "order: 110\norder: 111\n",
            "recovery_rate.yml: not readable as YAML: the key order stands twice",
            id="a key twice",
        ),
        pytest.param(
            "insurance_card_recovery_rate",
            "ended_in: 2024-11",
            "ended_in: R6.11",
            "insurance_card_recovery_rate.yml: KPI insurance_card_recovery_rate: versions.0.ended_in",
            id="an end that is no month",
        ),
        pytest.param(
            "untreated_visit_rate_10m",
            "    target:\n",
            '    near_attainment: {min_ratio_pct: "95", basis: b}\n    target:\n',
            "untreated_visit_rate_10m.yml: KPI untreated_visit_rate_10m: versions.0: Value error, near_attainment",
            id="near attainment of a prior-year target",
        ),
        pytest.param(
            "recovery_rate",
            "names:\n  ja: ",
            "names:\n  ja: [",
            "recovery_rate.yml: not readable as YAML",
            id="broken YAML",
        ),
    ],
)
def test_wrong_kpi_is_named(copy: Path, file: str, old: str, new: str, message: str) -> None:
    break_file(copy / "kpis" / f"{file}.yml", old, new)
    with pytest.raises(CatalogueError) as raised:
        load_catalogue(copy)
    assert str(raised.value).startswith(message)


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        ("branches.yml", 'code: "13"', "code: 13", "branches.yml: entry 13.code: Input should be a valid string"),
        ("branches.yml", 'code: "13"', 'code: "013"', "branches.yml: entry 13.code: String should match pattern"),
        ("branches.yml", "name: 東京支部, ", "", "branches.yml: entry 13.name: Field required"),
        ("fiscal_years.yml", "令和７年度", "令和7年度", "fiscal_years.yml: 2025: name: expected 令和７年度"),
        ("branches.yml", 'code: "13"', 'code: "14"', "branches.yml: 14 stands twice"),
        (
            "planned_tenders.yml",
            "[]",
            '- {fiscal_year: 2025, branch_code: "99", tenders: 1, source: plan}',
            "planned_tenders.yml: 2025 99: no such branch or fiscal year",
        ),
        ("planned_tenders.yml", "[]", "5", "planned_tenders.yml: the file must be a list of entries"),
        (
            "planned_tenders.yml",
            "[]",
            '- {fiscal_year: 2025, branch_code: "31", tenders: -1, source: plan}',
            "planned_tenders.yml: entry 0.tenders: Input should be greater than or equal to 0",
        ),
    ],
)
def test_wrong_list_is_named(copy: Path, file: str, old: str, new: str, message: str) -> None:
    break_file(copy / file, old, new)
    with pytest.raises(CatalogueError) as raised:
        load_catalogue(copy)
    assert str(raised.value).startswith(message)


def test_missing_kpis_are_an_error(copy: Path) -> None:
    for path in (copy / "kpis").iterdir():
        path.unlink()
    with pytest.raises(CatalogueError, match="^kpis: there is no KPI in "):
        load_catalogue(copy)


def test_a_kpi_file_with_another_suffix_is_not_overlooked(copy: Path) -> None:
    (copy / "kpis" / "recovery_rate.yml").rename(copy / "kpis" / "recovery_rate.yaml")
    with pytest.raises(CatalogueError, match=r"^recovery_rate\.yaml: a KPI is a file <kpi_id>\.yml"):
        load_catalogue(copy)


def test_missing_file_is_named(copy: Path) -> None:
    (copy / "branches.yml").unlink()
    with pytest.raises(CatalogueError, match=r"^branches\.yml: the file is missing from "):
        load_catalogue(copy)


def test_file_in_another_encoding_is_named(copy: Path) -> None:
    path = copy / "kpis" / "website_visits.yml"
    path.write_bytes(path.read_text(encoding="utf-8").replace("–", "-").encode("cp932"))
    with pytest.raises(CatalogueError, match=r"^website_visits\.yml: not readable"):
        load_catalogue(copy)


def test_planned_tenders_are_found_by_year_and_branch(copy: Path) -> None:
    break_file(
        copy / "planned_tenders.yml",
        "[]",
        '- {fiscal_year: 2025, branch_code: "31", tenders: 5, source: 鳥取支部の調達計画}',
    )
    catalogue = load_catalogue(copy)
    assert catalogue.planned_tenders_of(2025, "31") == 5
    assert catalogue.planned_tenders_of(2024, "31") is None
    assert catalogue.planned_tenders_of(2025, "13") is None


def break_file(path: Path, old: str, new: str) -> None:
    """Replace ``old``, which must stand in the file exactly once."""
    text = path.read_text(encoding="utf-8")
    assert text.count(old) == 1, f"{path.name} has {text.count(old)} × {old!r}"
    path.write_text(text.replace(old, new), encoding="utf-8")
