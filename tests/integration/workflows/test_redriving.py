"""Dead letters in bulk: grouped by cause, frozen, redriven at a bounded rate, each once; dismissed and reopened."""

from collections.abc import Callable
from datetime import timedelta
from itertools import count, islice
from types import SimpleNamespace

import pytest
from django.db import transaction

from controlplane.lib import clock
from controlplane.lib.errors import Invalid, NotFound
from evidence.models import Event
from tenants import scope
from tenants.errors import PermissionMissing
from tests.integration.workflows.double import DONE, at
from workflows import access, letters, redriving
from workflows.errors import DeadLetterClosed, JobState, NothingSelected
from workflows.models import DeadLetter, Run
from workflows.redriving import Selection
from workflows.types import RedriveState


@pytest.fixture
def given_up(script: SimpleNamespace) -> Callable[..., list[DeadLetter]]:
    """Runs of as many tickets that used up their attempts at Slack."""

    numbers = count()

    def make(many: int = 3) -> list[DeadLetter]:
        for number in islice(numbers, many):
            script.door.script["one"] = [at("FAILED_TRANSIENT", "busy")]
            run = script.wake(script.start(key=f"dead{number}", sys_id=f"{number:032x}"))
            while run.closed_at is None:
                script.floor.due(run)
                run = script.wake(run)
        script.door.script["one"] = [DONE]
        with transaction.atomic():
            return list(DeadLetter.objects.order_by("id"))

    return make


def planned(script: SimpleNamespace, **changes: object):
    start = bool(changes.pop("start", True))
    per_minute = changes.pop("per_minute", 600)
    selection = Selection(workspace_id=script.floor.side.workspace.id, **changes)
    return redriving.plan(
        selection=selection, per_minute=per_minute, reason="Slack is back", actor=script.floor.dana, start=start
    )


def outcome(job):
    with transaction.atomic():
        return redriving.counts(job)


def rounds(minutes: int = 2) -> None:
    """As a sweeper over that time."""
    began = clock.now()
    for second in range(minutes * 60):
        with clock.frozen(began + timedelta(seconds=second)):
            redriving.work_off()


def test_letters_are_grouped_by_connector_tool_and_cause(script, given_up):
    given_up(3)
    with transaction.atomic():
        [group] = access.letter_groups(script.floor.dana)
    assert (group.connector, group.tool, group.code, group.count) == ("slack", "slack.message.post", "busy", 3)
    assert group.oldest_at < group.newest_at


def test_a_frozen_selection_is_worked_off_once_each_and_later_letters_are_not_in_it(script, given_up):
    first = given_up(2)
    job = planned(script, code="busy", start=False)
    given_up(3)
    redriving.move(job_id=job.pk, to=RedriveState.RUNNING, actor=script.floor.dana)
    rounds(1)
    assert outcome(job) == {"PENDING": 0, "REDRIVEN": 2, "SKIPPED": 0, "FAILED": 0}
    with transaction.atomic():
        assert set(Run.objects.exclude(redrive_of=None).values_list("redrive_of", flat=True)) == {
            letter.run_id for letter in first
        }
        assert access.redrive_job(script.floor.dana, job.pk).state == "DONE"
        assert {run.starter_id for run in Run.objects.exclude(redrive_of=None)} == {script.floor.dana.id}
        told = Event.objects.filter(type__in=["redrive.planned", "redrive.moved"]).count()
    assert told == 3


def test_the_rate_is_kept(script, given_up):
    given_up(3)
    job = planned(script, per_minute=2)
    began = clock.now()
    seen = []
    for second in (0, 1, 20, 31, 45, 62):
        with clock.frozen(began + timedelta(seconds=second)):
            redriving.work_off()
            seen.append(outcome(job)["REDRIVEN"])
    assert seen == [1, 1, 1, 2, 2, 3]


def test_what_is_paused_stands_still_and_what_is_stopped_does_not_start_again(script, given_up):
    given_up(3)
    job = planned(script, per_minute=60)
    redriving.work_off()
    redriving.move(job_id=job.pk, to=RedriveState.PAUSED, actor=script.floor.dana)
    rounds(1)
    assert outcome(job)["REDRIVEN"] == 1
    redriving.move(job_id=job.pk, to=RedriveState.RUNNING, actor=script.floor.dana)
    redriving.work_off()
    assert outcome(job)["REDRIVEN"] == 2
    redriving.move(job_id=job.pk, to=RedriveState.STOPPED, actor=script.floor.dana)
    rounds(1)
    assert outcome(job) == {"PENDING": 1, "REDRIVEN": 2, "SKIPPED": 0, "FAILED": 0}
    with pytest.raises(JobState):
        redriving.move(job_id=job.pk, to=RedriveState.RUNNING, actor=script.floor.dana)


