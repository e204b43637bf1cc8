"""Receives OTLP/HTTP and hands traces to Zipkin, which does not understand OTLP itself.

Invariants: listens on 127.0.0.1; answers 503 while Zipkin is away, so exporters try again; of metrics only the
latest values are kept (`GET /metrics`, `?format=json`); logs are appended to a JSON-lines file of bounded size.
Only Zipkin's `remoteEndpoint` draws databases and brokers into its graph, hence the mapping in `to_zipkin`.
"""

import argparse
import gzip
import json
import threading
import urllib.error
import urllib.request
from collections.abc import Iterable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

MAX_BODY_BYTES = 16 << 20
MAX_LOG_BYTES = 20 << 20
KINDS = {
    Span.SPAN_KIND_SERVER: "SERVER",
    Span.SPAN_KIND_CLIENT: "CLIENT",
    Span.SPAN_KIND_PRODUCER: "PRODUCER",
    Span.SPAN_KIND_CONSUMER: "CONSUMER",
}
REMOTE_NAMES = ("peer.service", "messaging.system", "db.system.name", "db.system")


def value_of(value: AnyValue) -> Any:
    """An attribute's value as plain JSON."""
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [value_of(item) for item in value.array_value.values]
    if kind == "kvlist_value":
        return attributes_of(value.kvlist_value.values)
    if kind == "bytes_value":
        return value.bytes_value.hex()
    return getattr(value, kind) if kind else None


def attributes_of(pairs: Iterable[KeyValue]) -> dict[str, Any]:
    """Attributes as a dictionary."""
    return {pair.key: value_of(pair.value) for pair in pairs}


def to_zipkin(request: ExportTraceServiceRequest) -> list[dict[str, Any]]:
    """Spans in Zipkin's JSON v2."""
    return [
        _span(span, service=str(attributes_of(group.resource.attributes).get("service.name", "unknown")))
        for group in request.resource_spans
        for scope in group.scope_spans
        for span in scope.spans
    ]


