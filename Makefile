# The commands of the project. `make` alone lists them.

# SECONDS ends the demo. Bash has a variable of that name, but does not export it, so a value here comes from the user.
seconds := $(if $(SECONDS),--seconds $(SECONDS))

help: ## list the commands
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | while IFS="$$(printf '\t')" read -r name what; do \
		printf '  make %-12s %s\n' "$$name" "$$what"; done

demo: .venv/run ## run the silly_worker application until Ctrl-C (or: make demo SECONDS=10)
	@exec .venv/bin/regrow run --demo --project examples/silly_worker $(seconds)

shop: .venv/dev ## open the shop of examples/shop on 127.0.0.1 until Ctrl-C (or: make shop PORT=8001)
	@cd examples/shop && PYTHONPATH=src exec ../../.venv/bin/python -m shop $(if $(PORT),--port $(PORT))

test: lint .venv/dev ## run all checks, then the tests on asyncio and on uvloop; fails if a row of OTP's requirements has no proof
	@scripts/test .venv -p tests.conformance.plugin

lint: .venv/dev ## run ruff, mypy and basedpyright, and four type checkers on tests/typing
	@scripts/lint

conformance: .venv/dev ## list the rows of OTP's requirements that the tests prove, by area; fails if one is missing
	@.venv/bin/python -m pytest -q -m otp -p tests.conformance.plugin tests

compiled: ## run the tests on the compiled kernel, installed from a wheel, on asyncio; on uvloop the main part
	@scripts/compiled

proofs: .venv/dev ## try what queue and cron guarantee at full length: a million waiting jobs, a minute of kills
	@REGROW_WAITING=1000000 REGROW_KILLS=10 .venv/bin/python -m pytest -q -n 0 --timeout 600 tests/servers/queue/proofs tests/servers/cron/proofs

mutants: .venv/dev ## insert mistakes into the source, one at a time: a test must fail for each (ten minutes)
	@.venv/bin/python -m tests.mutants.run $(if $(ONLY),"$(ONLY)")

matrix: ## run the tests on each of Python 3.11, 3.12 and 3.13 that is installed, on one loop; on the other the main part
	@scripts/matrix $(VERSIONS)

everything: ## run every test on both loops, on the compiled kernel and on each Python: nothing is left out (an hour)
	@REGROW_EVERYTHING=1 $(MAKE) test compiled matrix

installs: .venv/dev ## check that a new project follows its own README with pip and uv, on each Python (some minutes)
	@.venv/bin/python -m tests.installs.run

bench: .venv-bench ## measure everything beside the BEAM and other libraries, and draw docs/benchmarks.md (an hour)
	@echo "Compiling the kernel, if there is a compiler"
	@.venv-bench/bin/python -m pip --disable-pip-version-check --quiet install --no-deps --no-build-isolation --force-reinstall .
	@.venv-bench/bin/python -m benchmarks --million --write
	@.venv-bench/bin/python -m benchmarks.queues --write
	@.venv-bench/bin/python -m benchmarks.crons --write

bench-queue: .venv-bench ## measure the durable queue beside others, and write its part of docs/benchmarks.md (ten minutes)
	@echo "Compiling the kernel, if there is a compiler"
	@.venv-bench/bin/python -m pip --disable-pip-version-check --quiet install --no-deps --no-build-isolation --force-reinstall .
	@.venv-bench/bin/python -m benchmarks.queues --write

bench-cron: .venv-bench ## measure the cron server beside APScheduler, and write its part of docs/benchmarks.md (ten minutes)
	@echo "Compiling the kernel, if there is a compiler"
	@.venv-bench/bin/python -m pip --disable-pip-version-check --quiet install --no-deps --no-build-isolation --force-reinstall .
	@.venv-bench/bin/python -m benchmarks.crons --write

bench-quick: .venv/dev ## measure the main figures, beside the BEAM and the baselines, in a minute
	@.venv/bin/python -m benchmarks --quick

docs: .venv-docs/docs ## build the site of the documentation in build/website/site
	@scripts/docs

screenshots: .venv-docs/screenshots ## draw docs/pictures from real runs, and the pages of the site in a browser (needs tmux, chromium)
	@scripts/screenshots

clean: ## remove the files that the tools have made
	rm -rf .venv .venv-3.* .venv-bench .venv-compiled .venv-docs .mypy_cache .pytest_cache .ruff_cache .hypothesis build dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# scripts/venv checks whether there is anything to install.
.venv/run .venv/dev:
	@scripts/venv .venv $(@F)

.venv-docs/docs .venv-docs/screenshots:
	@scripts/venv .venv-docs $(@F)

# On the newest Python available: some of the other libraries need it.
.venv-bench:
	@scripts/venv .venv-bench bench "$$(scripts/python 3.13 || scripts/python 3.12 || scripts/python)"

.PHONY: help demo shop test lint conformance compiled proofs mutants matrix everything installs bench bench-quick bench-queue bench-cron docs screenshots clean \
	.venv/run .venv/dev .venv-bench .venv-docs/docs .venv-docs/screenshots
.NOTPARALLEL:
