"""The services of a running stack, asked over HTTP as an operator; each request goes to a replica that answers.

What a service refuses becomes a StackError with the service's own words.
"""

from __future__ import annotations

import getpass
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import httpx2

from norda_local.errors import StackError
from norda_local.services import SERVICES, replica_names
from norda_local.stack import Stack
from norda_local.tokens import issue_token

HTTP_SECONDS = 40
"""A replay of a batch answers after some seconds; a statement may wait ten for a lock."""
PAGE = 200


class RefusedError(StackError):
    """A service answered with a problem; `status` and `code` are the problem's."""

    def __init__(self, problem: str, remedy: str, *, status: int, code: str) -> None:
        super().__init__(problem, remedy)
        self.status = status
        self.code = code


class AwayError(StackError):
    """No process of a service answers."""


@dataclass
class Services:
    """The chosen services: name to the addresses of their processes. Tokens name the user who runs the command."""

    addresses: Mapping[str, Sequence[str]]
    token: str
    http: httpx2.Client = field(default_factory=lambda: httpx2.Client(timeout=HTTP_SECONDS))

    @classmethod
    def of(cls, stack: Stack, *, only: str | None = None) -> Services:
        """All services of the stack, or one. Raises StackError when there is no such service."""
        if only is not None and only not in SERVICES:
            raise StackError(f"there is no service {only}", f"the services are {' '.join(SERVICES)}")
        endpoints, replicas = stack.endpoints(), stack.settings.replicas
        names = [only] if only else list(SERVICES)
        addresses = {name: [endpoints[part] for part in replica_names(name, replicas)] for name in names}
        user = _user()
        # Operators act for the platform; the token of the local key names a state because every local one does.
        token = issue_token(
            stack.home,
            issuer=endpoints["issuer"],
            state="hb",
            role="operator",
            name=user,
            subject=f"operator-{user}",
        )
        return cls(addresses, token)

    @property
    def names(self) -> list[str]:
        """The chosen services."""
        return list(self.addresses)

    def get(self, service: str, path: str, **params: Any) -> Any:
        """The JSON a GET answers. Raises RefusedError, AwayError."""
        given = {name: value for name, value in params.items() if value is not None}
        return self._call("GET", service, path, params=given)

    def post(self, service: str, path: str, body: Any = None) -> Any:
        """The JSON a POST answers. Raises RefusedError, AwayError."""
        return self._call("POST", service, path, json=body)

    def pages(self, service: str, path: str, *, limit: int, **params: Any) -> Iterator[dict[str, Any]]:
        """Items of a list, page by page, at most `limit`."""
        cursor: str | None = None
        while limit > 0:
            page = self.get(service, path, limit=min(limit, PAGE), cursor=cursor, **params)
            yield from page["items"]
            limit -= len(page["items"])
            cursor = page["next_cursor"]
            if cursor is None:
                return

    def _call(self, method: str, service: str, path: str, **options: Any) -> Any:
        headers = {"authorization": f"Bearer {self.token}", "accept-language": "en"}
        for address in self.addresses[service]:
            try:
                answer = self.http.request(method, f"{address}/api/v1{path}", headers=headers, **options)
            except httpx2.ConnectError:
                continue
            except httpx2.HTTPError as error:
                raise AwayError(
                    f"{service} did not answer: {type(error).__name__}",
                    f"see ./norda status and ./norda logs {service}",
                ) from error
            if answer.is_success:
                return answer.json()
            raise _refused(service, answer)
        raise AwayError(f"{service} is down", "./norda up starts it")


def _refused(service: str, answer: httpx2.Response) -> RefusedError:
    try:
        problem = dict(answer.json())
    except ValueError:
        problem = {}
    text = problem.get("detail", f"HTTP {answer.status_code}")
    remedy = "try again shortly" if answer.status_code == 503 else f"see ./norda logs {service}"
    return RefusedError(f"{service}: {text}", remedy, status=answer.status_code, code=str(problem.get("code", "")))


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        # A user id without a name, as containers have.
        return "unknown"


def ago(instant: str, *, now: datetime | None = None) -> str:
    """How long ago an RFC 3339 instant was, in a word: `3 min ago`."""
    seconds = ((now or datetime.now(UTC)) - datetime.fromisoformat(instant)).total_seconds()
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit} ago"
    return f"{max(seconds, 0):.0f} s ago"


def visible(text: str) -> str:
    """The text with control characters written out: a record must not command the terminal that shows it."""
    return "".join(char if char.isprintable() or char in "\n\t" else _escaped(char) for char in text)


def _escaped(char: str) -> str:
    return char.encode("unicode_escape").decode()
