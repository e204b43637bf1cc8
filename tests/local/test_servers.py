"""What the servers of the stack do for services: traces with remote endpoints, mails that can be listed, topics."""

from __future__ import annotations

import errno
import json
import secrets
import shutil
import smtplib
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from norda_local.errors import PartFailedError, StackError
from norda_local.mail import list_mails
from norda_local.postgres import until_runnable
from norda_local.stack import Stack
from norda_local.topics import _show
from norda_local.tracing import fetch_trace
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from support.servers import Servers
from support.waiting import until

MakeStack = Callable[..., Stack]


def text(key: str, value: str) -> KeyValue:
    return KeyValue(key=key, value=AnyValue(string_value=value))


def post(url: str, body: bytes) -> int:
    request = urllib.request.Request(url, body, {"Content-Type": "application/x-protobuf"})
    try:
        with urllib.request.urlopen(request, timeout=10) as response:
            return int(response.status)
    except urllib.error.HTTPError as error:
        error.close()
        return error.code


def test_a_trace_comes_back_with_broker_database_and_links(servers: Servers) -> None:
    trace_id, now = secrets.token_bytes(16), time.time_ns()
    request = ExportTraceServiceRequest()
    group = request.resource_spans.add()
    group.resource.attributes.append(text("service.name", "registry"))
    spans = group.scope_spans.add().spans
    remotes = [
        (Span.SPAN_KIND_PRODUCER, "messaging.system", "kafka"),
        (Span.SPAN_KIND_CLIENT, "db.system.name", "postgresql"),
    ]
    for number, (kind, key, remote) in enumerate(remotes):
        span = spans.add(trace_id=trace_id, span_id=bytes(7) + bytes([number + 1]), name=f"step {number}", kind=kind)
        span.start_time_unix_nano, span.end_time_unix_nano = now, now + 2_000_000
        span.attributes.append(text(key, remote))
    spans[1].parent_span_id = spans[0].span_id
    spans[1].links.add(trace_id=bytes(15) + b"\x07", span_id=bytes(7) + b"\x09")
    assert post(f"{servers.otlp}/v1/traces", request.SerializeToString()) == 200

    def both() -> list[dict[str, Any]]:
        spans = fetch_trace(servers.tracing, trace_id.hex())
        return spans if len(spans) == 2 else []

    found = until(both, "two spans", within=10, pause=0.05)
    by_name = {span["name"]: span for span in found}
    assert by_name["step 0"]["remoteEndpoint"] == {"serviceName": "kafka"}
    assert by_name["step 0"]["localEndpoint"] == {"serviceName": "registry"}
    assert by_name["step 1"]["remoteEndpoint"] == {"serviceName": "postgresql"}
    assert by_name["step 1"]["parentId"] == by_name["step 0"]["id"]
    assert by_name["step 1"]["duration"] == 2000
    assert by_name["step 1"]["tags"]["link.0"] == f"{'0' * 30}07/{'0' * 14}09"


def test_an_unknown_trace_is_empty(servers: Servers) -> None:
    assert fetch_trace(servers.tracing, secrets.token_hex(16)) == []


def test_the_latest_metric_values_can_be_read(servers: Servers) -> None:
    service = f"service-{secrets.token_hex(4)}"
    for value in (3, 5):
        request = ExportMetricsServiceRequest()
        group = request.resource_metrics.add()
        group.resource.attributes.append(text("service.name", service))
        metric = group.scope_metrics.add().metrics.add(name="outbox.backlog")
        metric.gauge.data_points.add(as_int=value)
        assert post(f"{servers.otlp}/v1/metrics", request.SerializeToString()) == 200
    with urllib.request.urlopen(f"{servers.otlp}/metrics?format=json", timeout=10) as response:
        assert json.load(response)[f'outbox.backlog{{service="{service}"}}'] == 5


def test_log_records_are_accepted_and_garbage_is_refused(servers: Servers) -> None:
    request = ExportLogsServiceRequest()
    record = request.resource_logs.add().scope_logs.add().log_records.add()
    record.body.string_value = "grüß Gott"
    assert post(f"{servers.otlp}/v1/logs", request.SerializeToString()) == 200
    assert post(f"{servers.otlp}/v1/traces", b"\xff\xff garbage") == 400
    assert post(f"{servers.otlp}/v1/nothing", b"") == 404


def test_exporters_are_told_to_try_again_while_zipkin_is_away(make_stack: MakeStack) -> None:
    stack = make_stack("otlp")
    stack.up()
    request = ExportTraceServiceRequest()
    request.resource_spans.add().scope_spans.add().spans.add(trace_id=bytes(15) + b"1", span_id=bytes(7) + b"1")
    assert post(f"{stack.endpoints()['otlp']}/v1/traces", request.SerializeToString()) == 503