def test_a_letter_that_was_dealt_with_meanwhile_is_skipped_with_its_code(script, given_up):
    taken, dismissed, _ = given_up(3)
    job = planned(script)
    letters.redrive(dead_letter_id=taken.pk, actor=script.floor.dana)
    letters.dismiss(dead_letter_id=dismissed.pk, reason="done by hand", actor=script.floor.dana)
    rounds(1)
    with transaction.atomic():
        found = [(item.state, item.code) for item in access.redrive_items(script.floor.dana, job.pk)]
    assert found == [("SKIPPED", "dead_letter_closed"), ("SKIPPED", "dead_letter_closed"), ("REDRIVEN", "")]


def test_what_cannot_be_redriven_fails_alone(script, given_up):
    first, *_ = given_up(2)
    with transaction.atomic():
        Run.objects.filter(pk=first.run_id).update(trigger_digest="0" * 64)
    job = planned(script)
    rounds(1)
    assert outcome(job) == {"PENDING": 0, "REDRIVEN": 1, "SKIPPED": 0, "FAILED": 1}
    with transaction.atomic():
        assert access.redrive_items(script.floor.dana, job.pk)[0].code == "payload_expired"


def test_who_lost_the_permission_redrives_nothing_more(script, given_up):
    given_up(1)
    job = planned(script)
    from tenants.models import WorkspaceUserPermission

    with transaction.atomic():
        WorkspaceUserPermission.objects.filter(user=script.floor.side.dana).delete()
    rounds(1)
    assert outcome(job)["FAILED"] == 1
    with transaction.atomic():
        assert not Run.objects.exclude(redrive_of=None).exists()


def test_a_redrive_needs_a_reason_a_bound_and_letters(script, given_up):
    workspace_id = script.floor.side.workspace.id
    with pytest.raises(NothingSelected):
        planned(script)
    given_up(1)
    for changes in ({"per_minute": 0}, {"limit": 10_001}):
        with pytest.raises(Invalid):
            planned(script, **changes)
    with pytest.raises(Invalid):
        redriving.plan(
            selection=Selection(workspace_id=workspace_id), per_minute=60, reason=" ", actor=script.floor.dana
        )
    with pytest.raises(PermissionMissing):
        redriving.plan(
            selection=Selection(workspace_id=workspace_id), per_minute=60, reason="x", actor=script.floor.bob
        )


def test_a_foreign_tenant_sees_no_group_no_job_and_moves_nothing(script, given_up, world, actor_of, elsewhere):
    [letter] = given_up(1)
    job = planned(script, start=False)
    charlie = actor_of(world.charlie, world.b.tenant)
    with elsewhere(world.b.tenant):
        with transaction.atomic():
            assert (access.letter_groups(charlie), access.redrive_jobs(charlie)) == ([], [])
            with pytest.raises(NotFound):
                access.redrive_job(charlie, job.pk)
        with pytest.raises(NotFound):
            redriving.move(job_id=job.pk, to=RedriveState.RUNNING, actor=charlie)
        with pytest.raises(NotFound):
            letters.dismiss(dead_letter_id=letter.pk, reason="x", actor=charlie)
    assert scope.current() == world.a.tenant.id
    with transaction.atomic():
        assert access.redrive_job(script.floor.dana, job.pk).state == "READY"
        assert DeadLetter.objects.get().state == "OPEN"


def test_dismissed_is_not_deleted_and_can_be_opened_again(script, given_up):
    [letter] = given_up(1)
    dana = script.floor.dana
    with pytest.raises(Invalid):
        letters.dismiss(dead_letter_id=letter.pk, reason=" ", actor=dana)
    with pytest.raises(PermissionMissing):
        letters.dismiss(dead_letter_id=letter.pk, reason="x", actor=script.floor.bob)
    letters.dismiss(dead_letter_id=letter.pk, reason="closed by phone", actor=dana)
    with transaction.atomic():
        assert (access.dead_letters(dana), access.letter_groups(dana)) == ([], [])
        [kept] = access.dead_letters(dana, state="DISMISSED")
        assert (kept.dismiss_reason, kept.dismissed_by) == ("closed by phone", dana.label)
    with pytest.raises(DeadLetterClosed):
        letters.redrive(dead_letter_id=letter.pk, actor=dana)
    letters.reopen(dead_letter_id=letter.pk, reason="they called again", actor=dana)
    with transaction.atomic():
        assert len(access.dead_letters(dana)) == 1
        kinds = Event.objects.filter(type__startswith="dead_letter.").order_by("id").values_list("type", flat=True)
        assert list(kinds) == ["dead_letter.dismissed", "dead_letter.reopened"]
