"""The reconciliation service, as OpenRefine would use it: version 0.2 of the W3C community group's specification."""

from __future__ import annotations

import json
from typing import Any

import httpx2
import jsonschema_rs
import pytest
from support.installation import Running, in_thread
from support.people import signed_in
from support.waiting import eventually

from .conftest import registered

ALL, RELEASED = "/api/v1/reconcile", "/api/v1/public/reconcile"

_TYPE = {
    "type": "object",
    "properties": {"id": {"type": "string"}, "name": {"type": "string"}},
    "required": ["id", "name"],
}
_URL = {"type": "string", "pattern": "^https?://"}
_WITH_ID = {"type": "string", "pattern": r"\{\{id\}\}"}
_PLACE = {
    "type": "object",
    "properties": {"service_url": _URL, "service_path": {"type": "string", "pattern": "^/"}},
    "required": ["service_url", "service_path"],
}
# Written after the specification's prose: what it asks for, as strictly as this service keeps it.
MANIFEST = {
    "type": "object",
    "required": ["versions", "name", "identifierSpace", "schemaSpace", "view", "suggest", "extend", "defaultTypes"],
    "properties": {
        "versions": {"type": "array", "items": {"type": "string"}, "contains": {"const": "0.2"}},
        "name": {"type": "string", "minLength": 1},
        "identifierSpace": _URL,
        "schemaSpace": _URL,
        "documentation": _URL,
        "serviceVersion": {"type": "string"},
        "defaultTypes": {"type": "array", "items": _TYPE, "uniqueItems": True},
        "view": {"type": "object", "properties": {"url": _WITH_ID}, "required": ["url"]},
        "preview": {
            "type": "object",
            "properties": {"url": _WITH_ID, "width": {"type": "integer"}, "height": {"type": "integer"}},
            "required": ["url", "width", "height"],
        },
        "suggest": {
            "type": "object",
            "properties": {"entity": _PLACE, "type": _PLACE, "property": _PLACE},
            "required": ["entity", "type", "property"],
        },
        "extend": {"type": "object", "properties": {"propose_properties": _PLACE}, "required": ["propose_properties"]},
        "authentication": {
            "type": "object",
            "properties": {
                "type": {"const": "apiKey"},
                "name": {"type": "string"},
                "in": {"enum": ["header", "query"]},
            },
            "required": ["type", "name", "in"],
            "additionalProperties": False,
        },
    },
}
RESULTS = {
    "type": "object",
    "additionalProperties": {
        "type": "object",
        "required": ["result"],
        "properties": {
            "result": {
                "type": "array",
                "items": {
                    "type": "object",
                    "required": ["id", "name", "score", "match", "type"],
                    "properties": {
                        "id": {"type": "string"},
                        "name": {"type": "string"},
                        "description": {"type": "string"},
                        "score": {"type": "number", "minimum": 0, "maximum": 100},
                        "match": {"type": "boolean"},
                        "type": {"type": "array", "items": _TYPE, "minItems": 1},
                        "features": {
                            "type": "array",
                            "items": {
                                "type": "object",
                                "properties": {"id": {"type": "string"}, "value": {"type": ["number", "boolean"]}},
                                "required": ["id", "value"],
                            },
                        },
                    },
                },
            }
        },
    },
}
SUGGESTIONS = {
    "type": "object",
    "required": ["result"],
    "properties": {
        "result": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["id", "name"],
                "properties": {"id": {"type": "string"}, "name": {"type": "string"}, "notable": {"items": _TYPE}},
            },
        }
    },
}
EXTENSION = {
    "type": "object",
    "required": ["meta", "rows"],
    "properties": {
        "meta": {"type": "array", "items": {"type": "object", "required": ["id", "name"]}},
        "rows": {
            "type": "object",
            "additionalProperties": {
                "type": "object",
                "additionalProperties": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "properties": {"str": {"type": "string"}},
                        "required": ["str"],
                        "additionalProperties": False,
                    },
                },
            },
        },
    },
}


def valid(document: Any, schema: dict[str, Any]) -> Any:
    jsonschema_rs.validate(schema, document)
    return document


