"""How PostgreSQL runs a statement, also within functions: what `explain` does not show, `auto_explain` tells."""

from __future__ import annotations

import asyncio
from typing import Any


async def plans_of(connection: Any, statement: str, *arguments: Any) -> str:
    """The plans of a statement and of all within its functions, as they were run, after `tell_plans`."""
    told: list[str] = []

    def listen(_: Any, message: Any) -> None:
        told.append(str(message.message))

    connection.add_log_listener(listen)
    try:
        await connection.fetch(statement, *arguments)
        await asyncio.sleep(0.05)
    finally:
        connection.remove_log_listener(listen)
    assert told, "auto_explain is silent"
    return "\n".join(told)


async def tell_plans(connection: Any) -> None:
    """Let this superuser's session tell the plan of every statement."""
    await connection.execute("load 'auto_explain'")
    await connection.execute("set auto_explain.log_min_duration = 0; set auto_explain.log_nested_statements = on")
    await connection.execute("set auto_explain.log_timing = off; set client_min_messages = log")
