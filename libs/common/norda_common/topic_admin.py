"""Creating the declared topics; never automatically by a broker, and never below another state's prefix."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, for_code

from .contracts.topics import Topic
from .migrate import SetupError
from .states import State


async def ensure_topics(
    bootstrap_servers: str, topics: Iterable[Topic], states: Sequence[State], *, replication: int, prefix: str
) -> list[str]:
    """Create what is missing; returns the names made. Idempotent. Raises SetupError."""
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
                topic_configs=topic.config(),
            )
            for name, topic in wanted.items()
            if name not in existing
        ]
        if missing:
            response = await admin.create_topics(missing)
            for name, code, *detail in response.topic_errors:
                if code and for_code(code) is not TopicAlreadyExistsError:
                    raise SetupError(f"topic {name}: {for_code(code).__name__} {' '.join(map(str, detail))}")
        return [topic.name for topic in missing]
    except (KafkaError, OSError, TimeoutError) as error:
        raise SetupError(
            f"cannot create topics at {bootstrap_servers} (NORDA_KAFKA_BOOTSTRAP_SERVERS): "
            f"{error or type(error).__name__}"
        ) from error
    finally:
        await admin.close()
