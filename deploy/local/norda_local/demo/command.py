"""`norda demo`: the main job against a running stack, and the table of what each service did."""

from __future__ import annotations

import time
from typing import Any

from norda_common.states import ALL_STATES
from rich.table import Table

from norda_local.display import imports, output
from norda_local.issuer.people import PEOPLE
from norda_local.stack import Stack
from norda_local.tokens import issue_token

from .job import run_main_job
from .world import JobFailed, World

RSS_LIMIT_MB = 150
SERVICES = ("registry", "events", "notifications")


def run_demo(stack: Stack) -> int:
    """Run the job, print what happened with links; 0 when every expectation came true."""
    started = time.monotonic()
    world = world_of(stack)
    new = not any(_health(world, name)["relay"]["sent"] for name in SERVICES)
    try:
        trace = run_main_job(world)
    except JobFailed as error:
        output.print(f"\n[red]norda: the demo cannot go on:[/] {error}", markup=True, soft_wrap=True)
        return 1
    _check_memory(world, stack, judge=new)
    output.print()
    output.print(services_table(world))
    _links(world, trace)
    failures = world.failures
    passed = len(world.checks) - len(failures)
    style = "red" if failures else "green"
    output.print(
        f"\n[{style}]{passed} of {len(world.checks)} expectations came true[/] in {time.monotonic() - started:.0f} s"
    )
    for check in failures:
        output.print(f"[red]  ✗ {check.text}[/] [dim]{check.found}[/]", soft_wrap=True)
    return 1 if failures else 0


def world_of(stack: Stack) -> World:
    """The stack as the job sees it. Mail and traces of servers of the user's own cannot be looked into."""
    endpoints, own = stack.endpoints(), stack.settings.own_servers
    return World(
        registry=endpoints["registry"],
        events=endpoints["events"],
        notifications=endpoints["notifications"],
        kafka=endpoints["kafka"],
        token=lambda state, role: issue_token(stack.home, issuer=endpoints["issuer"], state=state, role=role),
        mail_url=None if "mail" in own else endpoints["mail"],
        tracing_url=None if "tracing" in own else endpoints["tracing"],
        import_bars=imports,
        show=lambda text: output.print(text, highlight=False, soft_wrap=True),
    )


def services_table(world: World) -> Table:
    """What each service did since it started, as its health says."""
    table = Table(title="What each service did", title_justify="left", box=None, padding=(0, 2, 0, 0))
    for heading in ("service", "events sent", "records handled", "dead letters", "waiting to be sent", "state"):
        table.add_column(heading, justify="left" if heading in {"service", "state"} else "right")
    for name in SERVICES:
        health = _health(world, name)
        handled = sum(item["handled"] for item in health["consumers"].values())
        table.add_row(
            name,
            str(health["relay"]["sent"]),
            str(handled),
            str(health["dead_letters_open"]),
            str(health["relay"]["backlog"]),
            health["status"],
        )
    return table


def _health(world: World, name: str) -> dict[str, Any]:
    health: dict[str, Any] = world.http.get(f"{getattr(world, name)}/readyz").json()
    return health


def _check_memory(world: World, stack: Stack, *, judge: bool) -> None:
    """The limit is for the job alone: what services did before it, imports of thousands of rows, took memory, too."""
    for part in stack.status():
        if part.name in SERVICES:
            megabytes = part.rss_bytes / 1e6
            told = f"{part.name} uses {megabytes:.0f} MB"
            if judge:
                world.expect(f"{told}, at most {RSS_LIMIT_MB}", 0 < megabytes <= RSS_LIMIT_MB)
            else:
                world.show(f"    [dim]{told}, with what it did before; for the job alone {RSS_LIMIT_MB} are allowed[/]")


def _links(world: World, trace: str | None) -> None:
    output.print("\n[bold]Work with it[/]: open one of these pages, and sign in as one of these people with a click")
    for name in SERVICES:
        output.print(f"  {name:<16} {getattr(world, name)}/{name}/", soft_wrap=True)
    for state in ALL_STATES:
        output.print(f"  {state.label:<16} {PEOPLE[f'{state.value}-office'].name}", soft_wrap=True)
    output.print("\n[bold]Look at it[/]")
    lines = {
        "every mailbox": f"{world.mail_url}/" if world.mail_url else None,
        "the trace": trace,
        "a topic": "./norda topic ni.registry.organisation.v1 --from-beginning --count 2",
        "the APIs": f"{world.registry}/openapi.json (events and notifications likewise, see ./norda status)",
        "stop": "./norda down",
    }
    for what, where in lines.items():
        if where:
            output.print(f"  {what:<16} {where}", soft_wrap=True)
