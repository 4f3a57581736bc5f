"""The installed contestants: regrow, pure and compiled; the BEAM; other libraries; baselines."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).parent
BEAM_BUILD = HERE.parent / "build" / "benchmarks"

PURE = "regrow"
COMPILED = "regrow, compiled"
BEAM = "the BEAM"
TASKS = "two asyncio tasks"
METHOD = "a method call"
LIBRARIES = {
    "async-pykka": "async_pykka_",
    "casty": "casty_",
    "pykka": "pykka_",
    "otpylib": "otpylib_",
    "triotp": "triotp_",
    "xoscar": "xoscar_",
}
BASELINES = {TASKS: "tasks", METHOD: "method"}
# Cases without the BEAM: only regrow has them, or they compare regrow with itself.
OURS = ("growth", "million", "call thread", "call service", "call traced", "call no more traced")
ELIXIRS = {
    "call registry",
    "restarts 100",
    "restarts 1000",
    "restarts 10000",
    "start_child",
    "task",
    "agent",
    "dispatch",
}


@dataclass(frozen=True)
class Contestant:
    """An implementation of the cases: a command that takes a case and a size, and prints its figures."""

    name: str
    command: list[str]
    cases: set[str]
    environment: dict[str, str] = field(default_factory=dict[str, str])

    def measure(self, case: str, size: int, limit: float) -> dict[str, float] | None:
        """Return the figures of one measurement, or None if it failed, and print the failure on standard error."""
        try:
            done = subprocess.run(
                [*self.command, case, str(size)],
                capture_output=True,
                text=True,
                timeout=limit,
                check=True,
                env={**os.environ, **self.environment},
            )
            found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
        except (subprocess.SubprocessError, ValueError, IndexError) as error:
            said = getattr(error, "stderr", None) or str(error)
            print(f"{self.name}: {case} {size} failed: {said[-300:]}", file=sys.stderr)
            return None
        return found


def regrows() -> list[Contestant]:
    """Return the pure regrow, and the compiled one if it is installed."""
    command = [sys.executable, "-m", "benchmarks.ours"]
    cases = cases_of(command) or set()
    pure = Contestant(PURE, command, cases, {"REGROW_PURE": "1"})
    printed = subprocess.run(
        [sys.executable, "-c", "import regrow; print(getattr(regrow, 'compiled', False))"],
        capture_output=True,
        text=True,
        check=True,
        env={name: value for name, value in os.environ.items() if name != "REGROW_PURE"},
    )
    return [pure, Contestant(COMPILED, command, cases, {"REGROW_PURE": ""})] if "True" in printed.stdout else [pure]


def beam(cases: set[str]) -> list[Contestant]:
    """Return the BEAM if it is installed; without Elixir, only with Erlang's cases."""
    erlang, compiler, elixir = (shutil.which(name) for name in ("erl", "erlc", "elixir"))
    if erlang is None or compiler is None:
        return []
    BEAM_BUILD.mkdir(parents=True, exist_ok=True)
    subprocess.run([compiler, "-o", BEAM_BUILD, HERE / "others" / "beam.erl"], check=True)
    command = [erlang, "+P", "2000000", "-noshell", "-pa", str(BEAM_BUILD)]
    if elixir is not None:
        asked = [elixir, "-e", "IO.write :code.lib_dir(:elixir)"]
        found = subprocess.run(asked, capture_output=True, text=True, check=True).stdout
        command += ["-pa", f"{found}/ebin"]
    known = {case for case in cases if not case.startswith(OURS)}
    return [Contestant(BEAM, [*command, "-s", "beam", "main"], known if elixir else known - ELIXIRS)]


def pythons(modules: dict[str, str]) -> list[Contestant]:
    """Return the contestants whose modules can be imported."""
    found: list[Contestant] = []
    for name, module in modules.items():
        command = [sys.executable, "-m", f"benchmarks.others.{module}"]
        cases = cases_of(command)
        if cases is None:
            print(f"{name} is not installed and is left out", file=sys.stderr)
        else:
            found.append(Contestant(name, command, cases))
    return found


def cases_of(command: list[str]) -> set[str] | None:
    """Return the cases of a contestant, or None if it is not installed."""
    printed = subprocess.run(command, capture_output=True, text=True, check=False)
    return set(json.loads(printed.stdout)) if printed.returncode == 0 else None
