"""How long a duplicate check takes beside a million organisations: names as a region has them, and one asked about.

Names are made of invented words that are as common as words are: few trades, many names of families and places. Beside
rows that all say the same but for a number, as `filling.py` makes them, nothing would be measured.
"""

from __future__ import annotations

import asyncio
import random
import statistics
import time
from dataclasses import replace

import asyncpg
from norda_registry.rules.duplicates import Candidate
from norda_registry.store import duplicates, likenesses

from norda_local.bench.filling import key_of

CHUNK = 20_000
_ONSETS = "b br d dr f fl g gr h j k kl kn kr l m n p pl r s sch schl schm schn sp st t tr w z zw".split()  # noqa: SIM905
_NUCLEI = "a ä au e ei i ie o ö u ü".split()  # noqa: SIM905
_CODAS = "ck ckel ff ffel ll lter mm mpel n nder nkel nn pp r rbel rg rk rst s ssel tt tz".split()  # noqa: SIM905
_TRADES = (
    "Metallbau", "Maschinenbau", "Elektrotechnik", "Logistik", "Spedition", "Werkzeugbau", "Kunststofftechnik",
    "Software", "Sensorik", "Fahrzeugbau", "Karosseriebau", "Galvanik", "Gießerei", "Zerspanung", "Anlagenbau",
    "Oberflächentechnik", "Hydraulik", "Ingenieurbüro", "Automation", "Robotik", "Dichtungen", "Federn", "Klebstoffe",
    "Batteriesysteme", "Recycling", "Prüftechnik", "Handel", "Vertrieb", "Service", "Holding", "Consulting", "Montage",
    "Schweißtechnik", "Lackiererei", "Verpackung", "Lagertechnik", "Antriebe", "Getriebe", "Leichtbau", "Messtechnik",
)  # fmt: skip
_FORMS = ("GmbH", "GmbH", "GmbH", "GmbH & Co. KG", "KG", "AG", "e.K.", "UG (haftungsbeschränkt)", "OHG", "eG")
_TOWNS = (
    ("Bremen", 28195, 165), ("Bremerhaven", 27568, 12), ("Hamburg", 20095, 2400), ("Hannover", 30159, 500),
    ("Braunschweig", 38100, 26), ("Wolfsburg", 38440, 8), ("Göttingen", 37073, 12), ("Osnabrück", 49074, 16),
    ("Oldenburg", 26121, 14), ("Emden", 26721, 4), ("Stade", 21680, 4), ("Lüneburg", 21335, 6), ("Celle", 29221, 9),
    ("Verden", 27283, 1), ("Leer", 26789, 1), ("Vechta", 49377, 1), ("Peine", 31224, 5), ("Goslar", 38640, 4),
)  # fmt: skip


def candidate(number: int) -> Candidate:
    """The company of that number, always the same."""
    chance = random.Random(number)  # noqa: S311 - repeatable
    family = _word(chance) + (_word(chance).lower() if chance.random() < 0.5 else "")
    place, code, codes = _TOWNS[min(int(chance.expovariate(0.3)), len(_TOWNS) - 1)]
    parts = [family, chance.choice(_TRADES), chance.choice(_FORMS)]
    if chance.random() < 0.3:
        parts.insert(0, _word(chance))
    return Candidate(
        name=f"Beispiel {' '.join(parts)}",
        place=place,
        postal_code=f"{code + chance.randrange(codes):05d}",
        vat_id=f"DE{100_000_000 + number}",
    )


def _word(chance: random.Random) -> str:
    text = chance.choice(_ONSETS) + chance.choice(_NUCLEI) + chance.choice(_CODAS)
    if chance.random() < 0.7:
        text += chance.choice(_NUCLEI[:4]) + chance.choice(_CODAS)
    return text.capitalize()


async def fill(connection: asyncpg.Connection[asyncpg.Record], *, rows: int) -> None:
    """Fill `registry.likeness` with the first so many companies, by its owner; its index is made at the end."""
    index = await connection.fetchval("select pg_get_indexdef('registry.likeness_keys'::regclass)")
    await connection.execute("drop index registry.likeness_keys")
    for first in range(0, rows, CHUNK):
        await connection.copy_records_to_table(
            "likeness",
            schema_name="registry",
            records=await asyncio.to_thread(_rows, first, min(rows, first + CHUNK)),
            columns=["organisation_id", "responsible_state", "status", "name_hash", "keys", "facts"],
        )
    await connection.execute("set maintenance_work_mem = '256MB'")
    await connection.execute(index)
    await connection.execute("vacuum analyze registry.likeness")


def _rows(first: int, last: int) -> list[tuple[object, ...]]:
    made = list[tuple[object, ...]]()
    for number in range(first, last):
        row = likenesses.row_of_candidate(
            key_of(number + 1), candidate(number), responsible_state="hb", status="active"
        )
        made.append((*row[:4], [int(key) for key in row.keys.split()], row.facts))
    return made


def misspelled(number: int) -> Candidate:
    """The company of that number, as somebody enters it who knows neither its number nor how it is written."""
    chance = random.Random(-number)  # noqa: S311 - repeatable
    known = candidate(number)
    name = known.name.removeprefix("Beispiel ")
    place = chance.randrange(1, len(name) - 6)
    name = chance.choice((name, name[:place] + name[place + 1 :], name.upper(), name.replace("ß", "ss")))
    return replace(known, name=name, vat_id=None, postal_code=chance.choice((known.postal_code, None)))


async def measure(
    connection: asyncpg.Connection[asyncpg.Record], *, rows: int, checks: int
) -> tuple[float, float, float, float]:
    """Median, 95th percentile and greatest time of a check in milliseconds, and the share of companies it found."""
    times, found = list[float](), 0
    for number in random.Random(1).sample(range(rows), checks):  # noqa: S311 - repeatable
        asked = misspelled(number)
        begin = time.perf_counter()
        suspects = await duplicates.suspects(connection, asked)
        times.append((time.perf_counter() - begin) * 1_000)
        found += any(suspect.known.organisation_id == key_of(number + 1) for suspect in suspects)
    hundredths = statistics.quantiles(times, n=100)
    return hundredths[49], hundredths[94], max(times), found / checks
