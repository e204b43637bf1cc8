"""`norda test`: servers of its own (see `throwaway`), the lints beside their start, then pytest, whose line closes the
output.
"""

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from norda_local import chromium, display, processes
from norda_local.folders import PROJECT_ROOT
from norda_local.stack import Stack
from norda_local.throwaway import servers_of_its_own

WORKERS = 2


@dataclass(frozen=True)
class LintResult:
    """How one lint ended."""

    name: str
    passed: bool
    seconds: float
    output: str


def run_tests(arguments: list[str], *, lint: bool) -> int:
    """Run lints and tests; returns pytest's exit code, or 1 when only a lint failed."""
    with servers_of_its_own("test", durable=False) as stack, ThreadPoolExecutor(1) as beside:
        linting = beside.submit(_lints) if lint else None
        if not arguments or any("browser" in argument for argument in arguments):
            chromium.ensure()
        stack.up()
        passed = _print_lints(linting)
        code = _pytest(stack, arguments)
    return code or (0 if passed else 1)


def hold_servers() -> int:
    """Start test servers, print their variables for a shell, and wait until the process is asked to end."""
    with servers_of_its_own("test", durable=False) as stack:
        stack.up()
        for name, value in variables(stack).items():
            print(f"export {name}='{value}'", flush=True)
        display.console.print("the servers run until Ctrl-C")
        try:
            signal.pause()
        except KeyboardInterrupt:
            display.console.print("stopping the servers")
    return 0


def variables(stack: Stack) -> dict[str, str]:
    """What the tests read to find their servers."""
    endpoints = stack.endpoints()
    return {
        "NORDA_TEST_POSTGRES": endpoints["database"],
        "NORDA_TEST_KAFKA": endpoints["kafka"],
        "NORDA_TEST_SMTP": endpoints["smtp"],
        "NORDA_TEST_MAIL": endpoints["mail"],
        "NORDA_TEST_OTLP": endpoints["otlp"],
        "NORDA_TEST_TRACING": endpoints["tracing"],
    }


def _pytest(stack: Stack, arguments: list[str]) -> int:
    spread = [] if _chooses_workers(arguments) else ["-n", str(WORKERS), "--dist", "loadfile"]
    # Variables of the user's shell must not lead a test to the user's own servers.
    environment = {**processes.inherited_environment(stack.home), **variables(stack), **_asked_of_the_tests()}
    command = [sys.executable, "-m", "pytest", *spread, *arguments]
    process = subprocess.Popen(command, cwd=PROJECT_ROOT, env=environment)
    try:
        return process.wait()
    except BaseException:
        # A Ctrl-C has reached pytest as well; a SIGTERM has not.
        process.send_signal(signal.SIGINT)
        process.wait(20)
        raise


def _asked_of_the_tests() -> dict[str, str]:
    """What the user's shell says of the tests themselves."""
    return {name: os.environ[name] for name in ("NORDA_FUZZ_EXAMPLES",) if name in os.environ}


def _chooses_workers(arguments: list[str]) -> bool:
    return any(argument in {"--pdb", "-s"} or argument.startswith(("-n", "--numprocesses")) for argument in arguments)


def _lints() -> list[LintResult]:
    scripts = Path(sys.executable).parent
    commands = {
        "ruff check": [str(scripts / "ruff"), "check", "--quiet", "--output-format=concise", "."],
        "ruff format": [str(scripts / "ruff"), "format", "--check", "."],
        "edge lint": [sys.executable, "-m", "norda_local.lint"],
        "import-linter": [str(scripts / "lint-imports"), "--no-cache"],
        "mypy": [str(scripts / "mypy")],
    }
    return [_lint(name, command) for name, command in commands.items()]


def _lint(name: str, command: list[str]) -> LintResult:
    began = time.monotonic()
    environment = {**os.environ, "NO_COLOR": "1", "RUFF_OUTPUT_FORMAT": "concise"}
    result = subprocess.run(
        command, cwd=PROJECT_ROOT, env=environment, capture_output=True, text=True, check=False, timeout=600
    )
    text = (result.stdout + result.stderr).strip()
    return LintResult(name, result.returncode == 0, time.monotonic() - began, text)


def _print_lints(linting: Future[list[LintResult]] | None) -> bool:
    """Print one line per lint, and the output of those that failed; returns whether all passed."""
    results = linting.result() if linting is not None else []
    for result in results:
        mark = "[green]passed[/]" if result.passed else "[red]FAILED[/]"
        display.output.print(f"{result.name:<14} {mark} in {result.seconds:.1f} s")
        if not result.passed:
            display.output.print(result.output, markup=False, soft_wrap=True)
    return all(result.passed for result in results)
