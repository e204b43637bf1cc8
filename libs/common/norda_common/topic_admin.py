"""Creating the declared topics; never automatically by a broker, and never below another state's prefix."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Sequence
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, for_code

from .contracts.topics import Topic
from .migrate import SetupError
from .states import State

LED_SECONDS = 30
REPLICAS_THAT_SPARE_ONE = 3
MIN_IN_SYNC = {"min.insync.replicas": "2"}
"""With `acks=all` an acknowledgement then means two copies, and one broker of three can be lost without losing it."""


def settings_of(topic: Topic, *, replication: int) -> dict[str, str]:
    """The topic's settings in Kafka: its policy, and how many copies an acknowledgement stands for."""
    return topic.config() | (MIN_IN_SYNC if replication >= REPLICAS_THAT_SPARE_ONE else {})


async def ensure_topics(
    bootstrap_servers: str, topics: Iterable[Topic], states: Sequence[State], *, replication: int, prefix: str
) -> list[str]:
    """Create what is missing, and wait until each partition of all has a leader; returns the names made. Idempotent.

    Raises SetupError.
    """
    wanted = {topic.name(state, prefix=prefix): topic for topic in topics for state in states}
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap_servers, request_timeout_ms=15_000)
    try:
        await asyncio.wait_for(admin.start(), 20)
        existing = set(await admin.list_topics())
        missing = [
            NewTopic(
                name=name,
                num_partitions=topic.partitions,
                replication_factor=replication,
                topic_configs=settings_of(topic, replication=replication),
            )
            for name, topic in wanted.items()
            if name not in existing
        ]
        if missing:
            response = await admin.create_topics(missing)
            for name, code, *detail in response.topic_errors:
                if code and for_code(code) is not TopicAlreadyExistsError:
                    raise SetupError(f"topic {name}: {for_code(code).__name__} {' '.join(map(str, detail))}")
        await until_led(admin, list(wanted))
        return [topic.name for topic in missing]
    except (KafkaError, OSError, TimeoutError) as error:
        raise SetupError(
            f"cannot create topics at {bootstrap_servers} (NORDA_KAFKA_BOOTSTRAP_SERVERS): "
            f"{error or type(error).__name__}"
        ) from error
    finally:
        await admin.close()


async def until_led(admin: AIOKafkaAdminClient, names: Sequence[str]) -> None:
    """Wait until each partition of these topics has a leader: that they are made is said a little before, and by a busy
    broker long before. Raises SetupError after LED_SECONDS.
    """
    deadline = time.monotonic() + LED_SECONDS
    while True:
        fault: Exception | None = None
        try:
            waiting = [topic["topic"] for topic in await admin.describe_topics(list(names)) if not _is_led(topic)]
        except (KafkaError, OSError) as error:
            # A broker may come or go while topics get their leaders; another one is asked the next time.
            waiting, fault = list(names), error
        if not waiting:
            return
        if time.monotonic() > deadline:
            said = f" ({type(fault).__name__})" if fault else ""
            raise SetupError(
                f"no leader after {LED_SECONDS} s for {len(waiting)} of {len(names)} topics, {waiting[0]} among "
                f"them{said}: are all brokers up? Set up again once they are"
            ) from fault
        await asyncio.sleep(0.05)


def _is_led(topic: dict[str, Any]) -> bool:
    parts = topic["partitions"]
    return not topic["error_code"] and bool(parts) and all(part["leader"] >= 0 for part in parts)
