"""publiccode.yml has what the standard (version 0.5) demands, is true of this project, and invents no contacts."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
MANDATORY = (
    "publiccodeYmlVersion",
    "name",
    "url",
    "platforms",
    "developmentStatus",
    "softwareType",
    "description",
    "legal.license",
    "maintenance.type",
    "maintenance.contacts",
    "localisation.localisationReady",
    "localisation.availableLanguages",
)

TEXT = (ROOT / "publiccode.yml").read_text(encoding="utf-8")
ENTRY: dict[str, Any] = yaml.safe_load(TEXT)
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


@pytest.mark.parametrize("key", MANDATORY)
def test_a_mandatory_key_is_there(key: str) -> None:
    value: Any = ENTRY
    for part in key.split("."):
        value = value[part]
    assert value not in (None, "", [], {})


@pytest.mark.parametrize("language", ["de", "en"])
def test_each_language_is_described_within_the_standards_lengths(language: str) -> None:
    description = ENTRY["description"][language]
    assert 0 < len(description["shortDescription"]) <= 150
    assert 150 <= len(description["longDescription"]) <= 10_000
    assert description["features"]
    assert "emonstration" in description["shortDescription"]


def test_values_are_of_the_standards_lists() -> None:
    assert ENTRY["publiccodeYmlVersion"] == "0.5"
    assert ENTRY["developmentStatus"] in {"concept", "development", "beta", "stable", "obsolete"}
    assert ENTRY["softwareType"] in {"standalone/web", "standalone/backend", "standalone/other"}
    assert ENTRY["maintenance"]["type"] == "internal"
    assert all(contact["name"] for contact in ENTRY["maintenance"]["contacts"])


def test_it_says_what_the_project_says() -> None:
    assert ENTRY["softwareVersion"] == PROJECT["version"]
    assert ENTRY["legal"]["license"] == PROJECT["license"] == "EUPL-1.2"
    assert set(ENTRY["description"]) == set(ENTRY["localisation"]["availableLanguages"]) == {"de", "en"}


def test_addresses_lead_nowhere() -> None:
    assert "phone" not in TEXT
    hosts = re.findall(r"(?:@|://)([\w.-]+)", TEXT)
    assert hosts
    assert all(host.endswith(".example") for host in hosts)


def test_the_licence_is_there_in_full() -> None:
    licence = (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert licence.startswith("EUROPEAN UNION PUBLIC LICENCE v. 1.2\n")
    assert [int(number) for number in re.findall(r"^(\d+)\.", licence, re.MULTILINE)] == list(range(1, 16))
    assert "Compatible Licences" in licence
    assert licence.rstrip().endswith("require the production of a new EUPL version.")
