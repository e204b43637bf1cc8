"""The whole way: three real services run the demo's main job, twice, and every expectation comes true both times."""

from __future__ import annotations

import pytest
from norda_local.demo import World, run_main_job
from norda_local.mail import list_mails
from support.installation import Installation


@pytest.fixture(scope="module")
def world(module_installation: Installation) -> World:
    running = {name: module_installation.start(name, wait=False) for name in ("registry", "events", "notifications")}
    for service in running.values():
        service.wait_ready()
    servers = module_installation.servers
    return World(
        registry=running["registry"].url,
        events=running["events"].url,
        notifications=running["notifications"].url,
        kafka=servers.kafka,
        token=lambda state, role: module_installation.token(state=state, role=role),
        mail_url=servers.mail,
        tracing_url=servers.tracing,
        topic_prefix=module_installation.prefix,
        mails_after=max((mail.id for mail in list_mails(servers.mail)), default=""),
    )


def test_the_main_job_comes_true(world: World) -> None:
    run_main_job(world)
    assert world.failures == []
    assert len(world.checks) >= 30


def test_a_second_run_changes_nothing_and_tells_nobody_again(world: World) -> None:
    assert world.checks, "the first run comes before"
    world.checks.clear()
    before = {mail.id for mail in list_mails(world.mail_url or "")}
    run_main_job(world)
    assert world.failures == []
    new = [mail for mail in list_mails(world.mail_url or "") if mail.id not in before]
    # Only the participant who is followed by the trace registers anew.
    assert {address for mail in new for address in mail.recipients if "ex-" in address} <= {"spur@ex-016.example"}
