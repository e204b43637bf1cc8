"""The demo: the platform's main job, run from the starter data through public APIs and topics only."""

from .command import run_demo
from .forum import event_of
from .job import run_main_job
from .settling import expect_still, wait_until_settled
from .world import JobFailed, World

__all__ = ["JobFailed", "World", "event_of", "expect_still", "run_demo", "run_main_job", "wait_until_settled"]
