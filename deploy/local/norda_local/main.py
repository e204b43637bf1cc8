"""The `norda` command: what can be asked of the local stack, in words that teach it.

Owns arguments, exit codes and help texts; the work is done elsewhere and imported when a command needs it, because
most commands should answer at once. Exit codes: 0 done, 1 a foreseen problem (one line says which), 130 Ctrl-C.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from norda_local import operate
from norda_local.errors import StackError
from norda_local.invocation import local_stack as _stack
from norda_local.invocation import one_line_errors as _one_line_errors

if TYPE_CHECKING:
    from norda_local.stack import Stack

app = typer.Typer(
    name="norda",
    no_args_is_help=True,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_show_locals=False,
    help="""Norda on this machine: PostgreSQL, Kafka, tracing, mailboxes and the three services, without containers.

    [bold]Start here:[/] [cyan]./norda demo[/] starts everything and runs the main job;
    [cyan]./norda status[/] says where to look; [cyan]./norda down[/] stops it all.

    State, data and logs are under [cyan].norda/[/]; everything listens on 127.0.0.1 only.""",
)

app.add_typer(operate.deadletters, name="deadletters", rich_help_panel="Operate")
app.add_typer(operate.outbox, name="outbox", rich_help_panel="Operate")

PartNames = Annotated[
    list[str] | None,
    typer.Argument(help="Only these parts: postgres kafka tracing otlp mail issuer registry events notifications"),
]
States = Annotated[str, typer.Option(help="Office state: hb (Bremen), hh (Hamburg) or ni (Niedersachsen)")]


def _start(stack: Stack) -> None:
    from norda_local import display  # noqa: PLC0415

    with display.downloads(stack) as bar:
        stack.fetch(progress=bar)
    stack.up(report=display.PartLines())


@app.command(rich_help_panel="Run")
@_one_line_errors
def up(
    parts: PartNames = None,
    replicas: Annotated[
        int | None, typer.Option(help="Processes of every service, 1 to 3; stays so until another number is given")
    ] = None,
    keycloak: Annotated[
        bool | None,
        typer.Option(
            "--keycloak/--no-keycloak", help="Sign in with a real Keycloak; stays so until the other is given"
        ),
    ] = None,
) -> None:
    """Start what is not running, and wait until all of it is healthy.

    Harmless when it runs already. The first start downloads some 140 MB of Java archives, checked against their lock;
    later ones need no network. A part that was killed is started again; one whose code or settings changed is
    started anew. Own servers: set [cyan]NORDA_DATABASE_URL[/], [cyan]NORDA_KAFKA_BOOTSTRAP_SERVERS[/],
    [cyan]OTEL_EXPORTER_OTLP_ENDPOINT[/] or [cyan]NORDA_SMTP_URL[/]. Other ports: [cyan]NORDA_PORT_BASE=9101[/].

    Further replicas are parts of their own, [cyan]registry-2[/] and so on: one of a service's relays is active, the
    partitions are shared. [cyan]--replicas 1[/] stops them.

    [dim]./norda up                 everything[/]
    [dim]./norda up registry        one service and the servers it needs[/]
    [dim]./norda up postgres kafka  two servers, for working on something else[/]
    [dim]./norda up --replicas 2    every service twice[/]
    [dim]./norda up --keycloak      sign in with Keycloak (170 MB more, 40 s the first time)[/]
    """
    from norda_local import display  # noqa: PLC0415
    from norda_local.services import with_needs  # noqa: PLC0415

    stack = _stack(starting=True, only=with_needs(parts) if parts else None, replicas=replicas, keycloak=keycloak)
    _start(stack)
    rows = stack.status()
    display.console.print(*display.status_report(rows, just_started=True), sep="\n")
    if not all(row.healthy for row in rows):
        raise typer.Exit(1)


@app.command(rich_help_panel="Run")
@_one_line_errors
def down(parts: PartNames = None) -> None:
    """Stop everything, also what lost its record; data stays.

    [dim]./norda down           all parts[/]
    [dim]./norda down registry  one part, to see the others live without it[/]
    """
    from norda_local import display, throwaway  # noqa: PLC0415

    _stack(only=parts).down(report=display.PartLines())
    if not parts:
        throwaway.sweep()
    display.console.print("everything is down" if not parts else f"{' '.join(parts)} down")


@app.command(rich_help_panel="Run")
@_one_line_errors
def demo() -> None:
    """Start everything and run the main job from the starter data; the stack stays up.

    Ends with a table of what each service did, every expectation checked, and one trace from a click to a mail.
    A second run says what was already there.
    """
    from norda_local.demo import run_demo  # noqa: PLC0415

    stack = _stack(starting=True)
    _start(stack)
    raise typer.Exit(run_demo(stack))


@app.command(
    name="test",
    rich_help_panel="Run",
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
)
@_one_line_errors
def run_suite(
    context: typer.Context,
    lint: Annotated[bool, typer.Option(help="Run ruff, mypy, import-linter and the edge lint beside the tests")] = True,
    servers_only: Annotated[
        bool, typer.Option("--servers-only", help="Start the test servers, print their variables, wait for Ctrl-C")
    ] = False,
) -> None:
    """Run every test against real servers of its own, with the lints beside them.

    The servers use free ports and fresh data under .norda/test/, so a running stack is not disturbed. What follows is
    handed to pytest.

    [dim]./norda test                         everything, as in .ci/run[/]
    [dim]./norda test --no-lint tests/events  one folder, quickly[/]
    [dim]./norda test -k waiting_list -x      pytest's own options[/]
    """
    from norda_local import testing  # noqa: PLC0415

    if servers_only:
        raise typer.Exit(testing.hold_servers())
    raise typer.Exit(testing.run_tests(context.args, lint=lint))


@app.command(rich_help_panel="Prove")
@_one_line_errors
def bench(
    names: Annotated[
        list[str] | None,
        typer.Argument(help="relay, write, consume, journey, scale, pages, registry, or all", show_default="all"),
    ] = None,
    quick: Annotated[bool, typer.Option(help="Shorter rounds and smaller numbers; the targets are the same")] = False,
) -> None:
    """Measure how fast the backbone is, beside its alternatives, on servers of its own.

    All contestants of a question take turns in one run, so that a noisy machine is noisy for each of them; read the
    ratios. Writes [cyan].norda/bench/<name>.json[/]. Exit code 0 also when a target is missed: the table says so.

    [dim]./norda bench relay        our relay, Debezium and a bare producer[/]
    [dim]./norda bench all --quick  every question in some minutes[/]
    """
    from norda_local.bench.command import run_benches  # noqa: PLC0415

    raise typer.Exit(run_benches(names or ["all"], quick=quick))


@app.command(rich_help_panel="Prove")
@_one_line_errors
def chaos(
    seed: Annotated[int | None, typer.Option(help="Repeats a run's order of faults and commands; else drawn")] = None,
    minutes: Annotated[float, typer.Option(help="How long faults are injected; a round of all kinds takes two")] = 2,
    fault: Annotated[list[str] | None, typer.Option(help="Only this kind; may be given several times")] = None,
    list_faults: Annotated[bool, typer.Option("--list-faults", help="Say which kinds there are, and end")] = False,
) -> None:
    """Break everything under load, on servers of its own, and check from the outside that nothing is lost.

    Two replicas of each service, three Kafka brokers, PostgreSQL and a mail server, with proxies between. Writes the
    history and the result below [cyan].norda/chaos/[/]. Exit code 1 when an invariant is violated: the seed, the
    history and the violations are printed.

    [dim]./norda chaos --minutes 2                     every kind of fault once[/]
    [dim]./norda chaos --seed 7 --minutes 30           rounds until the time is over[/]
    [dim]./norda chaos --fault kafka-away --minutes 12 ten minutes without Kafka, under load[/]
    """
    import secrets  # noqa: PLC0415

    from norda_local.chaos import command  # noqa: PLC0415

    if list_faults:
        command.list_faults()
        return
    chosen = secrets.randbelow(1_000_000) if seed is None else seed
    raise typer.Exit(command.run_chaos(seed=chosen, minutes=minutes, names=fault or []))


@app.command(rich_help_panel="Look")
@_one_line_errors
def status(
    as_json: Annotated[bool, typer.Option("--json", help="Health and endpoints as JSON on stdout")] = False,
) -> None:
    """Say how every part is and where to open it; exit code 0 only if all are healthy.

    Below a service stands what waits in it, where anything does: events not sent yet and the oldest one's age, blocked
    ones, records not read yet, dead letters, and which of its parts are not well.

    [dim]./norda status --json | jq -r .endpoints.registry[/]
    [dim]./norda status --json | jq '.parts[] | {name, figures}'[/]
    """
    from norda_local import display  # noqa: PLC0415

    stack = _stack()
    rows = stack.status()
    healthy = all(row.healthy for row in rows)
    if as_json:
        document = {"healthy": healthy, "parts": [row.as_json() for row in rows], "endpoints": stack.endpoints()}
        print(json.dumps(document, indent=2))
    else:
        display.output.print(*display.status_report(rows), sep="\n")
    raise typer.Exit(0 if healthy else 1)


@app.command(rich_help_panel="Look")
@_one_line_errors
def logs(
    part: Annotated[str | None, typer.Argument(help="One part; all of them when left out")] = None,
    follow: Annotated[bool, typer.Option("-f", "--follow", help="Go on showing what is written")] = False,
    lines: Annotated[int, typer.Option("-n", "--lines", help="How many lines of each log to begin with")] = 40,
) -> None:
    """Show what the parts have logged since their start.

    [dim]./norda logs registry -f[/]
    """
    from norda_local import logview  # noqa: PLC0415

    logview.show(_stack().home, part, lines=lines, follow=follow)


@app.command(rich_help_panel="Look")
@_one_line_errors
def topic(
    name: Annotated[str | None, typer.Argument(help="A topic; without one all topics are listed")] = None,
    from_beginning: Annotated[bool, typer.Option("--from-beginning", "-b", help="From the first record on")] = False,
    count: Annotated[int | None, typer.Option("-c", "--count", help="End after so many records")] = None,
) -> None:
    """Look into a Kafka topic: key, CloudEvents headers and the JSON value of each record.

    Without --from-beginning it waits for new records until Ctrl-C.

    [dim]./norda topic                                           which topics there are[/]
    [dim]./norda topic ni.registry.organisation.v1 -b --count 3  its first three records[/]
    """
    from norda_local import topics  # noqa: PLC0415

    bootstrap = _stack().endpoints()["kafka"]
    if name is None:
        topics.list_topics(bootstrap)
    else:
        topics.show(bootstrap, name, from_beginning=from_beginning, count=count)


@app.command(rich_help_panel="Look")
@_one_line_errors
def doctor() -> None:
    """Check what the stack stands on, one line each, with what to do where something is wrong."""
    from norda_local import display, doctor  # noqa: PLC0415

    findings = list(doctor.examine(_stack(starting=True)))
    for finding in findings:
        mark = "[green]ok  [/]" if finding.fine else "[red]look[/]"
        remedy = "" if finding.fine else f" [dim]->[/] {escape(finding.remedy)}"
        display.output.print(f"{mark} {finding.subject:<12} {escape(finding.text)}{remedy}", soft_wrap=True)
    raise typer.Exit(0 if all(finding.fine for finding in findings) else 1)


@app.command(rich_help_panel="Tools")
@_one_line_errors
def token(
    state: States,
    role: Annotated[str, typer.Option(help="Role of the caller: office, lead, operator, ...")] = "office",
    name: Annotated[str, typer.Option(help="Name shown in histories")] = "",
    hours: Annotated[float, typer.Option(help="How long the token is valid")] = 8,
) -> None:
    """Print a bearer token signed with the stack's local key.

    [dim]curl -H "Authorization: Bearer $(./norda token --state hb)" http://127.0.0.1:8101/api/v1/organisations[/]
    """
    from norda_local.tokens import issue_token  # noqa: PLC0415

    if state not in {"hb", "hh", "ni"}:
        raise StackError(f"there is no office of {state}", "the states are hb, hh and ni")
    stack, seconds = _stack(), int(hours * 3600)
    issuer = stack.endpoints()["issuer"]
    print(issue_token(stack.home, issuer=issuer, state=state, role=role, name=name, lifetime_seconds=seconds))


@app.command(rich_help_panel="Tools")
@_one_line_errors
def rotate() -> None:
    """Exchange the local signing key: new tokens are signed with a new one, those of the last stay valid for a day.

    Nothing has to be restarted. Keycloak exchanges its own keys in its console.

    [dim]./norda rotate[/]
    """
    from norda_local.tokens import rotate_signing_key  # noqa: PLC0415

    print(f"key {rotate_signing_key(_stack().home)} signs from now on")


@app.command(rich_help_panel="Tools")
@_one_line_errors
def contracts(
    release: Annotated[bool, typer.Option("--release", help="Keep today's schemas as released, for ever")] = False,
) -> None:
    """Write the published documents (JSON Schemas, AsyncAPI, OpenAPI) to docs/contracts/; needs no running stack.

    [dim]./norda contracts            after a change of models or routes; commit what it wrote[/]
    [dim]./norda contracts --release  when a version is published: later schemas must be compatible with these[/]
    """
    from norda_local.contracts import release as release_schemas  # noqa: PLC0415
    from norda_local.contracts import write_all  # noqa: PLC0415

    for path in [*write_all(), *(release_schemas() if release else [])]:
        print(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)


@app.command(rich_help_panel="Tools")
@_one_line_errors
def reset(yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask")] = False) -> None:
    """Stop everything and delete databases, topics and mails; downloads, passwords and keys stay.

    [dim]./norda reset --yes && ./norda demo[/]
    """
    from norda_local import display  # noqa: PLC0415

    stack = _stack()
    if not yes:
        if not display.on_terminal():
            raise StackError("reset deletes all data and nobody can be asked here", "say ./norda reset --yes")
        typer.confirm(f"Delete all data under {stack.home.path}?", abort=True, err=True)
    stack.down(report=display.PartLines())
    stack.home.delete_data()
    display.console.print("all data is deleted; ./norda up begins anew")


@app.command(rich_help_panel="Tools", hidden=True)
@_one_line_errors
def lock() -> None:
    """Write artifacts.lock.json anew after a version was raised (for developers; needs the network)."""
    from norda_local.lock import write_lock  # noqa: PLC0415

    print(f"{write_lock()} files locked", file=sys.stderr)
