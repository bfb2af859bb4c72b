"""The SQL models of one month run by the engine alone, over a lake whose raw layer is there: no Dagster, no checks.

Run by ``benchmarks.national_month`` in a process of its own: ``python -m benchmarks.models_month MONTH`` (the home
folder comes from KENPO_HOME). Judgement runs between the layers kpis and marts, as in the pipeline.
"""

import sys
import time

from assets.judgement import INPUTS, JUDGEMENTS
from kenpo_pipelines.catalogue.judging import judge_month
from kenpo_pipelines.models import LAYERS
from kenpo_pipelines.settings import load
from resources.installation import Installation


def main(month: str) -> None:
    installation = Installation.from_settings(load())
    engine, lake = installation.engine, installation.lake
    for layer in LAYERS:
        if layer == "marts":
            rows = lake.read(INPUTS.layer, INPUTS.name, month).to_pylist()
            lake.write(JUDGEMENTS.layer, JUDGEMENTS.name, month, judge_month(rows, installation.catalogue, month))
        for model in engine.project.of_layer(layer):
            start = time.perf_counter()
            rows_written = engine.run_model(model, month)
            print(f"{model.relation.sql_name}\t{rows_written}\t{time.perf_counter() - start:.2f}")


if __name__ == "__main__":
    main(sys.argv[1])
