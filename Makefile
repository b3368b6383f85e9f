# make run    shows Tandem at work      (ORDERS=path.csv.gz: over your own orders)
# make test   lint, types, all tests   (PROCESSES=3: how many at once; half of the time each waits for a browser or server)
# make check  lint and types only
# make faults every fault on real parts, for a night; writes its counts into docs/reliability.md
# make simulate  histories of the engine under faults  (SEEDS=1000000 FIRST=1 for a night; JSON=1; MUTANT='no read-back')
# make real   a vendor's real server on this machine, with sample data (VENDOR=tryton PORT=8010); make real-down ends it
# make setup  what the others share: system packages where root or sudo allows it, and .venv

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV := $(BIN)/uv pip

VENDOR ?= tryton
PORT ?= 8010
SEEDS ?= 1000
FIRST ?= 1
PROCESSES ?= 3
BESIDE := -n $(PROCESSES) --dist loadfile --no-loadscope-reorder

.PHONY: run test check faults simulate real real-down setup

run: setup
	$(BIN)/tandem demo $(if $(ORDERS),--orders "$(ORDERS)")

test: check
	$(BIN)/pytest $(BESIDE)

check: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

faults: setup
	$(BIN)/pytest $(BESIDE) -m '' tests/faults --deselect tests/faults/test_matrix.py
	$(BIN)/pytest $(BESIDE) -m nightly tests/vendors tests/e2e
	$(BIN)/python -m tests.faults.report

simulate: setup
	$(BIN)/python -m tests.simulation --first $(FIRST) --seeds $(SEEDS) $(if $(JSON),--json) $(if $(MUTANT),--mutant "$(MUTANT)")

real: setup
	[ -f tandem-real/tandem.yaml ] || $(BIN)/tandem init tandem-real
	$(BIN)/tandem --workspace tandem-real real up $(VENDOR) --port $(PORT)

real-down: setup
	$(BIN)/tandem --workspace tandem-real real down $(VENDOR)

setup: $(VENV)/.packages

$(VENV)/.packages: requirements/dev.txt pyproject.toml $(VENV)/.bootstrap
	$(UV) sync --quiet --python $(BIN)/python --compile-bytecode --require-hashes requirements/dev.txt
	$(UV) install --quiet --python $(BIN)/python --no-deps --editable .
	$(BIN)/python -m compileall -q tandem api_clients bots fixtures tests
	@touch $@

$(VENV)/.bootstrap: requirements/bootstrap.txt $(VENV)/.system
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Tandem needs Python 3.11 or later, $(PYTHON) is %s. Run: make PYTHON=python3.11 setup" % sys.version.split()[0])'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/bootstrap.txt
	@touch $@

$(VENV)/.system: requirements/system.txt
	@mkdir -p $(VENV)
	.ci/system-packages
	@touch $@
