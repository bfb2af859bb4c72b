"""The code location: assembles assets, checks, jobs and resources for one installation.

What lives here: wiring only. ``workspace.yaml`` loads ``defs``; nothing is read before Dagster asks for it.
"""

import dagster as dg

from assets.ingestion import ingestion_assets
from assets.judgement import judgement_asset, published_targets_spec
from assets.landing import landing_spec
from assets.models import layer_assets
from assets.reference import reference_assets
from assets.scorecards import scorecard_assets
from assets.serving import serving_assets
from expectations.dbt_tests import suite_from_dbt
from expectations.spark_rules import check_suites
from expectations.suite import Suite, load_suites
from kenpo_pipelines.automation.alerting.sensors import alert_sensors
from kenpo_pipelines.automation.alerting.telling import teller
from kenpo_pipelines.automation.arrivals import arrivals_sensor
from kenpo_pipelines.automation.environments import environment
from kenpo_pipelines.automation.freshness import with_deadlines
from kenpo_pipelines.automation.jobs import monthly_refresh
from kenpo_pipelines.automation.lateness_check import lateness_job, lateness_schedule
from kenpo_pipelines.automation.later_months import later_months_sensor
from kenpo_pipelines.automation.schedules import refresh_schedule
from kenpo_pipelines.models import LAYERS
from kenpo_pipelines.settings import Settings, load
from kenpo_pipelines.spark_sql import check_project
from resources.installation import Installation
from resources.of_run import installation_of_run


def build_definitions(settings: Settings) -> dg.Definitions:
    """Return everything that Dagster shows and runs for one installation.

    Raises CatalogueError, ContractError, SuiteError, ModelError, EnvironmentsError or SelectionError, which name the file, for
    anything that does not fit, UntranslatableSQL for a model or a rule that has no form for Spark where it is the engine, and
    ChannelError for an address of alerts.
    """
    installation = Installation.from_settings(settings)
    here, telling = environment(settings), teller(settings)
    contracts, project = installation.contracts, installation.project
    suites = load_suites(settings.contracts_dir)
    model_suites: dict[str, Suite] = {}
    for layer in LAYERS:
        schema_file = settings.models_dir / layer / "schema.yml"
        if schema_file.is_file():
            model_suites |= suite_from_dbt(schema_file)
    if settings.engine == "spark":
        check_project(project)
        check_suites([*suites.values(), *model_suites.values()])
    definitions = dg.Definitions(
        assets=[
            *(landing_spec(contract) for contract in contracts.values()),
            reference_assets(project.sources),
            *(ingestion_assets(contract, suites[name]) for name, contract in contracts.items()),
            *(
                layer_assets(project, layer, model_suites, settings.engine)
                for layer in LAYERS
                if project.of_layer(layer)
            ),
            published_targets_spec(),
            judgement_asset(project),
            serving_assets(contracts, project),
            scorecard_assets(),
        ],
        jobs=[monthly_refresh(), lateness_job(here, telling, settings.ui_url)],
        schedules=[refresh_schedule(here), lateness_schedule(here)],
        sensors=[
            arrivals_sensor(here),
            later_months_sensor(here),
            *alert_sensors(settings, installation, here, telling),
        ],
        resources={"installation": installation_of_run(installation)},
        executor=dg.in_process_executor,
    )
    return with_deadlines(definitions, here)


@dg.definitions
def defs() -> dg.Definitions:
    """Return the definitions of the installation that the environment describes."""
    return build_definitions(load())
