# One command is the gate: `make check test`. Everything installs itself into .venv first.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
UV     := 0.13.9
ARGS   ?=

.PHONY: demo test test-fast check build bench races bombs faults rights mutants lock clean

demo: $(VENV)/.local
	$(BIN)/gatehouse demo $(ARGS)

# What shares the machine well runs on both cores; the local cloud has it to itself.
test: $(VENV)/.test
	$(BIN)/pytest -n 2 -m "not local_cloud" $(or $(ARGS),--every-right)
	$(BIN)/pytest -m local_cloud $(ARGS)

# The rules, the commands, the template and the state machine's text: no AWS, no network, under a minute.
test-fast: $(VENV)/.test
	$(BIN)/pytest -n 2 tests/unit tests/template $(ARGS)

check: $(VENV)/.test $(VENV)/.checkov
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/cfn-lint template.yaml
	$(BIN)/pytest -q -p no:cacheprovider tests/template/test_judged.py tests/template/test_judged_calls.py tests/template/test_judged_expressions.py
	$(VENV)/checkov/bin/checkov --config-file .ci/checkov.yaml --file template.yaml .github/workflows/*.yml

# The artifact of every function, for Lambda on arm64, without Docker. The same checkout gives the same bytes of each kind.
# Without a Python 3.13 it has no bytecode; ARGS=--bytecode, as for a release, fails then.
build: $(VENV)/.local
	$(BIN)/python -m gatehouse.stack.artifact $(ARGS)

bench: $(VENV)/.test
	$(BIN)/python -m bench $(ARGS)

# Nightly: lists of 100 MB made to use up memory or time. The gate tries them at 2 MB.
bombs: $(VENV)/.test
	GATEHOUSE_BOMBS=whole $(BIN)/pytest -q tests/unit/bench/test_bombs.py $(ARGS)
	$(BIN)/python -m bench.bombs

# Nightly: every fault at every side effect with every recovery. The gate tries each side effect with each fault once.
faults: $(VENV)/.test
	GATEHOUSE_FAULTS=whole $(BIN)/pytest -n 2 tests/machine/test_faults.py $(ARGS)

# Nightly: two hundred devices are admitted while a list revokes them. The gate tries twenty.
races: $(VENV)/.test
	GATEHOUSE_RACES=whole $(BIN)/pytest tests/local_cloud/test_races.py $(ARGS)

# Nightly: every statement of every role taken away. The gate holds that each right is needed by a test.
rights: $(VENV)/.test
	$(BIN)/pytest -n 2 -q -m "not local_cloud" --every-right tests/functions tests/unit/gatehouse tests/machine \
	    --ignore tests/machine/test_faults.py --ignore tests/machine/test_mutants.py
	$(BIN)/python -m tests.nightly.rights

# Nightly: the rules broken one place at a time, against their own tests. It takes hours: ARGS="workflows.approval.votes*" tries one part.
mutants: $(VENV)/.mutation
	$(BIN)/python -m tests.nightly.mutants $(foreach pattern,$(ARGS),'$(pattern)')

# The locks hold hashes for every platform; installing through uv verifies them.
LOCK = $(BIN)/uv pip compile --universal --python-version 3.11 --generate-hashes --no-header --quiet --upgrade
lock: $(VENV)/.uv
	$(LOCK) pyproject.toml --all-extras --output-file requirements.lock
	$(LOCK) --group checkov --output-file .ci/checkov.lock

$(VENV)/.uv:
	$(PYTHON) -c 'import sys; v = sys.version_info; v >= (3, 11) or sys.exit(f"Gatehouse needs Python 3.11 or newer; $(PYTHON) is {v.major}.{v.minor}. Set PYTHON=python3.11.")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check uv==$(UV)
	touch $@

$(VENV)/.local: $(VENV)/.uv pyproject.toml requirements.lock
	$(BIN)/uv pip install --quiet --compile-bytecode --constraint requirements.lock --editable '.[local]'
	touch $@

$(VENV)/.test: $(VENV)/.local
	$(BIN)/uv pip install --quiet --compile-bytecode --constraint requirements.lock --editable '.[local,test,bench]'
	touch $@

$(VENV)/.mutation: $(VENV)/.test
	$(BIN)/uv pip install --quiet --compile-bytecode --constraint requirements.lock --editable '.[local,test,bench,mutation]'
	touch $@

$(VENV)/.checkov: $(VENV)/.uv .ci/checkov.lock
	$(BIN)/uv venv --quiet --clear --python $(BIN)/python $(VENV)/checkov
	$(BIN)/uv pip install --quiet --compile-bytecode --python $(VENV)/checkov --require-hashes --requirement .ci/checkov.lock
	touch $@

clean:
	rm -rf build mutants .gatehouse .pytest_cache .mypy_cache .ruff_cache .hypothesis
