"""Traces, metrics and logs (OpenTelemetry over OTLP/HTTP) and structlog; one trace from a click to a delivered mail.

Names follow the OpenTelemetry semantic conventions for messaging, HTTP and databases. Personal data never becomes an
attribute. Without an endpoint everything works and nothing is exported.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
from functools import cache, partial
from traceback import extract_tb
from typing import Any

import structlog
from opentelemetry import metrics, trace
from opentelemetry._logs import set_logger_provider
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk._logs import LoggerProvider, LoggingHandler
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Span, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON, ParentBased
from opentelemetry.trace import Link, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from .repeated_lines import Unrepeated
from .settings import ServiceSettings

_PROPAGATOR = TraceContextTextMapPropagator()
METRIC_EXPORT_INTERVAL_MS = 5_000
LONGEST_SEGMENT = 36
"""Of a path in a trace: as long as a UUID."""


class _Discreet(SpanProcessor):
    """Keeps what callers put into addresses out of traces: queries hold e-mail addresses, long segments are tokens."""

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:  # noqa: ARG002
        # An exception's text can hold a whole row (PostgreSQL's DETAIL) or what somebody typed: its type must do.
        span.record_exception = partial(_record_type, span)  # type: ignore[method-assign]
        span.set_status = partial(_set_code, span)
        attributes = span.attributes or {}
        if "url.query" in attributes:
            span.set_attribute("url.query", "redacted")
        path = attributes.get("url.path")
        if isinstance(path, str):
            segments = ["redacted" if len(segment) > LONGEST_SEGMENT else segment for segment in path.split("/")]
            span.set_attribute("url.path", "/".join(segments))


def _record_type(span: Span, exception: BaseException, *_: Any, **__: Any) -> None:
    span.add_event("exception", {"exception.type": type(exception).__qualname__})


def _set_code(span: Span, status: Status | StatusCode, description: str | None = None) -> None:  # noqa: ARG001
    Span.set_status(span, status.status_code if isinstance(status, Status) else status)


class _DiscreetHandler(LoggingHandler):
    """Exports log records without the text of exceptions."""

    def emit(self, record: logging.LogRecord) -> None:
        if record.exc_info:
            record = logging.makeLogRecord(record.__dict__ | {"exc_info": None, "exc_text": None})
        super().emit(record)


def _frames_only(_: Any, __: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """An exception as its classes and places, without its texts, which can hold what must not be logged."""
    info = event.pop("exc_info", None)
    error = info[1] if isinstance(info, tuple) else info if isinstance(info, BaseException) else sys.exc_info()[1]
    if info and error is not None:
        lines: list[str] = []
        while error is not None:
            constraint = getattr(error, "constraint_name", None)
            lines.append(f"{type(error).__qualname__}{f' ({constraint})' if constraint else ''}")
            lines += [f"  {frame.filename}:{frame.lineno} {frame.name}" for frame in extract_tb(error.__traceback__)]
            error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
        event["exception"] = "\n".join(lines)
    return event


class Telemetry:
    """The process's providers; `stop` flushes what is left."""

    def __init__(self, service: str, settings: ServiceSettings) -> None:
        resource = Resource.create(
            {
                "service.name": f"norda-{service}",
                "service.namespace": "norda",
                "service.instance.id": f"{settings.instance}-{os.getpid()}",
            }
        )
        endpoint = settings.otlp_endpoint.rstrip("/")
        # Without a server nobody could see a span; traces go on from process to process all the same.
        self._tracers = TracerProvider(resource=resource, sampler=ParentBased(ALWAYS_ON) if endpoint else ALWAYS_OFF)
        self._tracers.add_span_processor(_Discreet())
        readers: list[PeriodicExportingMetricReader] = []
        self._logs: LoggerProvider | None = None
        if endpoint:
            self._tracers.add_span_processor(
                BatchSpanProcessor(OTLPSpanExporter(endpoint=f"{endpoint}/v1/traces"), schedule_delay_millis=500)
            )
        if endpoint and settings.metrics_exporter == "otlp":
            readers.append(
                PeriodicExportingMetricReader(
                    OTLPMetricExporter(endpoint=f"{endpoint}/v1/metrics"),
                    export_interval_millis=METRIC_EXPORT_INTERVAL_MS,
                )
            )
        if endpoint and settings.logs_exporter == "otlp":
            self._logs = LoggerProvider(resource=resource)
            self._logs.add_log_record_processor(
                BatchLogRecordProcessor(OTLPLogExporter(endpoint=f"{endpoint}/v1/logs"))
            )
            set_logger_provider(self._logs)
        # Instruments without a reader would still gather each measurement's attributes and time, for nobody.
        self._meters = MeterProvider(resource=resource, metric_readers=readers) if readers else None
        trace.set_tracer_provider(self._tracers)
        metrics.set_meter_provider(self._meters or metrics.NoOpMeterProvider())
        configure_logging(settings, provider=self._logs)

    def stop(self, *, seconds: float = 2.0) -> None:
        """Flush and close; what a server that is away does not take within the time is lost."""
        closing = threading.Thread(target=self._shut_down, daemon=True)
        closing.start()
        closing.join(seconds)

    def _shut_down(self) -> None:
        self._tracers.shutdown()
        if self._meters:
            self._meters.shutdown(timeout_millis=1_000)
        if self._logs:
            self._logs.shutdown()


