"""Notifications: subscriptions, offices, inboxes, notices and mails."""

from __future__ import annotations

from .cell import PAST, STALE, Cell, everybody, own_only


def notifications() -> dict[str, tuple[Cell, ...]]:
    """By method and path."""
    api, base = "/api/v1", "/notifications"
    contact = {"name": "Beispielstelle", "email": "stelle@office.example", "language": "de"}
    subscription, entry = own_only("subscription", 200, 404), own_only("entry", 200, 404)
    return {
        f"GET {api}/subscriptions/{{subscription_id}}": subscription,
        f"PATCH {api}/subscriptions/{{subscription_id}}": own_only(
            "subscription", 412, 404, body={"language": "en"}, headers=STALE
        ),
        f"DELETE {api}/subscriptions/{{subscription_id}}": own_only("subscription", 204, 404),
        f"GET {api}/offices/{{state}}/contact": (everybody("office"),),
        f"PUT {api}/offices/{{state}}/contact": own_only("office", 412, body=contact, headers=STALE),
        f"POST {api}/inbox/{{entry_id}}/read": own_only("entry", 204, 404),
        f"GET {base}/inbox/{{entry_id}}": entry,
        f"POST {base}/inbox/{{entry_id}}/read": own_only("entry", 303, 404),
        f"GET {base}/subscriptions/{{subscription_id}}": subscription,
        f"GET {base}/subscriptions/{{subscription_id}}/edit": subscription,
        f"POST {base}/subscriptions/{{subscription_id}}/edit": own_only(
            "subscription", 412, 404, body=PAST | {"name": "Andere Person", "language": "de"}
        ),
        f"GET {base}/subscriptions/{{subscription_id}}/end": subscription,
        f"POST {base}/subscriptions/{{subscription_id}}/end": own_only("subscription", 303, 404),
        f"GET {base}/notices/{{notice_id}}": (everybody("notice"),),
        f"GET {base}/offices/{{state}}/edit": own_only("office", 200),
        f"POST {base}/offices/{{state}}/edit": own_only("office", 409, body=PAST | contact),
        # Operators act for no state.
        f"GET {base}/deliveries/{{delivery_id}}": (everybody("delivery"),),
    }
