"""The work of `norda outbox`: which events are blocked, and trying them again."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rich.text import Text

from norda_local import display
from norda_local.display import output
from norda_local.errors import StackError
from norda_local.operators import AwayError, RefusedError, Services, ago, visible

PATH = "/outbox/blocked"
ALL = 100_000
SETTLE_SECONDS = 5.0
"""How long the relay is given to send what is tried again, or to be refused."""


@dataclass(frozen=True)
class Choice:
    """Which blocked events are meant."""

    ids: Sequence[int] = ()
    reason: str | None = None
    topic: str | None = None
    everything: bool = False

    def require_something(self, services: Services) -> None:
        """Raises StackError when nothing is chosen, or ids without the service that gave them out."""
        if not (self.ids or self.reason or self.topic or self.everything):
            raise StackError("nothing is chosen", "give ids, --service, --reason, --topic or --all")
        if self.ids and len(services.names) > 1:
            raise StackError("ids are each service's own", "say which: --service registry")


def show_list(services: Services, *, reason: str | None, topic: str | None, as_json: bool) -> int:
    """Print every blocked event; a service that is away is said on stderr and makes the exit code 1."""
    rows: list[dict[str, Any]] = []
    away = 0
    for name in services.names:
        try:
            rows += _blocked(services, name, reason=reason, topic=topic)
        except AwayError as error:
            away += 1
            display.fail(error.problem, error.remedy)
    if as_json:
        print(json.dumps({"blocked": rows}, indent=2))
    elif rows:
        for row in rows:
            _print(row)
    elif not away:
        output.print("no event is blocked")
    return 1 if away else 0


def retry(services: Services, choice: Choice, *, as_json: bool) -> int:
    """Try the chosen events again and wait for what becomes of them; returns 1 when any is not sent."""
    choice.require_something(services)
    tried: list[dict[str, Any]] = []
    for name in services.names:
        rows = _blocked(services, name, reason=choice.reason, topic=choice.topic)
        chosen = [row for row in rows if not choice.ids or row["id"] in choice.ids]
        _require_known(choice, [row["id"] for row in chosen])
        tried += [row for row in chosen if _post(services, row)]
    left = _settled(services, tried)
    outcomes = [{**row, "result": "blocked" if (row["service"], row["id"]) in left else "sent"} for row in tried]
    if as_json:
        print(json.dumps({"outcomes": outcomes}, indent=2))
    else:
        _print_outcomes(outcomes)
    return 1 if left else 0


def _blocked(services: Services, name: str, **filters: str | None) -> list[dict[str, Any]]:
    return [{"service": name, **row} for row in services.pages(name, PATH, limit=ALL, **filters)]


def _require_known(choice: Choice, found: Sequence[int]) -> None:
    unknown = sorted(set(choice.ids) - set(found))
    if unknown:
        raise StackError(f"not blocked: {', '.join(map(str, unknown))}", "./norda outbox list shows what is")


def _post(services: Services, row: dict[str, Any]) -> bool:
    """Whether it was still blocked."""
    try:
        services.post(row["service"], f"{PATH}/{row['id']}/retry")
    except RefusedError as error:
        if error.status != 404:
            raise
        return False
    return True


def _settled(services: Services, tried: Sequence[dict[str, Any]]) -> set[tuple[str, int]]:
    """Which of them are blocked again; an event that is being sent needs a moment to be refused."""
    wanted = {(row["service"], row["id"]) for row in tried}
    deadline = time.monotonic() + SETTLE_SECONDS
    again: set[tuple[str, int]] = set()
    while wanted and again != wanted and time.monotonic() < deadline:
        time.sleep(0.5)
        names = {name for name, _ in wanted}
        again = {(row["service"], row["id"]) for name in names for row in _blocked(services, name)} & wanted
    return again


def _print(row: dict[str, Any]) -> None:
    output.print(
        Text.assemble((str(row["id"]), "bold cyan"), f"  {row['service']}  ", (visible(row["reason"]), "red")),
        soft_wrap=True,
    )
    waiting = f"{row['waiting']} wait behind it" if row["waiting"] else "nothing waits behind it"
    output.print(f"  {row['topic']}  key {row['key']}  sequence {row['sequence']}", soft_wrap=True)
    output.print(f"  blocked {ago(row['blocked_at'])}, written {ago(row['created_at'])}; {waiting}", soft_wrap=True)
    if row["trace_link"] or row["trace_id"]:
        output.print(Text(f"  trace {row['trace_link'] or row['trace_id']}", style="dim"), soft_wrap=True)


def _print_outcomes(outcomes: Sequence[dict[str, Any]]) -> None:
    if not outcomes:
        output.print("no blocked event matches")
    for row in outcomes:
        fate = ("is on its way", "green")
        if row["result"] == "blocked":
            fate = (f"is blocked again ({visible(row['reason'])}); mend the cause first", "red")
        output.print(
            Text.assemble((str(row["id"]), "bold cyan"), f"  {row['service']}  {row['topic']}  ", fate), soft_wrap=True
        )