async def reconciled(client: httpx2.AsyncClient, path: str, **query: Any) -> list[dict[str, Any]]:
    answer = await client.post(path, data={"queries": json.dumps({"q0": query})})
    assert answer.status_code == 200, answer.text
    assert answer.headers["access-control-allow-origin"] == "*"
    result: list[dict[str, Any]] = valid(answer.json(), RESULTS)["q0"]["result"]
    return result


@pytest.fixture(scope="module")
def known(registry: Running) -> dict[str, dict[str, Any]]:
    """Three organisations, one of them released."""
    made: dict[str, dict[str, Any]] = {}
    in_thread(_make(registry, made))
    return made


async def _make(registry: Running, made: dict[str, dict[str, Any]]) -> None:
    async with registry.client() as client, registry.client(state="ni") as ni:
        made |= {
            "roland": await registered(
                client,
                legal_name="Beispiel Abgleich Batteriesysteme GmbH & Co. KG",
                legal_form=...,
                register_entry=...,
                vat_id="DE999000033",
                competences=["BAT-02"],
            ),
            "near": await registered(client, legal_name="Beispiel Abgleich Batterietechnik GmbH", kind="research"),
            "far": await registered(
                ni,
                legal_name="Beispiel Abgleich Batteriesysteme AG",
                legal_form="310",
                seat={"place": "Stuhr", "postal_code": "28816", "state": "DE-NI"},
                register_entry={"court": "Walsrode", "type": "HRB", "number": "881234"},
            ),
        }
        async with signed_in(registry, roles=("pr",)) as person:
            path = f"/registry/organisations/{made['roland']['organisation_id']}/release"
            assert (await person.post(path)).status_code == 303

        async def there() -> None:
            assert len(await reconciled(client, ALL, query="Beispiel Abgleich", limit=10)) == 3

        await eventually(there)


@pytest.mark.parametrize("path", [ALL, RELEASED])
async def test_the_manifest_says_what_there_is_and_where(registry: Running, path: str) -> None:
    async with registry.client(state=None, role="integrator") as client:
        answer = await client.get(path)
        document = valid(answer.json(), MANIFEST)
        assert answer.headers["access-control-allow-origin"] == "*"
        assert ("authentication" in document) == (path == ALL)
        assert ("preview" in document) == (path == RELEASED)
        for kind in ("entity", "type", "property"):
            place = document["suggest"][kind]
            assert place["service_url"].endswith(path)
            found = await client.get(path + place["service_path"], params={"prefix": "or"})
            valid(found.json(), SUGGESTIONS)
        before = await client.options(path, headers={"origin": "https://elsewhere.example"})
        assert before.status_code == 204
        assert "Authorization" in before.headers["access-control-allow-headers"]


async def test_names_are_scored_and_what_is_certain_is_said_to_match(
    registry: Running, known: dict[str, dict[str, Any]]
) -> None:
    roland, near, far = (known[name]["organisation_id"] for name in ("roland", "near", "far"))
    async with registry.client(state=None, role="integrator") as client:
        # The same name, another legal form: two are as near, so none is certain.
        both = await reconciled(client, ALL, query="Beispiel Abgleich Batteriesysteme GmbH")
        assert {item["id"] for item in both[:2]} == {roland, far}
        assert not any(item["match"] for item in both)
        # What else is known decides.
        there = await reconciled(
            client,
            ALL,
            query="Beispiel Abgleich Batteriesysteme",
            properties=[{"pid": "place", "v": "Stuhr"}, {"pid": "postal_code", "v": 28816}],
        )
        assert [item["id"] for item in there][:1] == [far]
        assert [item["match"] for item in there][:2] == [True, False]
        # A number decides alone, in any notation, whatever the name.
        for pid, value in (("vat_id", "de 999 000 033"), ("own_id", known["roland"]["own_id"])):
            (first, *_) = await reconciled(client, ALL, query="Ganz anders", properties=[{"pid": pid, "v": [value]}])
            assert (first["id"], first["score"], first["match"]) == (roland, 100, True), pid
        (by_entry,) = await reconciled(client, ALL, query="Amtsgericht Walsrode HRB 881234")
        assert (by_entry["id"], by_entry["match"]) == (far, True)
        assert by_entry["description"] == "28816 Stuhr, Walsrode HRB 881234"
        # Types narrow; unknown ones find nothing; slips and a word too many are forgiven.
        assert [item["id"] for item in await reconciled(client, ALL, query="Beispiel Abgleich", type="research")] == [
            near
        ]
        assert await reconciled(client, ALL, query="Beispiel Abgleich", type="person") == []
        slip = await reconciled(client, ALL, query="Beispiel Abgleich Batterietechnik Nordwest")
        assert slip[0]["id"] == near
        assert len(await reconciled(client, ALL, query="Beispiel Abgleich", limit=2)) == 2
        assert await reconciled(client, ALL, query="Wirklichnirgends Garnichts") == []


