"""The flagship flow, on real parts, judged by the stand-ins' ledgers."""

from tests import gateway_ground as ground
from workflows.types import RunState


def test_an_incident_is_triaged_approved_written_back_and_announced_once(floor):
    trigger = floor.incident(short_description="VPN drops every few minutes")
    run = floor.wake(floor.start(trigger))
    assert (run.state, run.waits_for) == (RunState.WAITING, "approval"), floor.story(run)
    assert ground.writes(floor.vendors) == []
    floor.vote(run)
    run = floor.wake(run)
    assert run.state == RunState.SUCCEEDED, floor.story(run)
    assert len(ground.writes(floor.vendors)) == 1
    assert (run.effects, run.waits_for) == (2, "")
    assert run.written_at is not None
    assert run.closed_at is not None
