"""What operators see of a running service: log lines with trace ids, metrics, traces; and what nobody must see."""

from __future__ import annotations

import json
import secrets
import urllib.request

import pytest
from norda_local.tracing import fetch_trace
from support.installation import Installation, Running
from support.waiting import eventually

SECRET = "geheim@ex-099.example"


@pytest.fixture(scope="module")
def notifications(module_installation: Installation) -> Running:
    return module_installation.start("notifications")


async def test_a_request_makes_one_trace_with_its_statements(notifications: Running) -> None:
    trace_id = secrets.token_hex(16)
    async with notifications.client() as client:
        headers = {"traceparent": f"00-{trace_id}-{secrets.token_hex(8)}-01"}
        answer = await client.get("/api/v1/subscriptions", params={"email": SECRET}, headers=headers)
        assert answer.status_code == 200

    async def whole() -> None:
        spans = fetch_trace(notifications.installation.servers.tracing, trace_id)
        kinds = {span.get("kind") for span in spans}
        assert {"SERVER", "CLIENT"} <= kinds, spans
        assert {span["localEndpoint"]["serviceName"] for span in spans} == {"norda-notifications"}

    await eventually(whole, within=20)
    text = json.dumps(fetch_trace(notifications.installation.servers.tracing, trace_id))
    assert "SELECT" in text.upper()
    assert SECRET.split("@", maxsplit=1)[0] not in text, "what callers put into an address must not reach the traces"


async def test_a_token_in_a_path_does_not_reach_the_traces(notifications: Running) -> None:
    trace_id, token = secrets.token_hex(16), "x" * 43
    async with notifications.client() as client:
        headers = {"traceparent": f"00-{trace_id}-{secrets.token_hex(8)}-01"}
        await client.get(f"/api/v1/unsubscribe/{token}", headers=headers)

    async def there() -> None:
        assert fetch_trace(notifications.installation.servers.tracing, trace_id)

    await eventually(there, within=20)
    assert token not in json.dumps(fetch_trace(notifications.installation.servers.tracing, trace_id))


async def test_polling_alone_makes_no_traces(notifications: Running) -> None:
    url = f"{notifications.installation.servers.tracing}/api/v2/traces?serviceName=norda-notifications&limit=100"
    with urllib.request.urlopen(url) as response:
        traces = json.load(response)
    roots = [span for spans in traces for span in spans if "parentId" not in span and "db.system.name" in span["tags"]]
    assert roots == []


async def test_metrics_tell_of_backlog_relay_and_dead_letters(notifications: Running) -> None:
    async def exported() -> None:
        with urllib.request.urlopen(f"{notifications.installation.servers.otlp}/metrics") as response:
            text = response.read().decode()
        for name in (
            "norda.outbox.backlog",
            "norda.outbox.oldest_age",
            "norda.relay.active",
            "norda.dead_letters.open",
            "norda.consumer.lag",
            "http.server.request.duration_count",
        ):
            assert name in text, name

    await eventually(exported, within=20)


async def test_log_lines_are_json_and_faults_carry_the_trace(notifications: Running) -> None:
    installation = notifications.installation
    await installation.produce("hb.events.event.v1", key=b"k", value=b"garbage", headers=[("ce_specversion", b"1.0")])

    async def logged() -> None:
        lines = [json.loads(line) for line in notifications.log.read_text().splitlines()]
        (letter,) = [line for line in lines if line["event"] == "dead letter"]
        assert letter["level"] == "error"
        assert letter["reason"] == "missing_header"
        assert len(letter["trace_id"]) == 32

    await eventually(logged, within=20)


async def test_dead_letters_show_in_health_and_to_operators_alone(notifications: Running) -> None:
    async with notifications.client(state=None, role="operator") as operator, notifications.client() as office:

        async def shown() -> None:
            health = (await operator.get("/readyz")).json()
            assert health["dead_letters_open"] == 1

        await eventually(shown, within=20)
        listed = (await operator.get("/api/v1/dead-letters")).json()["items"]
        assert [item["reason"] for item in listed] == ["missing_header"]
        assert (await office.get("/api/v1/dead-letters")).status_code == 403


async def test_a_private_record_that_is_dead_is_shown_to_operators_and_written_nowhere(notifications: Running) -> None:
    installation, trace_id = notifications.installation, secrets.token_hex(16)
    topic = "internal.hb.events.participation.v1"
    headers = [("ce_specversion", b"1.0"), ("traceparent", f"00-{trace_id}-{secrets.token_hex(8)}-01".encode())]
    await installation.produce(topic, key=b"k", value=json.dumps({"email": SECRET}).encode(), headers=headers)
    async with notifications.client(state=None, role="operator") as operator:

        async def buried() -> str:
            params = {"topic": installation.prefix + topic}
            (letter,) = (await operator.get("/api/v1/dead-letters", params=params)).json()["items"]
            assert letter["trace_id"] == trace_id
            assert SECRET not in json.dumps(letter)
            return str(letter["id"])

        letter_id = await eventually(buried, within=20)
        shown = (await operator.get(f"/api/v1/dead-letters/{letter_id}")).json()
        assert SECRET in shown["value"]["data"]
        again = await operator.post(f"/api/v1/dead-letters/{letter_id}/replay")
        assert again.json()["result"] == "failed"
        assert SECRET not in again.text

    async def traced() -> str:
        spans = fetch_trace(installation.servers.tracing, trace_id)
        # Once when it was delivered, and once when it was replayed.
        assert len([span for span in spans if span["name"].endswith(topic)]) >= 2
        return json.dumps(spans)

    assert SECRET not in await eventually(traced, within=20)
    assert SECRET not in notifications.log.read_text()
