"""The documents integrators rely on: JSON Schemas (2020-12) and AsyncAPI 3, generated from the models alone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from ..states import ALL_STATES, State
from .topics import Topic, TopicKind

SCHEMA_DIALECT = "https://json-schema.org/draft/2020-12/schema"

_HEADERS: dict[str, Any] = {
    "type": "object",
    "required": ["ce_specversion", "ce_id", "ce_source", "ce_type", "ce_subject", "ce_time", "ce_sequence"],
    "properties": {
        "ce_specversion": {"const": "1.0"},
        "ce_id": {"type": "string", "format": "uuid", "description": "UUIDv7; the same on every redelivery"},
        "ce_source": {"type": "string", "examples": ["/ni/registry"]},
        "ce_type": {"type": "string"},
        "ce_subject": {
            "type": "string",
            "format": "uuid",
            "description": "The aggregate's id, equal to the key",
        },
        "ce_time": {"type": "string", "format": "date-time"},
        "ce_dataschema": {"type": "string", "format": "uri"},
        "ce_sequence": {
            "type": "string",
            "pattern": "^[0-9]+$",
            "description": "The aggregate's version; only grows",
        },
        "ce_traceparent": {"type": "string", "description": "The trace that caused the event (W3C)"},
        "traceparent": {"type": "string", "description": "The hop's own trace context (W3C)"},
        "content-type": {"const": "application/json"},
    },
}


def data_schema(topic: Topic) -> dict[str, Any]:
    """The JSON Schema of a topic's data, with its `$id` and an example."""
    schema = topic.data.model_json_schema(mode="serialization")
    return {
        "$schema": SCHEMA_DIALECT,
        "$id": topic.data_schema,
        **schema,
        "examples": [topic.example.model_dump(mode="json", exclude_none=True)],
    }


def public(topics: Iterable[Topic]) -> list[Topic]:
    """What may be published: all but private topics."""
    return [topic for topic in topics if topic.kind is not TopicKind.PRIVATE]


def asyncapi(
    *,
    title: str,
    version: str,
    description: str,
    sends: Sequence[Topic],
    receives: Sequence[Topic],
    host: str,
    states: Sequence[State] = ALL_STATES,
    prefix: str = "",
) -> dict[str, Any]:
    """The AsyncAPI 3.0.0 document of one service: a channel per public topic, with the state as its parameter."""
    topics = {topic.identity: topic for topic in (*public(sends), *public(receives))}
    document: dict[str, Any] = {
        "asyncapi": "3.0.0",
        "info": {
            "title": title,
            "version": version,
            "description": description,
            "license": {"name": "EUPL-1.2"},
        },
        "defaultContentType": "application/json",
        "servers": {"kafka": {"host": host, "protocol": "kafka"}},
        "channels": {},
        "operations": {},
        "components": {"messages": {}, "schemas": {}},
    }
    for identity, topic in topics.items():
        name = identity.replace(".", "_")
        document["components"]["schemas"][name] = _inline(data_schema(topic), name)
        messages = {change: _message(topic, change, meaning, name) for change, meaning in topic.changes.items()}
        document["components"]["messages"] |= {f"{name}_{change}": message for change, message in messages.items()}
        document["channels"][name] = {
            "address": f"{prefix}{{state}}.{identity}",
            "description": topic.description,
            "parameters": {
                "state": {"enum": [state.value for state in states], "description": "The responsible state"}
            },
            "messages": {change: {"$ref": f"#/components/messages/{name}_{change}"} for change in messages},
            "bindings": {
                "kafka": {
                    "partitions": topic.partitions,
                    "topicConfiguration": _topic_configuration(topic),
                    "bindingVersion": "0.5.0",
                }
            },
        }
    for action, chosen in (("send", sends), ("receive", receives)):
        for topic in public(chosen):
            name = topic.identity.replace(".", "_")
            document["operations"][f"{action}_{name}"] = {
                "action": action,
                "channel": {"$ref": f"#/channels/{name}"},
                "summary": topic.description,
            }
    return document  # fmt: skip


def _message(topic: Topic, change: str, meaning: str, name: str) -> dict[str, Any]:
    return {
        "name": topic.type_of(change),
        "title": change,
        "summary": meaning,
        "contentType": "application/json",
        "headers": _HEADERS | {"properties": _HEADERS["properties"] | {"ce_type": {"const": topic.type_of(change)}}},
        "payload": {"$ref": f"#/components/schemas/{name}"},
        "bindings": {"kafka": {"key": {"type": "string", "format": "uuid"}, "bindingVersion": "0.5.0"}},
    }


def _topic_configuration(topic: Topic) -> dict[str, Any]:
    config = topic.config()
    document: dict[str, Any] = {"cleanup.policy": [config["cleanup.policy"]]}
    if "retention.ms" in config:
        document["retention.ms"] = int(config["retention.ms"])
    return document


def _inline(schema: dict[str, Any], name: str) -> dict[str, Any]:
    """Move `$defs` references below the component, so that the document stands alone."""

    def move(node: Any) -> Any:
        if isinstance(node, dict):
            return {
                key: value.replace("#/$defs/", f"#/components/schemas/{name}/$defs/")
                if key == "$ref" and isinstance(value, str)
                else move(value)
                for key, value in node.items()
            }
        return [move(item) for item in node] if isinstance(node, list) else node

    inlined = move({key: value for key, value in schema.items() if key not in {"$schema", "$id"}})
    assert isinstance(inlined, dict)  # noqa: S101 - a dict goes in
    return inlined
