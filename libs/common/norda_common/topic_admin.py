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
    """Create what is missing, and wait until it can be written to; returns the names made. Idempotent.

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
            await _led(admin, [topic.name for topic in missing])
        return [topic.name for topic in missing]
    except (KafkaError, OSError, TimeoutError) as error:
        raise SetupError(
            f"cannot create topics at {bootstrap_servers} (NORDA_KAFKA_BOOTSTRAP_SERVERS): "
            f"{error or type(error).__name__}"
        ) from error
    finally:
        await admin.close()


async def _led(admin: AIOKafkaAdminClient, names: Sequence[str]) -> None:
    """Wait until each partition of the topics has a leader: creating is acknowledged a little before, and on a busy
    broker long before. Raises SetupError after LED_SECONDS.
    """
    deadline = time.monotonic() + LED_SECONDS
    while waiting := [topic["topic"] for topic in await admin.describe_topics(list(names)) if not _is_led(topic)]:
        if time.monotonic() > deadline:
            raise SetupError(
                f"topic {waiting[0]} and {len(waiting) - 1} others were created, but have no leader after "
                f"{LED_SECONDS:g} s: are all brokers up? Set up again once they are"
            )
        await asyncio.sleep(0.05)


def _is_led(topic: dict[str, Any]) -> bool:
    return not topic["error_code"] and all(
        not partition["error_code"] and partition["leader"] >= 0 for partition in topic["partitions"]
    )
