"""The demo: the platform's main job, run from the starter data through public APIs and topics only."""

from .command import run_demo
from .job import run_main_job
from .world import JobFailed, World

__all__ = ["JobFailed", "World", "run_demo", "run_main_job"]