async def test_everybody_reconciles_what_is_released_and_nothing_else(
    registry: Running, known: dict[str, dict[str, Any]]
) -> None:
    roland, far = known["roland"]["organisation_id"], known["far"]["organisation_id"]
    async with httpx2.AsyncClient(base_url=registry.url, timeout=30) as nobody:

        async def released() -> None:
            found = await reconciled(nobody, RELEASED, query="Beispiel Abgleich Batteriesysteme")
            assert [(item["id"], item["match"]) for item in found] == [(roland, True)]

        await eventually(released)
        assert await reconciled(nobody, RELEASED, query="HRB 881234 Walsrode") == []
        assert await reconciled(nobody, RELEASED, query="DE999000033") == []
        suggested = await nobody.get(f"{RELEASED}/suggest/entity", params={"prefix": "Beispiel Abgl"})
        assert [item["id"] for item in valid(suggested.json(), SUGGESTIONS)["result"]] == [roland]
        query = {"ids": [roland, far, "none"], "properties": [{"id": "kind"}, {"id": "place"}, {"id": "nothing"}]}
        answer = await nobody.get(RELEASED, params={"extend": json.dumps(query)})
        document = valid(answer.json(), EXTENSION)
        assert document["rows"][roland] == {
            "kind": [{"str": "company"}],
            "place": [{"str": "Bremen"}],
            "nothing": [],
        }
        assert document["rows"][far] == document["rows"]["none"] == {"kind": [], "place": [], "nothing": []}
        preview = await nobody.get(f"{RELEASED}/preview", params={"id": roland})
        assert "Batteriesysteme GmbH &amp; Co. KG" in preview.text
        assert "frame-ancestors *" in preview.headers["content-security-policy"]
        assert "script" not in preview.text
        assert (await nobody.get(f"{RELEASED}/preview", params={"id": far})).status_code == 404
        refused = await nobody.get(ALL)
        assert refused.status_code == 401
        assert refused.headers["access-control-allow-origin"] == "*"
        proposed = (await nobody.get(f"{RELEASED}/extend/propose", params={"type": "company"})).json()
        assert {"id": "place", "name": "Ort"} in proposed["properties"]


@pytest.mark.parametrize(
    ("queries", "status"),
    [
        ("{", 400),
        ("[]", 422),
        ('{"q": 3}', 422),
        ('{"q": {"query": 3}}', 422),
        ("null", 422),
        ('{"q": {"query": "\\u0000"}}', 200),
        ('{"q": {"query": "x", "limit": Infinity}}', 200),
        ('{"q": {"query": "\\ud800"}}', 400),
    ],
)
async def test_what_is_no_batch_is_refused(registry: Running, queries: str, status: int) -> None:
    async with registry.client() as client:
        answer = await client.post(ALL, data={"queries": queries})
        assert answer.status_code == status, answer.text
        assert answer.headers["access-control-allow-origin"] == "*"
        many = {f"q{number}": {"query": "x"} for number in range(51)}
        assert (await client.post(ALL, data={"queries": json.dumps(many)})).status_code == 422
        assert (await client.get(f"{ALL}/preview", params={"id": "x"})).status_code == 422
