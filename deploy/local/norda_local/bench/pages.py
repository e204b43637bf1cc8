"""`bench pages`: how long a person waits for a page of the registry, with a hundred thousand organisations.

A real service with its session, rights and templates; the time is the server's, from the request to the last byte on
the loopback, one request after the other, as one person's clicks are. Tables are filled by SQL; a page is asked for as
links and filters ask for it.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import asyncpg
import httpx2
from norda_common.auth import Caller
from norda_common.rights import Role
from norda_common.signin import sessions
from norda_common.states import State
from norda_common.web.pages import session_cookie

from norda_local.bench import filling
from norda_local.bench.report import Figures, Report, Target, median, percentile
from norda_local.bench.services import Say, ServiceUnderTest, start_services
from norda_local.errors import StackError
from norda_local.throwaway import servers_of_its_own

ROWS, QUICK_ROWS = 100_000, 20_000
ROUNDS, QUICK_ROUNDS = 60, 20
MOST_MS = 50.0
POSTGRES = {"shared_buffers": "512MB", "max_wal_size": "4GB"}
PAGES: Mapping[str, Mapping[str, str]] = {
    "registry": {
        "list, all states": "/registry/organisations?state=all",
        "list of one state": "/registry/organisations?state=hb",
        "list by last change": "/registry/organisations?state=all&sort=changed&direction=desc",
        "search for a rare word": "/registry/organisations?state=all&q=4711",
        "search for a word of all": "/registry/organisations?state=all&q=bestand",
        "one competence": "/registry/organisations?state=all&competence=PRD-01",
        "overview": "/registry/",
    },
}
SESSION_HOURS = 10


def measure(*, quick: bool, say: Say) -> Report:
    """Fill, sign somebody in, and ask for each page in turn."""
    return measure_with(
        rows=QUICK_ROWS if quick else ROWS, rounds=QUICK_ROUNDS if quick else ROUNDS, quick=quick, say=say
    )


def measure_with(*, rows: int, rounds: int, quick: bool, say: Say) -> Report:
    """The measurement with rows and rounds of the caller's choice."""
    report = Report("pages", "How long does a person wait for a list page?", quick)
    with servers_of_its_own("bench", only=("postgres", "kafka"), postgres_settings=POSTGRES) as stack:
        stack.up()
        services = start_services(stack, *PAGES)
        say(f"{rows:,} organisations")
        asyncio.run(filling.fill(stack.endpoints()["database"], "registry.directory", present=0, wanted=rows))
        table: list[tuple[str | float, ...]] = []
        for name, pages in PAGES.items():
            cookie = asyncio.run(_signed_in(services[name], stack.endpoints()["database"]))
            times = _times(services[name], pages, cookie, rounds=rounds)
            for title, found in times.items():
                milliseconds = [seconds * 1_000 for seconds in found]
                table.append((f"{name}: {title}", median(milliseconds), percentile(milliseconds, 0.95)))
                if "list" in title or "search" in title:
                    report.targets.append(
                        Target(f"{name}: {title}, median ms", median(milliseconds), MOST_MS, at_least=False)
                    )
                report.rounds[f"{name}: {title}"] = milliseconds
    title = f"{rows:,} organisations, {rounds} requests for each page, ms"
    report.tables.append(Figures(title, ("page", "median", "p95"), table))
    return report


async def _signed_in(service: ServiceUnderTest, admin: str) -> str:
    """A session of an office's, as the sign-in makes it; returns its cookie."""
    secret = secrets.token_urlsafe(32)
    connection = await asyncpg.connect(admin, server_settings={"search_path": service.part.name})
    try:
        await sessions.create(
            connection,
            secret=secret,
            caller=Caller(subject="bench", name="Bench", roles=frozenset({Role.OFFICE}), state=State.BREMEN),
            provider_session=None,
            csrf=secrets.token_urlsafe(32),
            id_token="none",  # noqa: S106 - nobody signs out
            now=datetime.now(UTC),
            lifetime=timedelta(hours=SESSION_HOURS),
        )
    finally:
        await connection.close()
    return f"{session_cookie(service.part.name)}={secret}"


def _times(service: ServiceUnderTest, pages: Mapping[str, str], cookie: str, *, rounds: int) -> dict[str, list[float]]:
    """Seconds each page took, round by round; the first two rounds warm up."""
    found: dict[str, list[float]] = {title: [] for title in pages}
    headers = {"cookie": cookie, "accept": "text/html"}
    with httpx2.Client(base_url=f"http://127.0.0.1:{service.port}", headers=headers, timeout=30) as client:
        for number in range(rounds + 2):
            for title, path in pages.items():
                began = time.perf_counter()
                response = client.get(path)
                took = time.perf_counter() - began
                if response.status_code != 200:
                    raise StackError(f"{path} answered {response.status_code}", f"see {service.part.name}'s log")
                if number > 1:
                    found[title].append(took)
    return found
