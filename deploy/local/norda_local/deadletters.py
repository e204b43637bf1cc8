"""The work of `norda deadletters`: lists, one letter in full, and replaying or discarding in batches."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import typer
from rich.highlighter import JSONHighlighter
from rich.progress import Progress, SpinnerColumn, TextColumn
from rich.table import Table
from rich.text import Text

from norda_local import display
from norda_local.display import console, output
from norda_local.errors import StackError
from norda_local.operators import AwayError, RefusedError, Services, ago, visible

PATH = "/dead-letters"
BATCH = 100
DONE = {"replayed", "discarded"}
STATUSES = ("open", "replayed", "discarded", "all")


@dataclass(frozen=True)
class Choice:
    """Which letters are meant."""

    ids: Sequence[str] = ()
    reason: str | None = None
    consumer: str | None = None
    topic: str | None = None
    everything: bool = False

    def filters(self) -> dict[str, str]:
        """What a list or a batch is narrowed by."""
        given = {"reason": self.reason, "consumer": self.consumer, "topic": self.topic}
        return {name: value for name, value in given.items() if value is not None}

    def require_something(self) -> None:
        """Raises StackError when neither ids nor options choose anything, or an id is none."""
        if not (self.ids or self.filters() or self.everything):
            raise StackError("nothing is chosen", "give ids, --service, --reason, --consumer, --topic or --all")
        if self.ids and self.filters():
            raise StackError("ids and options together choose nothing clear", "give either ids or options")
        for letter_id in self.ids:
            _checked(letter_id)


def show_list(services: Services, choice: Choice, *, status: str, limit: int, as_json: bool) -> int:
    """Print counts and the newest letters; a service that is away is said on stderr and makes the exit code 1."""
    if status not in STATUSES:
        raise StackError(f"there is no status {status}", f"it is one of {' '.join(STATUSES)}")
    counts: list[dict[str, Any]] = []
    letters: list[dict[str, Any]] = []
    away = 0
    for name in services.names:
        try:
            counted = services.get(name, f"{PATH}/counts", status=status, **choice.filters())
            found = services.pages(name, PATH, limit=limit, status=status, **choice.filters())
            letters += [{"service": name, **letter} for letter in found]
            counts += [{"service": name, **row} for row in counted]
        except AwayError as error:
            away += 1
            display.fail(error.problem, error.remedy)
    if as_json:
        print(json.dumps({"counts": counts, "letters": letters}, indent=2))
    elif counts:
        _print_list(counts, letters)
    elif not away:
        output.print(
            f"no {'' if status == 'all' else f'{status} '}dead letters" + (" match" if choice.filters() else "")
        )
    return 1 if away else 0


def show_one(services: Services, letter_id: str, *, as_json: bool) -> None:
    """Print one letter in full. Raises StackError when no chosen service has it."""
    service, letter = find(services, letter_id)
    if as_json:
        print(json.dumps({"service": service, **letter}, indent=2))
        return
    _print_head({"service": service, **letter})
    if "internal." in letter["topic"]:
        output.print("  [yellow]a private topic: this is personal data; keep it here[/]")
    _print_content("key", letter["key"])
    for header in letter["headers"]:
        _print_content(header["name"], header["value"])
    value = letter["value"]
    output.print("  [green]value:[/]" + ("" if value else " [yellow](null: a tombstone)[/]"))
    if value:
        output.print(_readable(value), soft_wrap=True)


def find(services: Services, letter_id: str) -> tuple[str, dict[str, Any]]:
    """The service that has this letter, and the letter. Raises StackError."""
    _checked(letter_id)
    for name in services.names:
        try:
            return name, services.get(name, f"{PATH}/{letter_id}")
        except RefusedError as error:
            if error.status != 404:
                raise
    raise StackError(f"no dead letter has the id {letter_id}", "./norda deadletters list shows the ids")


def confirm_discard(services: Services, choice: Choice) -> None:
    """Ask at a terminal. Raises StackError where nobody can be asked, typer.Abort when the answer is no."""
    choice.require_something()
    if not display.on_terminal():
        raise StackError("discarding is for good and nobody can be asked here", "add --yes")
    number = len(choice.ids) or sum(
        row["letters"] for name in services.names for row in services.get(name, f"{PATH}/counts", **choice.filters())
    )
    if number:
        typer.confirm(f"Discard {number} dead letters of {', '.join(services.names)} for good?", abort=True, err=True)


def act(services: Services, action: str, choice: Choice, *, as_json: bool) -> int:
    """Replay or discard the chosen letters; returns 0 when all of them are done, else 1.

    What a service refuses or cannot do ends its own part; what was done before is still said.
    """
    choice.require_something()
    outcomes: list[dict[str, Any]] = []
    faults: list[StackError] = []
    with Progress(
        SpinnerColumn(), TextColumn("{task.description}"), console=console, disable=not console.is_terminal
    ) as bar:
        task = bar.add_task(action)
        for name, body in _bodies(services, choice):
            try:
                for outcome in _batches(services, name, action, body):
                    outcomes.append(outcome)
                    bar.update(task, description=f"{action} {name}: {len(outcomes)}")
            except (AwayError, RefusedError) as error:
                faults.append(error)
    if as_json:
        print(json.dumps({"outcomes": outcomes}, indent=2))
    else:
        _print_outcomes(outcomes)
    for fault in faults:
        display.fail(fault.problem, fault.remedy)
    return 1 if faults or any(outcome["result"] not in DONE for outcome in outcomes) else 0


def _bodies(services: Services, choice: Choice) -> list[tuple[str, dict[str, Any]]]:
    """One request per service; ids are looked up first, so that an unknown one changes nothing."""
    if not choice.ids:
        return [(name, {**choice.filters(), "everything": True}) for name in services.names]
    by_service: dict[str, list[str]] = {}
    for letter_id in dict.fromkeys(choice.ids):
        by_service.setdefault(find(services, letter_id)[0], []).append(letter_id)
    return [
        (name, {"ids": ids[start : start + BATCH]})
        for name, ids in by_service.items()
        for start in range(0, len(ids), BATCH)
    ]


def _batches(services: Services, name: str, action: str, body: dict[str, Any]) -> Iterator[dict[str, Any]]:
    # Only open letters are taken in turn; a chosen one that is closed by now must not go unsaid.
    unsaid = {str(UUID(letter_id)) for letter_id in body.get("ids", ())}
    cursor: str | None = None
    while True:
        answer = services.post(name, f"{PATH}/{action}", {**body, "limit": BATCH, "cursor": cursor})
        unsaid -= {item["id"] for item in answer["items"]}
        yield from ({"service": name, **item} for item in answer["items"])
        cursor = answer["next_cursor"]
        if cursor is None:
            yield from ({"service": name, "id": letter_id, "result": "closed"} for letter_id in sorted(unsaid))
            return


def _print_list(counts: Sequence[dict[str, Any]], letters: Sequence[dict[str, Any]]) -> None:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for heading in ("letters", "service", "consumer", "reason", "topic", "last"):
        table.add_column(heading, justify="right" if heading == "letters" else "left", overflow="fold")
    for row in counts:
        reason = Text(visible(row["reason"]), style="red")
        table.add_row(
            str(row["letters"]), row["service"], row["consumer"], reason, row["topic"], ago(row["last_failed_at"])
        )
    output.print(table)
    for letter in letters:
        output.print()
        _print_head(letter)
    rest = sum(row["letters"] for row in counts) - len(letters)
    if rest > 0:
        output.print(f"\n[dim]and {rest} more; --limit shows more of them[/]")


def _print_head(letter: dict[str, Any]) -> None:
    place = f"{letter['topic']}/{letter['partition']}@{letter['offset']}"
    output.print(
        Text.assemble((letter["id"], "bold cyan"), f"  {letter['service']}/{letter['consumer']}  {letter['status']}"),
        soft_wrap=True,
    )
    reason = Text.assemble("  ", (visible(letter["reason"]), "red"), f"  {visible(letter['detail'])}")
    output.print(reason, soft_wrap=True)
    output.print(Text(f"  {place}  {ago(letter['failed_at'])}{_history(letter)}", style="dim"), soft_wrap=True)
    if letter["trace_link"] or letter["trace_id"]:
        output.print(Text(f"  trace {letter['trace_link'] or letter['trace_id']}", style="dim"), soft_wrap=True)


def _history(letter: dict[str, Any]) -> str:
    history = ""
    if letter["tries"]:
        history += f", replayed {letter['tries']}x in vain, last by {letter['tried_by']} {ago(letter['tried_at'])}"
    if letter["closed_at"]:
        history += f", {letter['status']} by {letter['closed_by']} {ago(letter['closed_at'])}"
    return history


def _print_content(name: str, content: dict[str, Any] | None) -> None:
    text = "(null)" if content is None else f"{visible(content['data'])}{_note(content)}"
    output.print(Text.assemble((f"  {visible(name)}: ", "green"), text), soft_wrap=True)


def _readable(value: dict[str, Any]) -> Text:
    if value["encoding"] != "json":
        return Text(f"{visible(value['data'])}{_note(value)}")
    pretty = json.dumps(json.loads(value["data"]), indent=2, ensure_ascii=False)
    return JSONHighlighter()(Text(visible(pretty)))


def _note(content: dict[str, Any]) -> str:
    return f"  (base64 of {content['size']} bytes)" if content["encoding"] == "base64" else ""


def _print_outcomes(outcomes: Sequence[dict[str, Any]]) -> None:
    for outcome in outcomes:
        if outcome["result"] not in DONE:
            output.print(Text.assemble((outcome["id"], "bold cyan"), "  ", (_fate(outcome), "red")), soft_wrap=True)
    if not outcomes:
        output.print("no open dead letters match")
        return
    counted = Counter(outcome["result"] for outcome in outcomes)
    output.print(", ".join(f"{number} {result.replace('_', ' ')}" for result, number in counted.items()))


def _fate(outcome: dict[str, Any]) -> str:
    fates = {
        "failed": f"failed again: {outcome.get('reason')} {outcome.get('detail')}",
        "waits": f"waits for older letters of its key: {' '.join(outcome.get('older', ()))}",
        "closed": "was closed before",
        "no_consumer": "the service has no such consumer any more; it can only be discarded",
    }
    return visible(fates[outcome["result"]])


def _checked(letter_id: str) -> None:
    try:
        UUID(letter_id)
    except ValueError as error:
        raise StackError(f"{letter_id} is no id", "./norda deadletters list shows the ids") from error
