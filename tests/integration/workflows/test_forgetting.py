"""A tenant that did not opt in keeps no content of closed runs; no other run loses what it still needs."""

from datetime import timedelta
from types import SimpleNamespace

import pytest
from django.db import transaction

from connectors.calls import CallState
from controlplane.lib import clock
from tenants import payloads
from tenants.models import Payload, Tenant
from tests.integration.workflows.double import OUTPUTS, at
from workflows import retention
from workflows.models import Run, Step


@pytest.fixture
def forgetful(script: SimpleNamespace) -> SimpleNamespace:
    with transaction.atomic():
        Tenant.objects.filter(pk=script.floor.side.tenant.id).update(keep_content=False)
    return script


def _kept(run: Run) -> set[str]:
    """What is still kept of what its rows name."""
    with transaction.atomic():
        named = set(Step.objects.filter(run=run).values_list("output_digest", flat=True)) | {run.trigger_digest}
        return payloads.known(named - {""})


def _holders() -> set[object]:
    with transaction.atomic():
        return set(Payload.objects.values_list("holder", flat=True))


def test_a_closed_run_takes_its_content_along(forgetful: SimpleNamespace) -> None:
    run = forgetful.wake(forgetful.start())
    assert run.closed_at is not None
    assert not _kept(run)


def test_who_opted_in_keeps_it(script: SimpleNamespace) -> None:
    with transaction.atomic():
        Tenant.objects.filter(pk=script.floor.side.tenant.id).update(keep_content=True)
    run = script.wake(script.start())
    assert run.trigger_digest in _kept(run)


def test_an_open_run_keeps_what_a_closed_one_had_too(forgetful: SimpleNamespace) -> None:
    forgetful.door.script["one"] = [at(CallState.SUCCEEDED, output=OUTPUTS)]
    forgetful.door.script["two"] = [at(CallState.WAITING_APPROVAL)]
    waiting = forgetful.wake(forgetful.start(key="first", number="INC1"))
    assert waiting.closed_at is None
    before = _kept(waiting)
    assert len(before) == 2, "its trigger, the output of its first step"
    del forgetful.door.script["two"]
    closed = forgetful.wake(forgetful.start(key="second", sys_id="b" * 32))
    assert closed.closed_at is not None
    assert _kept(waiting) == before
    assert waiting.pk in _holders()
    assert closed.pk not in _holders()


def test_content_that_an_open_run_needs_outlives_its_time(script: SimpleNamespace) -> None:
    script.door.script["two"] = [at(CallState.WAITING_APPROVAL)]
    waiting = script.wake(script.start(key="first"))
    del script.door.script["two"]
    done = script.wake(script.start(key="second", sys_id="b" * 32))
    assert done.closed_at is not None
    needed = _kept(waiting)
    for days in (13.5, 26, 39):
        with clock.frozen(clock.now() + timedelta(days=days)):
            with transaction.atomic():
                retention.prolong()
                payloads.forget_expired()
            assert _kept(waiting) == needed, days
    with clock.frozen(clock.now() + timedelta(days=39)):
        assert done.trigger_digest not in _kept(done)
        assert waiting.pk in _holders()
        assert done.pk not in _holders(), "who has closed keeps nothing beyond its time"
