# regrow's chores. `make` alone lists them.

# SECONDS ends the demo by itself. Bash has a clock of that name, but does not export it: a value here was meant.
seconds := $(if $(SECONDS),--seconds $(SECONDS))

help: ## list what make can do
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | while IFS="$$(printf '\t')" read -r name what; do \
		printf '  make %-12s %s\n' "$$name" "$$what"; done

demo: .venv/run ## run the silly_worker application until Ctrl-C (or: make demo SECONDS=10)
	@exec .venv/bin/regrow run --demo --project examples/silly_worker $(seconds)

test: lint .venv/dev ## everything: checkers, then the tests on asyncio and on uvloop
	@scripts/test .venv

lint: .venv/dev ## ruff, mypy and basedpyright, and what four checkers say of tests/typing
	@scripts/lint

conformance: .venv/dev ## which rows of OTP's own demands the tests prove, by area; fails while one is missing
	@.venv/bin/python -m pytest -q -m otp -p tests.conformance.plugin tests

compiled: ## the tests on the compiled kernel, from a wheel as users get it
	@scripts/compiled

mutants: .venv/dev ## break the source in one place after the other: some test must notice each (ten minutes)
	@.venv/bin/python -m tests.mutants.run $(if $(ONLY),"$(ONLY)")

matrix: ## the tests on Python 3.11, 3.12 and 3.13, as far as they are installed
	@scripts/matrix

installs: .venv/dev ## a new project passes its own README with pip and uv, on each Python (some minutes)
	@.venv/bin/python -m tests.installs.run

bench: .venv-bench ## measure everything beside the BEAM and other libraries, and draw docs/benchmarks.md (half an hour)
	@echo "Compiling the kernel, where that works"
	@.venv-bench/bin/python -m pip --disable-pip-version-check --quiet install --no-deps --no-build-isolation --force-reinstall .
	@.venv-bench/bin/python -m benchmarks --million --write

bench-quick: .venv/dev ## the first figures, beside the BEAM and the floors, in a minute
	@.venv/bin/python -m benchmarks --quick

clean: ## remove what the tools have made
	rm -rf .venv .venv-3.* .venv-bench .venv-compiled .mypy_cache .pytest_cache .ruff_cache .hypothesis build dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# scripts/venv looks for itself whether there is anything to install.
.venv/run .venv/dev:
	@scripts/venv .venv $(@F)

# On the newest Python there is: some of the libraries that regrow is measured against ask for it.
.venv-bench:
	@scripts/venv .venv-bench bench "$$(scripts/python 3.13 || scripts/python 3.12 || scripts/python)"

.PHONY: help demo test lint conformance compiled mutants matrix installs bench bench-quick clean .venv/run .venv/dev .venv-bench
.NOTPARALLEL:
