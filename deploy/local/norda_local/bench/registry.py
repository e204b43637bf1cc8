"""`bench registry`: can one find, import and compare among a million organisations?

A real service with one client that asks for one thing after the other; times are the server's, from the request to the
last byte on the loopback. The directory is filled by SQL, as the consumer would leave it (`companies`). Questions come
in kinds, each a mix as people ask: rare and common words, none that match, several facets, deep pages, slips. A target
holds for all questions of a measurement together, and the table says what each kind takes.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import httpx2
from stdnum.iso7064 import mod_11_10

from norda_local.bench import companies, duplicates, filling, importing
from norda_local.bench.report import Figures, Report, Target, median, percentile
from norda_local.bench.services import Say, ServiceUnderTest, headers_of, start_services
from norda_local.errors import StackError
from norda_local.throwaway import servers_of_its_own

ROWS, QUICK_ROWS = 1_000_000, 200_000
IMPORTED, QUICK_IMPORTED = 100_000, 10_000
ROUNDS, QUICK_ROUNDS = 40, 15
"""So many questions of each kind."""
POSTGRES = {"shared_buffers": "1GB", "max_wal_size": "8GB"}
LIST = "/api/v1/organisations"
SEARCH_P95_MS, TYPING_ERROR_P95_MS, LOOK_UP_P95_MS, DUPLICATE_P95_MS = 50.0, 150.0, 5.0, 50.0
IMPORT_ROWS_PER_SECOND = 2_000.0
DEEP_PAGES = 20
SEEDED = 93
LOADED_SECONDS = 600

Question = tuple[str, list[tuple[str, str]]]
"""A path and its parameters."""


def measure(*, quick: bool, say: Say) -> Report:
    """Fill, ask, import, compare."""
    return measure_with(
        rows=QUICK_ROWS if quick else ROWS,
        imported=QUICK_IMPORTED if quick else IMPORTED,
        rounds=QUICK_ROUNDS if quick else ROUNDS,
        quick=quick,
        say=say,
    )


def measure_with(*, rows: int, imported: int, rounds: int, quick: bool, say: Say) -> Report:
    """The measurement with sizes of the caller's choice."""
    report = Report("registry", "Can one find, import and compare among a million organisations?", quick)
    with servers_of_its_own("bench", only=("postgres", "kafka"), postgres_settings=POSTGRES) as stack:
        stack.up()
        dsn = stack.endpoints()["database"]
        service = start_services(stack, "registry")["registry"]
        service.stop()
        say(f"{rows:,} organisations")
        asyncio.run(_fill(dsn, rows))
        service.start()
        with httpx2.Client(
            base_url=f"http://127.0.0.1:{service.port}", headers=headers_of(stack), timeout=LOADED_SECONDS
        ) as client:
            bench = Bench(report, client, rows=rows, rounds=rounds, dsn=dsn, service=service)
            say("searches with facets")
            bench.searches()
            say("searches with a slip")
            bench.typing_errors()
            say("look-ups")
            bench.look_ups()
            say("duplicate checks")
            bench.duplicate_checks()
            say(f"an import of {imported:,} rows")
            bench.import_rows(imported)
    return report


class Bench:
    """The questions, and what was found."""

    def __init__(
        self, report: Report, client: httpx2.Client, *, rows: int, rounds: int, dsn: str, service: ServiceUnderTest
    ) -> None:
        self._report = report
        self._client = client
        self._rows = rows
        self._rounds = rounds
        self._chance = random.Random(SEEDED)  # noqa: S311 - the same in every run
        self._service = service
        self._dsn = dsn
        numbers = sorted(self._chance.sample(range(1, rows + 1), min(rows, 4 * rounds)))
        self._numbers = numbers
        self._names = asyncio.run(companies.names(dsn, numbers))
        began = time.perf_counter()
        self._ask((LIST, [("facets", "true"), ("limit", "1")]))
        answered = time.perf_counter() - began
        self._learned()
        self._report.notes.append(
            f"The facets' sets of {rows:,} rows were loaded, and the first search answered, {answered:.1f} s after the "
            f"service was ready, and common beginnings were known after {time.perf_counter() - began:.1f} s; "
            f"it then used {self._megabytes():.0f} MB."
        )

    def searches(self) -> None:
        """Lists with all facets' counts, 25 rows."""
        kinds: Mapping[str, Callable[[], Iterable[tuple[str, str]]]] = {
            "a company's name": lambda: [("q", self._name())],
            "a rare word": lambda: [("q", self._name().split()[1])],
            "a trade": lambda: [("q", self._chance.choice(companies.TRADES))],
            "a place": lambda: [("q", self._place())],
            "a word of every row": lambda: [("q", "beispiel")],
            "two common words": lambda: [("q", f"gmbh {self._place()}")],
            "a common and a rare word": lambda: [("q", f"gmbh {self._name().split()[1]}")],
            "three letters": lambda: [("q", self._name().split()[1][:3])],
            "a word of no row": lambda: [("q", f"qq{self._chance.randrange(10**9)}")],
            "no choice": list,
            "one facet": lambda: [self._choice()],
            "three facets": lambda: [self._choice() for _ in range(3)],
            "facets of few rows": lambda: [("cluster", "ITS"), ("district", "03360"), ("size", "large")],
            "facets of no row": lambda: [("cluster", "NONE"), self._choice()],
            "a trade and two facets": lambda: [
                ("q", self._chance.choice(companies.TRADES)), self._choice(), self._choice()
            ],
            "a place and a facet": lambda: [("q", self._place()), self._choice()],
            "last changes, a facet": lambda: [("sort", "changed"), ("direction", "desc"), self._choice()],
        }  # fmt: skip
        questions = {
            kind: [(LIST, [("facets", "true"), ("limit", "25"), *make()]) for _ in range(self._rounds)]
            for kind, make in kinds.items()
        }
        questions |= {f"page {DEEP_PAGES + 1} of {kind}": list(found) for kind, found in self._deep().items()}
        self._measured("search with facets", questions, SEARCH_P95_MS)

    def typing_errors(self) -> None:
        """A slip in one word, alone or beside another word."""
        rare = [self._name().split()[1] for _ in range(self._rounds)]
        questions = {
            "one word with a slip": [[("q", companies.slipped(word, self._chance))] for word in rare],
            "beside a trade": [
                [("q", f"{companies.slipped(name.split()[1], self._chance)} {name.split()[2]}")]
                for name in (self._name() for _ in range(self._rounds))
            ],
            "a trade or place with a slip": [
                [("q", companies.slipped(self._chance.choice((*companies.TRADES, "braunschweig")), self._chance))]
                for _ in range(self._rounds)
            ],
        }
        asked = {
            kind: [(LIST, [("facets", "true"), ("limit", "25"), *found]) for found in several]
            for kind, several in questions.items()
        }
        self._measured("typo search", asked, TYPING_ERROR_P95_MS)

    def look_ups(self) -> None:
        """One organisation by each kind of number, in notations that people use."""
        notations: Mapping[str, Callable[[int], str]] = {
            "EUID": lambda n: f"DEH1101.HRB{n}HB",
            "register entry": lambda n: f"Amtsgericht Bremen HRB {n}",
            "register number": lambda n: f"HRB {n} HB",
            "W-IdNr": lambda n: f"de{100_000_000 + n} - 00001",
            "own id": lambda n: f"c{n}",
            "USt-IdNr nobody has": _vat,
        }
        questions = {
            kind: [(f"{LIST}/lookup", [("identifier", write(number))]) for number in self._numbers[: self._rounds]]
            for kind, write in notations.items()
        }
        self._measured("look-up", questions, LOOK_UP_P95_MS)

    def duplicate_checks(self) -> None:
        """Whether a record about to be entered is there already."""
        path = "/api/v1/duplicates/check"
        found: list[float] = []
        for number in self._numbers:
            meant = duplicates.misspelled(number - 1)
            body = {"legal_name": meant.name, "place": meant.place, "postal_code": meant.postal_code}
            began = time.perf_counter()
            answer = self._client.post(path, json={name: text for name, text in body.items() if text})
            found.append((time.perf_counter() - began) * 1_000)
            _check(answer, path)
        self._tell("duplicate check", {"a name with a slip": found}, DUPLICATE_P95_MS)

    def import_rows(self, rows: int) -> None:
        """A table of new companies: uploaded, planned (read, checked, looked up, what is new told from what is known),
        applied.
        """
        found = replace(
            importing.run(self._client, rows=rows), copied=asyncio.run(importing.copy_alone(self._dsn, rows=rows))
        )
        phases = (
            ("upload", found.upload), ("plan: read, check, look for duplicates", found.plan), ("apply", found.apply),
            ("all of it", found.whole), ("a bare COPY of the documents", found.copied),
        )  # fmt: skip
        self._report.tables.append(
            Figures(
                f"import of {rows:,} new organisations among {self._rows:,}",
                ("phase", "seconds", "rows per second"),
                [(name, seconds, rows / seconds) for name, seconds in phases],
            )
        )
        rate = found.rows_per_second
        self._report.rounds["import"] = dict(phases) | {"rows": rows}
        self._report.targets.append(Target("import, rows per second", rate, IMPORT_ROWS_PER_SECOND))
        self._report.notes.append(
            f"The import ran at {found.copied / found.whole:.3f} of what a bare COPY of the documents alone does."
        )

    def _measured(self, name: str, questions: Mapping[str, Sequence[Question]], most: float) -> None:
        """Ask all kinds in turns, after one of each to warm up."""
        for asked in questions.values():
            self._ask(asked[-1])
        found: dict[str, list[float]] = {kind: [] for kind in questions}
        for number in range(max(map(len, questions.values()))):
            for kind, asked in questions.items():
                if number < len(asked):
                    began = time.perf_counter()
                    self._ask(asked[number])
                    found[kind].append((time.perf_counter() - began) * 1_000)
        self._tell(name, found, most)

    def _tell(self, name: str, found: Mapping[str, list[float]], most: float) -> None:
        every = [value for values in found.values() for value in values]
        rows: list[tuple[str | float, ...]] = [
            (kind, median(values), percentile(values, 0.95)) for kind, values in found.items()
        ]
        rows.append(("all of them", median(every), percentile(every, 0.95)))
        title = f"{name} among {self._rows:,} organisations, ms, {len(every)} questions"
        self._report.tables.append(Figures(title, ("question", "median", "p95"), rows))
        self._report.targets.append(Target(f"{name}, p95 ms", percentile(every, 0.95), most, at_least=False))
        self._report.rounds[name] = found

    def _deep(self) -> dict[str, list[Question]]:
        """A page far from the first, of lists that are long."""
        lists: Mapping[str, list[tuple[str, str]]] = {
            "all by name": [],
            "a trade by relevance": [("q", "logistik")],
            "a facet by change": [("state", "ni"), ("sort", "changed")],
        }
        found: dict[str, list[Question]] = {}
        for kind, asked in lists.items():
            cursor = ""
            for _ in range(DEEP_PAGES):
                more = [("cursor", cursor)] if cursor else []
                cursor = self._ask((LIST, [*asked, ("limit", "25"), *more])).get("next_cursor", "")
                if not cursor:
                    break
            # A small directory has no page so deep.
            if cursor:
                question = (LIST, [("facets", "true"), ("limit", "25"), *asked, ("cursor", cursor)])
                found[kind] = [question] * self._rounds
        return found

    def _learned(self) -> None:
        """Wait until the service has learned which beginnings are common: until then three letters are not counted."""
        deadline = time.monotonic() + LOADED_SECONDS
        question = (LIST, [("facets", "true"), ("limit", "1"), ("q", self._name().split()[1][:3])])
        while not self._ask(question)["total"]["exact"]:
            if time.monotonic() > deadline:
                raise StackError(f"three letters were not counted within {LOADED_SECONDS} s", str(question))
            time.sleep(0.5)

    def _ask(self, question: Question) -> dict[str, Any]:
        path, parameters = question
        answer = self._client.get(path, params=list(parameters))
        _check(answer, f"{path} {parameters}")
        document: dict[str, Any] = answer.json()
        return document

    def _name(self) -> str:
        return self._chance.choice(self._names)

    def _place(self) -> str:
        return self._chance.choice(companies.PLACES)[0]

    def _choice(self) -> tuple[str, str]:
        return self._chance.choice(
            (
                ("state", self._chance.choice(("hb", "hh", "ni"))),
                ("district", self._chance.choice(companies.PLACES)[1]),
                ("competence", self._chance.choice(("BAT", "PRD", "LWT"))),
                ("role", self._chance.choice(companies.ROLES)),
                ("size", self._chance.choice(("micro", "medium", "large"))),
                ("status", "active"),
                ("activity", f"WZ2025:{self._chance.choice(companies.ACTIVITIES)[:4]}"),
            )
        )

    def _megabytes(self) -> float:
        return float(self._service.process.memory_info().rss) / (1 << 20)


async def _fill(dsn: str, rows: int) -> None:
    """The directory, and what is compared of as many companies, which have the same ids and names of their own."""
    await companies.fill(dsn, rows)
    connection = await filling.connect(dsn)
    try:
        await duplicates.fill(connection, rows=rows)
    finally:
        await connection.close()


def _check(answer: httpx2.Response, what: str) -> None:
    if answer.status_code not in {200, 201}:
        raise StackError(f"{what} answered {answer.status_code}", answer.text[:500])


def _vat(number: int) -> str:
    base = f"{10_000_000 + number:08d}"
    return f"DE {base}{mod_11_10.calc_check_digit(base)}"
