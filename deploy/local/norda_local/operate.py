"""`norda deadletters` and `norda outbox`: what operators look at and do, as commands; the work is done elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from norda_local.invocation import local_stack, one_line_errors

if TYPE_CHECKING:
    from norda_local.operators import Services

SETTINGS = {"help_option_names": ["-h", "--help"]}

deadletters = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="rich",
    context_settings=SETTINGS,
    help="""Look at records that could not be handled, and replay or discard them.

    A record that a service's consumer cannot read or handle becomes a [bold]dead letter[/] with its bytes, the reason
    and its trace, and the partition goes on. Once the cause is mended (mostly by a corrected release), a
    [cyan]replay[/] lets the same consumer handle the original bytes again: effects happen once, a newer state is not
    overwritten, and letters of one key go in their order. What fails again stays open with its new reason.

    [dim]./norda deadletters list                              how many, by reason, and the newest[/]
    [dim]./norda deadletters show ID                           one with its headers and its value[/]
    [dim]./norda deadletters replay --reason invalid_data      all of a reason, in order[/]
    [dim]./norda deadletters discard ID                        give one up, for good[/]""",
)
outbox = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="rich",
    context_settings=SETTINGS,
    help="""Look at events that could not be published, and let them go on.

    An event that Kafka refuses (its topic is missing or forbidden, the record too large for it) is [bold]blocked[/] and
    holds back its own topic and key, nothing else. Mend the cause, then [cyan]retry[/]. There is no discarding: readers
    of that key would meet a hole in its sequence, and keep an older state until its next event.

    [dim]./norda outbox list                       what is blocked, why, and what waits behind it[/]
    [dim]./norda outbox retry --service registry   everything of one service[/]""",
)

Service = Annotated[str | None, typer.Option(help="Only this service: registry, events or notifications")]
Reason = Annotated[str | None, typer.Option(help="Only this reason, as `list` shows it")]
Consumer = Annotated[str | None, typer.Option(help="Only letters of this consumer")]
TopicName = Annotated[str | None, typer.Option(help="Only this topic")]
AsJson = Annotated[bool, typer.Option("--json", help="JSON on stdout")]
Limit = Annotated[int, typer.Option("-n", "--limit", help="How many of each service at most", min=1, max=10_000)]
Ids = Annotated[list[str] | None, typer.Argument(help="Ids, as `list` shows them; or choose by options")]
Everything = Annotated[bool, typer.Option("--all", help="All that are open")]


@deadletters.command("list")
@one_line_errors
def list_letters(
    service: Service = None,
    reason: Reason = None,
    consumer: Consumer = None,
    topic: TopicName = None,
    status: Annotated[str, typer.Option(help="open, replayed, discarded or all")] = "open",
    limit: Limit = 20,
    as_json: AsJson = False,
) -> None:
    """Say how many dead letters there are, by reason, and list the newest with a link to each one's trace.

    Closed letters are kept for 30 days, open ones until somebody closes them.

    [dim]./norda deadletters list --service events --reason invalid_data[/]
    [dim]./norda deadletters list --json | jq -r '.letters[].id'[/]
    """
    from norda_local import deadletters as work  # noqa: PLC0415

    choice = work.Choice(reason=reason, consumer=consumer, topic=topic)
    raise typer.Exit(work.show_list(_services(service), choice, status=status, limit=limit, as_json=as_json))


@deadletters.command("show")
@one_line_errors
def show_letter(
    letter_id: Annotated[str, typer.Argument(metavar="ID", help="As `list` shows it")],
    service: Service = None,
    as_json: AsJson = False,
) -> None:
    """Show one dead letter with its reason, trace, headers and value.

    Text is shown as text, JSON is laid out, other bytes are in base64. The record of a topic below [bold]internal.[/]
    holds personal data: do not paste it into tickets; its id and its trace are enough to find it again.

    [dim]./norda deadletters show 0199d1a0-5f2e-7c4b-9a53-0d5a7c1b2e3f[/]
    [dim]./norda deadletters show 0199d1a0-5f2e-7c4b-9a53-0d5a7c1b2e3f --json | jq -r .value.data[/]
    """
    from norda_local import deadletters as work  # noqa: PLC0415

    work.show_one(_services(service), letter_id, as_json=as_json)


@deadletters.command("replay")
@one_line_errors
def replay(
    ids: Ids = None,
    service: Service = None,
    reason: Reason = None,
    consumer: Consumer = None,
    topic: TopicName = None,
    everything: Everything = False,
    as_json: AsJson = False,
) -> None:
    """Let the consumers handle dead letters again, in the order of their topics.

    Each goes in a transaction of its own, so interrupting and repeating this are safe. Exit code 1 when any of them
    failed again or waits for an older one of its key; both stay open.

    [dim]./norda deadletters replay 0199d1a0-5f2e-7c4b-9a53-0d5a7c1b2e3f[/]
    [dim]./norda deadletters replay --service notifications --reason CheckViolationError[/]
    [dim]./norda deadletters replay --all[/]
    """
    from norda_local import deadletters as work  # noqa: PLC0415

    choice = work.Choice(ids or (), reason, consumer, topic, everything=everything or _whole(service, ids))
    raise typer.Exit(work.act(_services(service), "replay", choice, as_json=as_json))


@deadletters.command("discard")
@one_line_errors
def discard(
    ids: Ids = None,
    service: Service = None,
    reason: Reason = None,
    consumer: Consumer = None,
    topic: TopicName = None,
    everything: Everything = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask")] = False,
    as_json: AsJson = False,
) -> None:
    """Give dead letters up: they have no effect, and newer letters of their keys no longer wait for them.

    Cannot be undone; who did it and when is kept for 30 days. Asks at a terminal, and needs [cyan]--yes[/] elsewhere.

    [dim]./norda deadletters discard 0199d1a0-5f2e-7c4b-9a53-0d5a7c1b2e3f[/]
    [dim]./norda deadletters discard --reason not_a_cloudevent --yes[/]
    """
    from norda_local import deadletters as work  # noqa: PLC0415

    choice = work.Choice(ids or (), reason, consumer, topic, everything=everything or _whole(service, ids))
    services = _services(service)
    if not yes:
        work.confirm_discard(services, choice)
    raise typer.Exit(work.act(services, "discard", choice, as_json=as_json))


@outbox.command("list")
@one_line_errors
def list_blocked(
    service: Service = None, reason: Reason = None, topic: TopicName = None, as_json: AsJson = False
) -> None:
    """List blocked events, oldest first: topic and key, why and since when, what waits behind each, and its trace.

    [dim]./norda outbox list --service registry[/]
    """
    from norda_local import blocked  # noqa: PLC0415

    raise typer.Exit(blocked.show_list(_services(service), reason=reason, topic=topic, as_json=as_json))


@outbox.command("retry")
@one_line_errors
def retry_blocked(
    ids: Annotated[list[int] | None, typer.Argument(help="Ids, as `list` shows them; needs --service")] = None,
    service: Service = None,
    reason: Reason = None,
    topic: TopicName = None,
    everything: Annotated[bool, typer.Option("--all", help="All that are blocked")] = False,
    as_json: AsJson = False,
) -> None:
    """Let the relay send blocked events again, and say what became of each.

    Mend the cause first: what Kafka refuses again is blocked again. Exit code 1 when any is.

    [dim]./norda outbox retry --service registry 4711[/]
    [dim]./norda outbox retry --reason unknown_topic[/]
    """
    from norda_local import blocked  # noqa: PLC0415

    choice = blocked.Choice(ids or (), reason, topic, everything=everything or _whole(service, ids))
    raise typer.Exit(blocked.retry(_services(service), choice, as_json=as_json))


def _services(only: str | None) -> Services:
    """The services an operator's command asks."""
    from norda_local.operators import Services  # noqa: PLC0415

    return Services.of(local_stack(), only=only)


def _whole(service: str | None, ids: Sequence[object] | None) -> bool:
    """Whether a service is named and none of its letters or rows: then everything of it is meant."""
    return bool(service and not ids)
