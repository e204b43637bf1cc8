"""One trace, fetched back from the tracing server: from a request through outbox and Kafka to the accepted mail."""

from __future__ import annotations

import secrets
import time
from collections.abc import Sequence
from typing import Any

from norda_local.tracing import fetch_trace, trace_page

from .forum import event_of
from .world import World

TITLE = "Online-Seminar Batterie"
EMAIL = "spur@ex-016.example"
Hop = tuple[str, str, str]
HOPS: tuple[Hop, ...] = (
    ("norda-events", "SERVER", "post "),
    ("norda-events", "PRODUCER", "send {prefix}internal.hb.events.participation.v1"),
    ("norda-notifications", "CONSUMER", "process {prefix}internal.hb.events.participation.v1"),
    ("norda-notifications", "CLIENT", "send mail"),
)
"""What must be in the trace: service, kind of span, beginning of its name (`prefix` is the topics')."""


def follow_one_trace(world: World) -> str | None:
    """Register somebody under a trace id of our own and read the whole way back; returns the page to look at."""
    event = event_of(world, "ev-04", title=TITLE, lead="hb", extra={"online": True, "competences": ["BAT"]})
    url = f"{world.events}/api/v1/events/{event['event_id']}"
    if event["status"] == "draft":
        world.post(f"{url}/publication", state="hb")
    trace_id, span_id = secrets.token_hex(16), secrets.token_hex(8)
    body = {"participant_state": "hb", "name": "Beispiel Spur", "email": EMAIL, "language": "en"}
    registered = world.post(f"{url}/registrations", body, state="hb").json()
    if registered["already_registered"]:
        world.show("    [dim]The participant was already registered: withdrawn and registered anew.[/]")
    # This only makes sure that there is something to withdraw: the traced request is then always a fresh registration.
    world.post(f"{url}/registrations/{registered['registration_id']}/withdrawal", state="hb")
    headers = {"traceparent": f"00-{trace_id}-{span_id}-01"}
    world.post(f"{url}/registrations", body, state="hb", headers=headers)
    if world.tracing_url is None:
        world.show("    [dim]Traces go to a server of your own; look there for the trace " + trace_id + ".[/]")
        return None
    hops = [(service, kind, name.format(prefix=world.topic_prefix)) for service, kind, name in HOPS]
    spans = _whole_trace(world.tracing_url, trace_id, hops)
    for service, kind, name in hops:
        found = [span for span in spans if _matches(span, service=service, kind=kind, name=name)]
        world.expect(
            f"the trace holds {kind.lower()} span {name!r} of {service}", bool(found), [s.get("name") for s in spans]
        )
    world.expect("the mail's span descends from the request's", _descends(spans, hops[-1]), len(spans))
    _draw(world, spans)
    return trace_page(world.tracing_url, trace_id)


def _whole_trace(tracing_url: str, trace_id: str, hops: Sequence[Hop], *, within: float = 30.0) -> list[dict[str, Any]]:
    deadline = time.monotonic() + within
    while True:
        spans = fetch_trace(tracing_url, trace_id)
        complete = all(any(_matches(s, service=a, kind=b, name=c) for s in spans) for a, b, c in hops)
        if complete or time.monotonic() > deadline:
            return spans
        time.sleep(0.3)


def _matches(span: dict[str, Any], *, service: str, kind: str, name: str) -> bool:
    return (
        span.get("localEndpoint", {}).get("serviceName", "") == service
        and span.get("kind") == kind
        and span.get("name", "").lower().startswith(name.lower())
    )


def _descends(spans: list[dict[str, Any]], last: Hop) -> bool:
    """Whether the mail's span leads back to the HTTP request by its parents."""
    by_id = {span["id"]: span for span in spans}
    service, kind, name = last
    current = next((s for s in spans if _matches(s, service=service, kind=kind, name=name)), None)
    while current is not None:
        if current.get("kind") == "SERVER":
            return True
        current = by_id.get(current.get("parentId", ""))
    return False


def _draw(world: World, spans: list[dict[str, Any]]) -> None:
    """The way in a few lines: service, span, when it began after the request and how long it took."""
    start = min((span["timestamp"] for span in spans), default=0)
    for span in sorted(spans, key=lambda item: item["timestamp"]):
        if span.get("kind") in {"SERVER", "PRODUCER", "CONSUMER"} or span.get("name", "").startswith("send mail"):
            after, took = (span["timestamp"] - start) / 1000, span.get("duration", 0) / 1000
            service = span["localEndpoint"]["serviceName"]
            world.show(f"      {after:7.1f} ms  [cyan]{service:<20}[/] {span['name']}  [dim]{took:.1f} ms[/]")
