# What people, CI and the commit hooks call; `make` alone lists it. Needs Python 3.11+ and make, nothing else.
.DEFAULT_GOAL := help

# The first of these that is new enough and can make virtual environments; `make setup PYTHON=…` names another.
PYTHON ?= $(firstword $(foreach p,python3 python3.14 python3.13 python3.12 python3.11,\
  $(shell $(p) -c 'import sys, ensurepip, venv; sys.version_info >= (3, 11) and print("$(p)")' 2>/dev/null)))
UV ?= uv
VENV := .venv
BIN := $(VENV)/bin
PY := $(BIN)/python
INSTALLED := $(VENV)/.installed
CODE := kernel services simulator dispatch tests benchmarks
STAGES := signals selector sizer executor
LOCKS := deploy/locks
COMPILE = $(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
  --annotation-style line --custom-compile-command "make lock"
FAST_TESTS := tests/unit tests/properties tests/stages tests/contracts tests/replay tests/architecture
ARGS ?=

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^##@ / {print "\n" substr($$0, 5)} /^[a-z-]+:.*## / {printf "  %-18s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

##@ Set up
.PHONY: setup
setup: $(INSTALLED) ## create .venv and install everything, pinned and hash-checked (once; again after a change of the lock)

$(INSTALLED): requirements.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer with venv is needed; name yours: make setup PYTHON=/path/to/python" >&2; exit 1; }
	test -x $(PY) || $(PYTHON) -m venv $(VENV)
	$(PY) -m pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements.lock
	$(PY) -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

.PHONY: lock
lock: ## resolve the dependencies anew into requirements.lock, and the images' into deploy/locks (needs uv)
	@command -v $(UV) >/dev/null || { echo "uv is needed for this one target: pip install uv, or make lock UV=/path/to/uv" >&2; exit 1; }
	$(COMPILE) $(ARGS) --all-extras pyproject.toml --output-file requirements.lock
	$(COMPILE) --constraint requirements.lock pyproject.toml --output-file $(LOCKS)/operator.txt
	$(COMPILE) --constraint requirements.lock $(addprefix --group ,$(STAGES)) --output-file $(LOCKS)/stage.txt
	$(COMPILE) --constraint requirements.lock --group simulator --output-file $(LOCKS)/simulator.txt

##@ Run
.PHONY: demo up down
demo: setup ## the whole thing in one go: servers, venue, four stages, signals, a summary (ARGS="--equity 5000")
	$(BIN)/dispatch demo $(ARGS)

up: setup ## start the stack in the background (ARGS as for `dispatch up`)
	$(BIN)/dispatch up $(ARGS)

down: setup ## stop it
	$(BIN)/dispatch down $(ARGS)

##@ Check
.PHONY: check lint fmt types imports schemas
check: lint types imports schemas test ## all that must pass before a push

lint: setup ## ruff: rules and format
	$(BIN)/ruff check $(CODE)
	$(BIN)/ruff format --check $(CODE)

fmt: setup ## rewrite to the format, mend what ruff can mend
	$(BIN)/ruff format $(CODE)
	$(BIN)/ruff check --fix $(CODE)

types: setup ## mypy --strict
	$(BIN)/mypy

imports: setup ## import-linter: who may know whom
	$(BIN)/lint-imports

schemas: setup ## models against schemas, schemas against their history
	$(BIN)/dispatch schemas check

##@ Test
.PHONY: test test-fast test-integration simulation chaos bench
test: setup ## every test, with real Kafka and Postgres (TEST_BACKEND=embedded|containers|external)
	$(BIN)/pytest $(ARGS)

test-fast: setup ## tests without servers: unit, properties, stages, contracts, cases, architecture
	$(BIN)/pytest $(FAST_TESTS) $(ARGS)

test-integration: setup ## tests that need real Kafka or Postgres
	$(BIN)/pytest tests/integration tests/e2e $(ARGS)

chaos: setup ## strike the stack with seeded faults, then audit (ARGS="--minutes 5 --seed 7 --rate 8 --report FILE")
	$(PY) -m tests.chaos.nemesis $(ARGS)

simulation: setup ## all stages on seeds: ten thousand runs with faults (ARGS="--seeds 500", ARGS="--seed 7 --trace")
	$(PY) -m tests.simulation --seeds 10000 $(ARGS)

bench: setup ## the figures of performance as JSON
	$(PY) -m benchmarks $(ARGS)

.PHONY: chaos-matrix
chaos-matrix: setup ## the executor struck at every boundary in every way; writes docs/reliability/crash-matrix.md
	$(BIN)/pytest tests/chaos/matrix --matrix-report docs/reliability/crash-matrix.md $(ARGS)

.PHONY: planted-bugs
planted-bugs: setup ## plant every kept bug into a copy and show that the tests see it (ARGS="random-id-per-retry")
	$(PY) -m tests.chaos.planted.run $(ARGS)

.PHONY: docs
docs: setup ## write the generated reference pages and .env.example anew
	$(PY) -m tests.architecture.reference_pages
	$(PY) -m tests.architecture.env_example

##@ Containers
.PHONY: compose-build compose-up compose-down
compose-build: ## build an image for each part
	docker compose --profile tools build $(ARGS)

compose-up: ## the same stack from images; returns when all is healthy
	docker compose up --detach --wait --build $(ARGS)

compose-down: ## stop it and forget its data
	docker compose down --volumes --remove-orphans $(ARGS)

##@ Tidy up
.PHONY: clean
clean: ## remove what was built or run here (the stack must be down); downloads in the cache stay
	rm -rf .dispatch .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .coverage htmlcov build dist *.egg-info
	find $(CODE) -name __pycache__ -type d -prune -exec rm -rf {} +