def send(url: str, mail: EmailMessage, *, to: list[str]) -> None:
    host, _, port = url.removeprefix("smtp://").rpartition(":")
    with smtplib.SMTP(host, int(port), timeout=10) as connection:
        connection.send_message(mail, from_addr="norda@norda.example", to_addrs=to)


def notice(subject: str, *, to: str) -> EmailMessage:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "norda@norda.example", to, subject
    mail["X-Norda-Notice"] = "n-1"
    mail.set_content("Schöne Grüße aus Bremen\n")
    mail.add_alternative("<p>Schöne Grüße</p>", subtype="html")
    return mail


def test_mails_are_listed_by_the_envelopes_recipient(servers: Servers) -> None:
    mark = secrets.token_hex(4)
    one, two = f"one-{mark}@ex.example", f"two-{mark}@ex.example"
    send(servers.smtp, notice(f"Ümläut {mark}", to=one), to=[one])
    send(servers.smtp, notice(f"Second {mark}", to=one), to=[one, two])
    assert [mail.subject for mail in list_mails(servers.mail, recipient=one.upper())] == [
        f"Ümläut {mark}",
        f"Second {mark}",
    ]
    (blind,) = list_mails(servers.mail, recipient=two)
    assert blind.recipients == [one, two]
    assert "Schöne Grüße aus Bremen" in blind.text
    assert "<p>" in blind.html
    assert blind.headers["x-norda-notice"] == "n-1"
    (first, _) = list_mails(servers.mail, recipient=one)
    assert [mail.subject for mail in list_mails(servers.mail, subject=mark, after=first.id)] == [f"Second {mark}"]


def test_mails_outlive_a_restart(make_stack: MakeStack) -> None:
    stack = make_stack("mail")
    stack.up()
    endpoints = stack.endpoints()
    send(endpoints["smtp"], notice("Bleibt", to="a@ex.example"), to=["a@ex.example"])
    stack.down()
    stack.up()
    assert [mail.subject for mail in list_mails(endpoints["mail"])] == ["Bleibt"]


async def test_a_look_into_a_topic_shows_key_headers_and_value(
    servers: Servers, capsys: pytest.CaptureFixture[str]
) -> None:
    topic = f"look.{secrets.token_hex(4)}.v1"
    admin = AIOKafkaAdminClient(bootstrap_servers=servers.kafka)
    await admin.start()
    await admin.create_topics([NewTopic(topic, num_partitions=2, replication_factor=1)])
    await admin.close()
    producer = AIOKafkaProducer(bootstrap_servers=servers.kafka)
    await producer.start()
    value = json.dumps({"name": "Überseehafen"}).encode()
    await producer.send_and_wait(topic, value, key=b"org-1", headers=[("ce_type", b"registered")])
    await producer.send_and_wait(topic, None, key=b"org-1", headers=[("odd", b"\xff")])
    await producer.send_and_wait(topic, b"\xfe no json", key=None)
    await producer.stop()

    await _show(servers.kafka, topic, from_beginning=True, count=None)
    shown = capsys.readouterr().out
    for expected in ("key org-1", "ce_type: registered", "Überseehafen", "(tombstone)", "odd: \\xff", "\\xfe no json"):
        assert expected in shown
    await _show(servers.kafka, topic, from_beginning=True, count=1)
    assert capsys.readouterr().out.count("offset") == 1


async def test_topics_are_never_created_by_a_look_or_a_write(servers: Servers) -> None:
    with pytest.raises(StackError, match="there is no topic never"):
        await _show(servers.kafka, "never.created.v1", from_beginning=True, count=None)


def test_a_program_that_somebody_still_writes_is_waited_for(tmp_path: Path) -> None:
    program = tmp_path / "true"
    shutil.copy("/bin/true", program)
    with ThreadPoolExecutor(1) as beside, program.open("ab") as held:
        try:
            subprocess.run([program], check=True)
        except OSError as error:
            assert error.errno == errno.ETXTBSY
        else:
            pytest.skip("this kernel runs a program that is being written")
        waiting = beside.submit(until_runnable, program)
        assert not wait([waiting], timeout=0.3).done
        held.close()
        waiting.result(timeout=20)


def test_a_program_that_does_not_run_here_is_named_with_the_reason(tmp_path: Path) -> None:
    program = tmp_path / "postgres"
    program.write_text("#!/bin/sh\necho cannot load libnothing >&2; exit 127\n")
    program.chmod(0o755)
    with pytest.raises(PartFailedError, match="postgres does not run here: cannot load libnothing"):
        until_runnable(program)
