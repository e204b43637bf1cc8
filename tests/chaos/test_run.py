"""The two-minute run, as anybody starts it: every kind of fault once, and every invariant holds."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from norda_local.chaos import clocks
from norda_local.chaos.command import FOLDER
from norda_local.chaos.faults import FAULTS

SEED = 20261124
LONGEST_SECONDS = 900
"""Two minutes of faults, and starts, waits and judgement on a machine that does other things beside."""


def test_two_minutes_of_chaos_violate_nothing() -> None:
    command = [sys.executable, "-m", "norda_local", "chaos", "--minutes", "2", "--seed", str(SEED)]
    before = set(results())
    result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=LONGEST_SECONDS)
    assert result.returncode == 0, result.stdout + result.stderr[-4000:]
    (path,) = set(results()) - before
    document = json.loads(path.read_text())
    wanted = set(FAULTS) if clocks.library() else set(FAULTS) - {"step-clock"}
    assert set(document["faults"]) == wanted
    assert set(document["not_injected"]) == set(FAULTS) - wanted
    assert document["violations"] == {}
    assert document["commands"]["accepted"] > 200


def results() -> list[Path]:
    return sorted(FOLDER.glob(f"*-seed{SEED}.json"))
