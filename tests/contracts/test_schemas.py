"""The published documents are true, complete, and compatible with everything released so far."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from norda_common.contracts import events, notifications, registry
from norda_common.contracts.catalogue import data_schema, public
from norda_common.contracts.compatibility import breaks
from norda_common.contracts.topics import Topic, TopicKind
from norda_common.service import openapi
from norda_common.states import State
from support.installation import service_of

ROOT = Path(__file__).parents[2]
CONTRACTS = ROOT / "docs" / "contracts"
TOPICS = (*registry.TOPICS, *events.TOPICS, *notifications.TOPICS)
SERVICES = ("registry", "events", "notifications")
PERSONAL = {"email", "name", "person_id", "phone", "first_name", "last_name", "birth_date", "contact"}


@pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.identity)
def test_an_example_round_trips_and_fits_its_schema(topic: Topic) -> None:
    written = topic.example.model_dump_json(exclude_none=True)
    assert topic.data.model_validate_json(written) == topic.example
    jsonschema_rs.validator_for(data_schema(topic)).validate(json.loads(written))


@pytest.mark.parametrize("topic", public(TOPICS), ids=lambda topic: topic.identity)
def test_the_committed_schema_is_not_stale(topic: Topic) -> None:
    committed = json.loads((CONTRACTS / "schemas" / f"{topic.identity}.json").read_text())
    assert committed == data_schema(topic), "run ./norda contracts and commit what it wrote"


@pytest.mark.parametrize("name", SERVICES)
def test_the_committed_asyncapi_and_openapi_documents_are_not_stale(name: str) -> None:
    service = service_of(name)
    for kind, document in (("asyncapi", service.asyncapi()), ("openapi", openapi(service))):
        committed = json.loads((CONTRACTS / kind / f"{name}.json").read_text())
        assert committed == json.loads(json.dumps(document)), "run ./norda contracts and commit what it wrote"


def released() -> list[Path]:
    return sorted((CONTRACTS / "released").glob("*/*.json"))


@pytest.mark.parametrize("path", released(), ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_today_is_compatible_with_every_released_schema(path: Path) -> None:
    topic = next(topic for topic in TOPICS if topic.identity == path.parent.name)
    assert breaks(json.loads(path.read_text()), data_schema(topic)) == []


def test_every_public_topic_has_a_released_schema() -> None:
    assert {topic.identity for topic in public(TOPICS)} == {path.parent.name for path in released()}


@pytest.mark.parametrize("topic", public(TOPICS), ids=lambda topic: topic.identity)
def test_public_payloads_have_no_field_for_personal_data(topic: Topic) -> None:
    def properties(node: Any) -> set[str]:
        if isinstance(node, list):
            return set().union(*(properties(item) for item in node)) if node else set()
        if not isinstance(node, dict):
            return set()
        own = set(node.get("properties", {}))
        return own.union(*(properties(value) for key, value in node.items() if key not in {"examples", "$defs"}))

    schema = data_schema(topic)
    # A site and an organisation have names; a person's is what must not be there.
    found = properties(schema) & (PERSONAL - {"name"})
    assert found == set()


def test_private_topics_are_not_published() -> None:
    private = [topic for topic in TOPICS if topic.kind is TopicKind.PRIVATE]
    assert private
    for name in SERVICES:
        text = json.dumps(service_of(name).asyncapi())
        assert all(topic.identity not in text for topic in private)
    assert all(topic.name(State.BREMEN).startswith("internal.hb.") for topic in private)


def test_a_payload_schema_has_no_closed_enumeration() -> None:
    for topic in public(TOPICS):
        assert '"enum"' not in json.dumps(data_schema(topic)), topic.identity


def mutated(change: Any) -> list[str]:
    old = data_schema(registry.ORGANISATION)
    new = copy.deepcopy(old)
    change(new)
    return breaks(old, new)


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (lambda s: s["properties"].pop("vat_id"), "$.vat_id: removed"),
        (lambda s: s["properties"].update(vat_id={"type": "integer"}), "$.vat_id"),
        (lambda s: s["required"].append("vat_id"), "$.vat_id: became required"),
        (lambda s: s["required"].remove("kind"), "$.kind: no longer required"),
        (lambda s: s["properties"]["kind"].update(enum=["company"]), "$.kind: closed enumeration"),
        (lambda s: s["$defs"]["Address"]["properties"].pop("place"), "$.seat.place: removed"),
        (lambda s: s["$defs"]["Site"]["required"].remove("name"), "$.sites[].name: no longer required"),
    ],
)
def test_an_incompatible_change_is_seen(change: Any, fault: str) -> None:
    assert any(entry.startswith(fault) for entry in mutated(change)), mutated(change)


def test_an_optional_addition_and_new_prose_are_compatible() -> None:
    def change(schema: dict[str, Any]) -> None:
        schema["properties"]["website"] = {"anyOf": [{"type": "string"}, {"type": "null"}], "default": None}
        schema["properties"]["kind"]["description"] = "other words"

    assert mutated(change) == []
