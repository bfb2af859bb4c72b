# Two commands set everything up: `make demo` and `make test`. Each makes .venv from requirements.lock first.
.PHONY: help install spark demo test check lint lock docs bench fuzz clean

BIN := .venv/bin
STAMP := .venv/.installed
SPARK_STAMP := .venv/.installed-spark

help:
	@echo "make demo     run the main job on real published figures (60 s) and say what to open"
	@echo "make test     all tests (pages in the system's Chromium: apt-get install chromium; those of Spark where Java 17 is)"
	@echo "make check    ruff, mypy, import-linter, sqlfluff, dagster definitions validate, dbt parse"
	@echo "make install  only make .venv, without Spark"
	@echo "make spark    add Spark to .venv (450 MB; it runs on Java 17 or newer)"
	@echo "make docs     write the generated pages (KPI dictionary, datasets)"
	@echo "make bench    run the benchmarks and print their tables"
	@echo "make fuzz     10,000 mutated files through the readers (FILES=, SEED=)"
	@echo "make lock     resolve requirements.lock and requirements-spark.lock anew (needs the network)"

install: $(STAMP)

$(STAMP): requirements.lock pyproject.toml
	@set -e; for python in $(PYTHON) python3 python3.13 python3.12 python3.11; do \
	  if "$$python" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' 2>/dev/null; then break; fi; \
	  python=; \
	done; \
	if [ -z "$$python" ]; then echo "Python 3.11, 3.12 or 3.13 is needed; set PYTHON=/path/to/python" >&2; exit 1; fi; \
	echo "Installing into .venv with $$("$$python" --version) (a minute or two the first time)"; \
	"$$python" -m venv --clear .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --requirement requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $(STAMP)

spark: $(SPARK_STAMP)

# A new .venv has lost this stamp with the old one.
$(SPARK_STAMP): $(STAMP) requirements-spark.lock
	@echo "Installing Spark into .venv (half a minute, and the download of 450 MB)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --requirement requirements-spark.lock
	@touch $(SPARK_STAMP)

demo: install
	@$(BIN)/kenpo demo

# The tests of pages need a Chromium of the system; without one they would fail minutes later. Those of Spark need a Java; without
# one everything else is run, and the last lines say what was not. OPTIONS are pytest's.
test: install
	@$(BIN)/python tests/browser/chromium.py
	@if $(BIN)/python tests/spark/java.py; then $(MAKE) --no-print-directory spark; else \
	  echo "All other tests run without it; the last lines name those that were left out." >&2; fi
	$(BIN)/python -m pytest $(OPTIONS)

check: install lint
	$(BIN)/dagster definitions validate --workspace workspace.yaml
	$(BIN)/dbt --quiet parse --project-dir dbt_like_sql --profiles-dir dbt_like_sql --no-partial-parse

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/sqlfluff lint dbt_like_sql --processes 1

docs: install
	$(BIN)/python -m kenpo_pipelines.catalogue.dictionary
	$(BIN)/python -m kenpo_pipelines.submissions.dataset_pages

bench: install
	$(BIN)/python -m benchmarks.published_month
	$(BIN)/python -m benchmarks.operations
	$(BIN)/python -m benchmarks.scorecards

fuzz: install
	$(BIN)/python tests/fuzz/campaign.py --files $(or $(FILES),10000) $(if $(SEED),--seed $(SEED))

lock: install
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip compile --universal --python-version 3.11 --extra dev --upgrade pyproject.toml --output-file requirements.lock
	$(BIN)/uv pip compile --universal --python-version 3.11 --extra spark --constraint requirements.lock --upgrade pyproject.toml \
	  --output-file requirements-spark.lock

clean:
	rm -rf .venv .kenpo .pytest_cache .mypy_cache .ruff_cache dbt_like_sql/target dbt_like_sql/logs
