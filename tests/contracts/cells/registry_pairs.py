"""The registry: what two offices have to do with, each with its own part: relocations, mergers, pairs of duplicates."""

from __future__ import annotations

from .cell import PAST, STALE, Cell, everybody, own_only


def pairs() -> dict[str, tuple[Cell, ...]]:
    """By method and path."""
    here, page = "/api/v1/organisations/{organisation_id}", "/registry/organisations/{organisation_id}"
    return _relocations(here, page) | _mergers(here, page) | _duplicates()


def _relocations(here: str, page: str) -> dict[str, tuple[Cell, ...]]:
    """What is offered: the one office waits, the other one answers, the third has no part in it."""
    why, past = {"reason": "Der Sitz bleibt."}, {"headers": STALE}
    return {
        f"GET {page}/accept": (Cell(record="offered", own=409, host=200, foreign=409),),
        f"POST {page}/accept": (Cell(record="offered", own=409, host=412, foreign=409, body=PAST),),
        f"GET {page}/refuse": (Cell(record="offered", own=409, host=200, foreign=409),),
        f"POST {page}/refuse": (Cell(record="offered", own=409, host=412, foreign=409, body=PAST | why),),
        f"GET {page}/withdraw-offer": own_only("offered", 200),
        f"POST {page}/withdraw-offer": own_only("offered", 412, body=PAST),
        f"POST {here}/relocation/acceptance": (
            Cell(record="offered", own="not_offered", host=412, foreign="not_offered", **past),
        ),
        f"POST {here}/relocation/refusal": (
            Cell(record="offered", own="not_offered", host=412, foreign="not_offered", body=why, **past),
        ),
        f"POST {here}/relocation/withdrawal": own_only("offered", 412, **past),
    }


def _mergers(here: str, page: str) -> dict[str, tuple[Cell, ...]]:
    """The office of the one that stays asks, the office of the other one agrees, either takes back."""
    into = {"into": "{other_id}", "kind": "duplicate"}
    return {
        f"GET {page}/merge": (
            # What it is to become part of is chosen first, by whichever office.
            everybody("organisation"),
            *own_only("organisation", 200, query=into),
            Cell(record="across", own=200, host=200, query=into),
        ),
        f"POST {page}/merge": (
            *own_only("organisation", 412, body=into | {"merged_version": "0"}),
            Cell(record="across", own="foreign_state", host=412, body=into | {"merged_version": "0"}),
        ),
        f"GET {page}/merger": (everybody("organisation"), everybody("proposed"), everybody("merged")),
        f"POST {page}/merger/accept": own_only("agreed to", 303),
        f"POST {page}/merger/withdraw": (Cell(record="proposed", own=303, host=303, fresh=True),),
        f"POST {page}/merger/undo": (Cell(record="merged", own=303, host=303),),
        f"POST {here}/merger": (
            *own_only("organisation", 412, body=into, headers=STALE),
            Cell(record="across", own="foreign_state", host=412, body=into, headers=STALE),
        ),
        f"POST {here}/merger/acceptance": own_only("proposed", 412, headers=STALE),
        f"DELETE {here}/merger": (Cell(record="proposed", own=204, host=204, fresh=True),),
        f"POST {here}/merger/undo": (Cell(record="merged", own=200, host=200),),
        f"GET {here}/mergers": (everybody("proposed"), everybody("merged")),
        f"GET {here}/merger/preview": (
            *own_only("organisation", 200, query=into),
            Cell(record="across", own=200, host=200, query=into),
        ),
    }


def _duplicates() -> dict[str, tuple[Cell, ...]]:
    page, api = "/registry/duplicates/{one_id}/{other_id}", "/api/v1/duplicates/{one_id}/{other_id}/verdict"
    why = {"reason": "Zwei Betriebe, zwei Inhaber."}
    return {
        f"GET {page}/apart": (Cell(record="pair", own=200, host=200),),
        f"POST {page}/apart": (Cell(record="pair", own=303, host=303, body=why),),
        f"POST {page}/suspect": (Cell(record="pair", own=303, host=303),),
        f"PUT {api}": (Cell(record="pair", own=204, host=204, body=why),),
        f"DELETE {api}": (Cell(record="pair", own=204, host=204),),
    }
