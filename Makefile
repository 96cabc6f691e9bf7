# The commands of this checkout. Needs Python 3.11 or later, git and make; everything else is installed below .venv and .cache.
PYTHON ?= python3
BIN := .venv/bin
TEST_DATA := $(CURDIR)/.cache/test-data

.DEFAULT_GOAL := help
.PHONY: help up down check format test bench docs lock clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

up: ## Set everything up, start VibeCode here or in a KIND cluster, and print a sign-in link
	@$(PYTHON) scripts/bootstrap.py
	@$(BIN)/vibecode up $(ARGS)

down: ## Stop all workspaces and the server; nothing is deleted
	@test -x $(BIN)/vibecode || { echo "Nothing is set up here, so nothing runs."; exit 0; } && $(BIN)/vibecode down $(ARGS)

check: ## Format, lint, types and unit tests: what each commit passes
	@$(PYTHON) scripts/bootstrap.py --dev
	@$(BIN)/python scripts/checks.py

format: ## Format the code
	@$(PYTHON) scripts/bootstrap.py --dev
	@$(BIN)/ruff check -q --fix-only . ; $(BIN)/ruff format -q .

test: ## Run all tests that this machine can run, and say what was left out
	@$(PYTHON) scripts/bootstrap.py --dev --editor-in "$(TEST_DATA)"
	@VIBECODE_TEST_DATA_DIR="$(TEST_DATA)" $(BIN)/python scripts/checks.py --all

bench: ## Measure start-up, proxy, idle cost, command line, Kubernetes and operator, side by side with peers
	@$(PYTHON) scripts/bootstrap.py --dev --editor-in "$(TEST_DATA)"
	@VIBECODE_TEST_DATA_DIR="$(TEST_DATA)" $(BIN)/python -m benchmarks $(ARGS)

docs: ## Write the generated parts of the documentation anew
	@$(PYTHON) scripts/bootstrap.py --dev
	@$(BIN)/python -m scripts.docs

lock: ## Pin the newest versions that pyproject.toml allows, with hashes
	@$(PYTHON) scripts/bootstrap.py --dev
	@$(BIN)/python scripts/lock.py

clean: ## Remove what was built in this checkout (not your workspaces)
	@rm -rf .venv .cache dashboard/node_modules extensions/vibecode/node_modules src/vibecode/web/dashboard