def _with_trace(_: Any, __: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    context = trace.get_current_span().get_span_context()
    if context.is_valid:
        event["trace_id"] = trace.format_trace_id(context.trace_id)
        event["span_id"] = trace.format_span_id(context.span_id)
    return event


def configure_logging(settings: ServiceSettings, *, provider: LoggerProvider | None = None) -> None:
    """One line per event on standard output: JSON with trace ids, or the console's form at a terminal."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        _with_trace,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.stdlib.ExtraAdder(),
        _frames_only,
    ]
    console = settings.log_format == "console" or (settings.log_format == "auto" and sys.stdout.isatty())
    renderer: list[structlog.typing.Processor] = (
        [structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)]
        if console
        else [structlog.processors.JSONRenderer(ensure_ascii=False)]
    )
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *renderer],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    if provider is not None:
        root.addHandler(_DiscreetHandler(logger_provider=provider))
    for writing in root.handlers:
        writing.addFilter(Unrepeated("aiokafka"))
    root.setLevel(settings.log_level)
    for noisy in ("aiokafka", "faststream", "uvicorn.access", "urllib3"):
        logging.getLogger(noisy).setLevel("WARNING")
    # A topic of a state that is not set up yet is missing, which `/readyz` says; this logger repeats it for ever.
    logging.getLogger("aiokafka.cluster").setLevel("CRITICAL")
    # An exporter whose server is away says so once per batch; that is what `doctor` and `status` are for.
    logging.getLogger("opentelemetry").setLevel("ERROR")


@cache
def tracer() -> trace.Tracer:
    """The platform's tracer; kept, since asking for it costs more than starting a span."""
    return trace.get_tracer("norda")


def meter() -> metrics.Meter:
    """The platform's meter."""
    return metrics.get_meter("norda")


def current_traceparent() -> str | None:
    """The running span as a W3C `traceparent`; None outside a recorded trace."""
    carrier: dict[str, str] = {}
    _PROPAGATOR.inject(carrier)
    return carrier.get("traceparent")


def context_of(traceparent: str | None) -> Context | None:
    """The context a stored `traceparent` describes; None when there is none."""
    return _PROPAGATOR.extract({"traceparent": traceparent}) if traceparent else None


def traceparent_of(span: trace.Span) -> str | None:
    """A span as a `traceparent`, to be sent onwards."""
    carrier: dict[str, str] = {}
    _PROPAGATOR.inject(carrier, trace.set_span_in_context(span))
    return carrier.get("traceparent")


def link_to(traceparent: str | None) -> list[Link]:
    """A link to a stored context; empty when there is none or it is invalid."""
    context = context_of(traceparent)
    if context is None:
        return []
    remote = trace.get_current_span(context).get_span_context()
    return [Link(remote)] if remote.is_valid else []


def current_trace_id() -> str | None:
    """The running trace's id in hex; None outside one."""
    context = trace.get_current_span().get_span_context()
    return trace.format_trace_id(context.trace_id) if context.is_valid else None