def _span(span: Span, *, service: str) -> dict[str, Any]:
    attributes = attributes_of(span.attributes)
    tags = {key: _text(value) for key, value in attributes.items()}
    for number, link in enumerate(span.links):
        tags[f"link.{number}"] = f"{link.trace_id.hex()}/{link.span_id.hex()}"
    if span.status.code == Status.STATUS_CODE_ERROR:
        tags["error"] = span.status.message or tags.get("error.type", "error")
    translated: dict[str, Any] = {
        "traceId": span.trace_id.hex(),
        "id": span.span_id.hex(),
        "name": span.name,
        "timestamp": span.start_time_unix_nano // 1000,
        # Zipkin reads a duration of 0 as unknown.
        "duration": max(1, (span.end_time_unix_nano - span.start_time_unix_nano) // 1000),
        "localEndpoint": {"serviceName": service},
        "annotations": [{"timestamp": event.time_unix_nano // 1000, "value": event.name} for event in span.events],
        "tags": tags,
    }
    if span.parent_span_id:
        translated["parentId"] = span.parent_span_id.hex()
    if span.kind in KINDS:
        translated["kind"] = KINDS[span.kind]
    remote = next((tags[name] for name in REMOTE_NAMES if tags.get(name)), None)
    if remote and span.kind in {Span.SPAN_KIND_CLIENT, Span.SPAN_KIND_PRODUCER, Span.SPAN_KIND_CONSUMER}:
        translated["remoteEndpoint"] = {"serviceName": remote}
    return translated


def latest_values(request: ExportMetricsServiceRequest) -> dict[str, float]:
    """The newest value of each series, by `name{attribute="value",...}`; histograms as `_count` and `_sum`."""
    values: dict[str, float] = {}
    for group in request.resource_metrics:
        service = str(attributes_of(group.resource.attributes).get("service.name", "unknown"))
        for scope in group.scope_metrics:
            for metric in scope.metrics:
                values |= _series(metric, service)
    return values


def _series(metric: Metric, service: str) -> dict[str, float]:
    kind = metric.WhichOneof("data")
    if kind is None:
        return {}
    values: dict[str, float] = {}
    for point in getattr(metric, kind).data_points:
        labels = {"service": service, **attributes_of(point.attributes)}
        label = "{" + ",".join(f'{key}="{_text(value)}"' for key, value in sorted(labels.items())) + "}"
        if kind in {"gauge", "sum"}:
            values[metric.name + label] = point.as_double or float(point.as_int)
        else:
            values[f"{metric.name}_count{label}"] = float(point.count)
            values[f"{metric.name}_sum{label}"] = float(point.sum)
    return values


def log_lines(request: ExportLogsServiceRequest) -> list[dict[str, Any]]:
    """Log records as flat JSON objects with service and trace."""
    return [
        {
            "time_unix_nano": record.time_unix_nano or record.observed_time_unix_nano,
            "service": attributes_of(group.resource.attributes).get("service.name"),
            "severity": record.severity_text,
            "body": value_of(record.body),
            "trace_id": record.trace_id.hex(),
            "span_id": record.span_id.hex(),
            "attributes": attributes_of(record.attributes),
        }
        for group in request.resource_logs
        for scope in group.scope_logs
        for record in scope.log_records
    ]


class Sink:
    """Where the three signals go. Safe for several threads."""

    def __init__(self, *, zipkin: str, logs: Path) -> None:
        self.zipkin = zipkin.rstrip("/")
        self.logs = logs
        self.metrics: dict[str, float] = {}
        self.lock = threading.Lock()

    def traces(self, body: bytes) -> None:
        """Post the spans to Zipkin; raises OSError while it is away."""
        spans = json.dumps(to_zipkin(ExportTraceServiceRequest.FromString(body))).encode()
        request = urllib.request.Request(  # noqa: S310  (the stack's own Zipkin)
            f"{self.zipkin}/api/v2/spans", spans, {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=10) as response:  # noqa: S310
            response.read()

    def values(self, body: bytes) -> None:
        """Keep the latest values."""
        latest = latest_values(ExportMetricsServiceRequest.FromString(body))
        with self.lock:
            self.metrics |= latest

    def records(self, body: bytes) -> None:
        """Append the log records; a full file moves to `.1`, whose predecessor is dropped."""
        lines = log_lines(ExportLogsServiceRequest.FromString(body))
        with self.lock:
            if self.logs.exists() and self.logs.stat().st_size > MAX_LOG_BYTES:
                self.logs.replace(self.logs.with_suffix(".jsonl.1"))
            with self.logs.open("a") as target:
                target.writelines(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)


class Handler(BaseHTTPRequestHandler):
    """One HTTP connection of an exporter or of somebody who looks at the metrics."""

    protocol_version = "HTTP/1.1"
    sink: Sink

    def do_POST(self) -> None:
        """Accept one export."""
        receive = {
            "/v1/traces": self.sink.traces,
            "/v1/metrics": self.sink.values,
            "/v1/logs": self.sink.records,
        }.get(self.path)
        length = int(self.headers.get("Content-Length") or 0)
        if receive is None or length > MAX_BODY_BYTES:
            self.close_connection = True
            self._answer(404 if receive is None else 413)
            return
        body = self.rfile.read(length)
        try:
            receive(gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body)
        except (DecodeError, gzip.BadGzipFile, EOFError):
            self._answer(400)
        except (OSError, urllib.error.URLError) as error:
            self.log_error("not delivered: %s", error)
            self._answer(503)
        else:
            # The empty protobuf message is what OTLP calls full success.
            self._answer(200, b"", "application/x-protobuf")

    def do_GET(self) -> None:
        """Show health or the latest metrics."""
        with self.sink.lock:
            metrics = dict(sorted(self.sink.metrics.items()))
        if self.path == "/health":
            self._answer(200, b"ok\n", "text/plain")
        elif self.path == "/metrics":
            text = "".join(f"{series} {value:g}\n" for series, value in metrics.items())
            self._answer(200, text.encode(), "text/plain; charset=utf-8")
        elif self.path == "/metrics?format=json":
            self._answer(200, json.dumps(metrics).encode(), "application/json")
        else:
            self._answer(404)

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Say nothing about what went well; exporters come every few seconds."""

    def _answer(self, status: int, body: bytes = b"", kind: str = "text/plain") -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def main() -> None:
    """Serve until the process is ended."""
    parser = argparse.ArgumentParser(description="OTLP/HTTP receiver in front of Zipkin")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--zipkin", required=True)
    parser.add_argument("--logs", type=Path, required=True)
    arguments = parser.parse_args()
    Handler.sink = Sink(zipkin=arguments.zipkin, logs=arguments.logs)
    server = ThreadingHTTPServer(("127.0.0.1", arguments.port), Handler)
    server.daemon_threads = True
    server.serve_forever()


if __name__ == "__main__":
    main()
