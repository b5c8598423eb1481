# Every task of the project. `make help` lists them.
# A Python of your own choice, as `make PYTHON=python3.13 demo`; unset, scripts/check-python finds one.
PYTHON ?=
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
# Only what is imported gets compiled, the first time it is.
INSTALL := $(PIP) install --no-compile --progress-bar on
DEVICE ?= auto
# What the demo's network needs here: demo (no torch) or detector (torch, for a GPU).
DEMO_SET := $(shell scripts/which-set $(DEVICE))
PACKAGES := core db rollout ingest detector review_ui simulation bearwatch bench tests docs

.DEFAULT_GOAL := help
.PHONY: help demo site test test-long test-random lint format bench chaos examples reference screenshots lock clean

help: ## list these targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

demo: $(VENV)/.demo $(filter $(VENV)/.detector,$(VENV)/.$(DEMO_SET)) ## set up, then staged cameras, a bear, and the ranger's page on http://127.0.0.1:8000
	@exec $(BIN)/bearwatch demo --device $(DEVICE)

site: $(VENV)/.site ## set up for cameras of your own: PostgreSQL, faster statistics, logging in elsewhere
	@printf 'Ready: %s init, check, up\n' $(BIN)/bearwatch

# Three at once also on two cores: a third of the time tests wait for servers and browsers.
test: $(VENV)/.dev ## set up, then pass the test suite
	@scripts/ensure-chromium
	@scripts/ensure-command strace strace 'the test of who is called'
	-@scripts/ensure-command redis-check-rdb redis-tools 'a Redis that speaks TLS itself'
	@$(BIN)/python -m pytest -n 3 --dist loadfile

test-long: $(VENV)/.dev ## what takes longer: whole sites, trainings, every page in a browser
	@scripts/ensure-chromium
	@scripts/ensure-command strace strace 'the test of who is called'
	-@scripts/ensure-command redis-check-rdb redis-tools 'a Redis that speaks TLS itself'
	@$(BIN)/python -m pytest -n 3 --dist loadfile -m long

# The seed stands at the head of what pytest prints; SEED=… gives the same order again.
test-random: $(VENV)/.dev ## the same in random order: no test may need what another one left
	@scripts/ensure-chromium
	@scripts/ensure-command strace strace 'the test of who is called'
	-@scripts/ensure-command redis-check-rdb redis-tools 'a Redis that speaks TLS itself'
	@$(BIN)/python -m pytest -m 'not chaos' -p randomly $(if $(SEED),--randomly-seed=$(SEED)) -n 3 --dist loadfile

lint: $(VENV)/.dev ## ruff, mypy (strict) and the import rules
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

format: $(VENV)/.dev ## format the code
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

bench: $(VENV)/.dev ## measure on this machine, and print tables with ratios
	@$(BIN)/python -m bench

chaos: $(VENV)/.dev ## long fault-injection runs (kill, freeze, cut, fill the disk)
	@BEARWATCH_RECORD_RELIABILITY=1 $(BIN)/python -m pytest -m chaos --timeout 7200

examples: $(VENV)/.dev ## record the examples of the API's description at a real site
	@BEARWATCH_RECORD_EXAMPLES=1 $(BIN)/python -m pytest -q tests/review_ui/test_api_contract.py -k what_a_site_answers

reference: $(VENV)/.dev ## write what of docs/ is made from the code: reference, log lines, retired words, the diagram
	@$(BIN)/python -m docs.reference
	@$(BIN)/python -m docs.log_lines
	@$(BIN)/python -m docs.glossary_table
	@$(BIN)/python -m docs.renamed_keys
	@$(BIN)/python -m docs.pipeline_drawing

screenshots: $(VENV)/.dev ## make the pictures of the README from the demo
	@scripts/ensure-chromium
	@$(BIN)/python -m docs.screenshots

# The groups stand in pyproject.toml. The demo's file also brings what installs the checkout itself.
lock: $(VENV)/.dev ## pin every set of packages anew, with hashes (UPGRADE=1: at their newest)
	@for set in dev demo site page serve detector ingest; do \
	  printf 'Pinning %s …\n' $$set; groups="--group $$set"; \
	  case $$set in dev|demo) groups="$$groups --group build";; esac; \
	  if [ $$set = dev ]; then more="$(if $(UPGRADE),--upgrade)"; else more='--constraint requirements/dev.txt'; fi; \
	  $(BIN)/uv pip compile --quiet --no-config --no-header --annotation-style line --universal --python-version 3.11 \
	    --generate-hashes --no-emit-index-url --no-emit-find-links $$groups $$more \
	    --output-file requirements/$$set.txt >/dev/null || exit 1; \
	done

clean: ## remove the virtual environment, caches and run-time data
	rm -rf $(VENV) var .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache *.egg-info

# Set-up: a virtual environment, then one stamp for each requirement set that is installed.
$(VENV)/.created:
	@python=$$(scripts/check-python $(PYTHON)) && printf 'Set-up 1/2: virtual environment (%s) …\n' "$$python" \
	  && "$$python" -m venv $(VENV)
	@touch $@

$(VENV)/.demo: $(VENV)/.created requirements/demo.txt pyproject.toml setup.py
	@printf 'Set-up 2/2: packages of the demo (160 MB to fetch, 400 MB on disk) …\n'
	@$(INSTALL) -r requirements/demo.txt || { printf '%s\n' 'Some package could not be installed: see above; is a package index within reach, and is 1 GB of disk free?' >&2; exit 1; }
	@$(PIP) install -q --no-deps --no-build-isolation -e .
	@scripts/trim $(VENV)
	@touch $@

$(VENV)/.detector: $(VENV)/.demo requirements/detector.txt
	@printf 'Set-up: torch, for the GPU or the pretrained network (several GB the first time) …\n'
	@$(INSTALL) -r requirements/detector.txt || { printf '%s\n' 'Some package could not be installed: see above; is a package index within reach, and are 8 GB of disk free?' >&2; exit 1; }
	@touch $@

$(VENV)/.site: $(VENV)/.demo requirements/site.txt
	@printf 'Set-up: packages of a site …\n'
	@$(INSTALL) -r requirements/site.txt || { printf '%s\n' 'Some package could not be installed: see above; is a package index within reach, and is 1 GB of disk free?' >&2; exit 1; }
	@touch $@

$(VENV)/.dev: $(VENV)/.demo requirements/dev.txt
	@printf 'Set-up: torch and the packages of the tests (several GB the first time) …\n'
	@$(INSTALL) -r requirements/dev.txt || { printf '%s\n' 'Some package could not be installed: see above; is a package index within reach, and are 8 GB of disk free?' >&2; exit 1; }
	@touch $@
