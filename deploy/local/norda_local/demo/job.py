"""The main job in its five steps, the trace, and a second look at what is to happen once.

Every expectation is noted in the world.
"""

from __future__ import annotations

from .cancellation import cancel
from .companies import import_organisations
from .forum import fill_quotas, publish_together, subscribe
from .relocation import relocate
from .settling import expect_still
from .tracing import follow_one_trace
from .world import World


def run_main_job(world: World) -> str | None:
    """Run everything; returns the trace's page. Raises JobFailed when a request is refused that must not be."""
    world.lasting.clear()
    with world.step(1, "The offices import their companies, the clusters and the public bodies"):
        import_organisations(world)
    with world.step(2, "Three states publish Transformationsforum Nord together"):
        subscribe(world)
        event = publish_together(world)
    with world.step(3, "Companies register until a quota is full; its release promotes in order"):
        fill_quotas(world, event)
    with world.step(4, "Beispiel Roland moves its seat from Bremen to Niedersachsen"):
        relocate(world)
    with world.step(5, "Zulieferertag Ems is cancelled with 40 confirmed and 12 waiting"):
        cancel(world)
    with world.step(6, "One trace from the request to the mail"):
        trace = follow_one_trace(world)
    with world.step(7, "When all has settled, nobody was told twice"):
        expect_still(world)
    return trace
