"""`interlock` against the real API: every command speaks routes that exist, and ends with the code that it promises."""

import json
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx2
import pytest
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections, transaction
from typer.testing import CliRunner, Result

from approvals.models import ApprovalRequest
from connectors.models import Enforcement
from controlplane.cli import policies as cli_policies
from controlplane.cli.exits import CliError, Exit
from controlplane.cli.main import app
from controlplane.lib import clock
from policies import packs, simulation
from policies.models import Simulation
from policies.services import decide
from tenants import scope
from tests import gateway_ground
from tests.asking import ask
from tests.policy_questions import question
from tests.running import doubted, stopped_run
from workflows import library, services


@pytest.fixture
def in_this_transaction() -> Iterator[None]:
    """A request ends without closing the connection, as under Django's own test client."""
    signals = (request_started, request_finished)
    for signal in signals:
        signal.disconnect(close_old_connections)
    yield
    for signal in signals:
        signal.connect(close_old_connections)


@pytest.fixture
def interlock(
    in_this_transaction: None,
    world: SimpleNamespace,
    token: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
) -> Callable[..., Result]:
    """Runs a command line as a person of A, over HTTP into this process."""
    transport = httpx2.WSGITransport(app=get_wsgi_application())
    monkeypatch.setattr(httpx2, "Client", partial(httpx2.Client, transport=transport))

    def run(person: str, *line: str) -> Result:
        secret = token(getattr(world.a, person))["Authorization"].removeprefix("Bearer ")
        environment = {"INTERLOCK_URL": "http://testserver", "INTERLOCK_TOKEN": secret, "NO_COLOR": "1"}
        return CliRunner().invoke(app, line, env=environment)

    return run


def shown(result: Result) -> Any:
    assert result.exit_code == 0, (result.exception, result.output)
    return json.loads(result.stdout)


def refused(result: Result) -> Exit:
    assert isinstance(result.exception, CliError), (result.exception, result.output)
    return Exit(result.exception.code)


LISTS = (
    "runs list --state NEEDS_ATTENTION",
    "approvals list --which all",
    "reconcile list --all",
    "dead-letters list",
    "dead-letters list --state DISMISSED",
    "dead-letters groups",
    "dead-letters jobs list",
    "connectors list",
    "workflows list",
    "policies active",
    "policies enforcing",
    "policies decisions --effect DENY",
    "tokens list",
    "kill status --all",
    "kill drills",
    "kill triggers",
    "costs",
    "me",
    "policy decisions --effect DENY --effect ALLOW --rule x --code y --tool t --environment prod --since 2026-01-01",
)


@pytest.mark.parametrize("form", ["table", "json"])
def test_what_can_be_listed_is_listed(interlock: Callable[..., Result], world: SimpleNamespace, form: str) -> None:
    stopped_run(world)
    for line in LISTS:
        result = interlock("dana", *line.split(), "-o", form)
        assert result.exit_code == 0, (line, result.exception, result.output)


@pytest.mark.parametrize(
    ("outcome", "light", "code"),
    [("held", "enforcing", Exit.OK), ("passed", "failed", Exit.VERIFICATION_FAILED), (None, "unknown", 10)],
)
def test_a_script_can_tell_whether_policy_is_enforced(
    world: SimpleNamespace,
    interlock: Callable[..., Result],
    actor_of: Callable[..., Any],
    outcome: str | None,
    light: str,
    code: int,
) -> None:
    times = dict.fromkeys(("tried_at", "since", "next_at"), clock.now())
    with scope.enter(world.a.tenant.id):
        gateway_ground.publish(world.a, actor_of(world.a.alice, world.a.tenant))
        if outcome:
            Enforcement.objects.create(environment=world.a.environment, outcome=outcome, **times)
    result = interlock("dana", "policy", "enforcing", "-o", "json")
    [row] = json.loads(result.stdout)["results"]
    assert (result.exit_code, row["light"], row["environment"]) == (code, light, "prod")


def test_a_run_is_looked_at(interlock: Callable[..., Result], world: SimpleNamespace) -> None:
    run = stopped_run(world)
    assert shown(interlock("dana", "runs", "show", str(run.pk), "-o", "json"))["ticket"] == "INC0010001"
    assert interlock("dana", "runs", "events", str(run.pk)).exit_code == 0
    assert refused(interlock("dana", "runs", "wait", str(run.pk))) == Exit.FAILED
    assert refused(interlock("dana", "runs", "show", str(world.a.tenant.id))) == Exit.NOT_FOUND


def test_a_run_is_started_and_cancelled(
    interlock: Callable[..., Result], world: SimpleNamespace, actor_of: Callable[..., Any], tmp_path: Any
) -> None:
    alice = actor_of(world.a.alice, world.a.tenant)
    with scope.enter(world.a.tenant.id):
        gateway_ground.furnish(world.a, SimpleNamespace(url="http://127.0.0.1:9"), alice)
        services.publish_version(workspace_id=world.a.workspace.id, source=library.source("itsm-triage"), actor=alice)
    trigger = tmp_path / "trigger.json"
    trigger.write_text(json.dumps({"sys_id": "46d44a5dc0a8010e0000000000000001", "number": "INC0010001"}))
    start = ("runs", "start", "itsm-triage", "--trigger", str(trigger), "--idempotency-key", "k", "-o", "json")
    run = shown(interlock("dana", *start))
    assert shown(interlock("dana", *start)) == run
    cancelled = shown(interlock("dana", "runs", "cancel", run["id"], "--reason", "wrong ticket", "-o", "json"))
    assert cancelled["id"] == run["id"]
    assert refused(interlock("bob", *start)) == Exit.DENIED
    tried = ("runs", "try", "itsm-triage", "--trigger", str(trigger))
    assert shown(interlock("dana", *tried, "-o", "json"))["verdict"] == "refused"  # no policy is in force
    assert interlock("dana", *tried).exit_code == 0
    assert refused(interlock("bob", *tried)) == Exit.DENIED


def test_a_person_approves_what_show_printed(interlock: Callable[..., Result], world: SimpleNamespace) -> None:
    request = ask(world)
    path = ("approvals", "show", str(request.pk), "-o", "json")
    digest = shown(interlock("bob", *path))["display_digest"]
    assert interlock("bob", "approvals", "diff", str(request.pk)).exit_code == 0
    vote = ("approvals", "approve", str(request.pk), "--digest")
    assert refused(interlock("bob", *vote, "0" * 64)) == Exit.CONFLICT
    assert shown(interlock("bob", *vote, digest, "-o", "json"))["state"] == "APPROVED"
    with scope.enter(world.a.tenant.id), transaction.atomic():
        assert ApprovalRequest.objects.get().state == "APPROVED"


def test_a_halt_is_engaged_and_released_by_a_second_person(
    interlock: Callable[..., Result], world: SimpleNamespace
) -> None:
    stopped = shown(interlock("dana", "kill", "on", "--scope", "tenant", "--reason", "drill", "-o", "json"))
    off = ("kill", "off", stopped["id"])
    assert interlock("dana", *off, "--reason", "over").exit_code == 0
    assert refused(interlock("dana", *off)) == Exit.DENIED
    assert shown(interlock("bob", *off, "-o", "json"))["state"] == "released"


def test_a_drill_that_proves_nothing_ends_with_a_code(interlock: Callable[..., Result], world: SimpleNamespace) -> None:
    gateway_ground.install_manifests()
    assert refused(interlock("dana", "kill", "drill")) == Exit.VERIFICATION_FAILED
    [drill] = shown(interlock("dana", "kill", "drills", "-o", "json"))["results"]
    assert (drill["passed"], drill["refused_as"]) == (False, "DENIED bundle_missing")


def test_a_halt_trigger_is_set_by_name(interlock: Callable[..., Result]) -> None:
    line = ("kill", "set-trigger", "errors", "--kind", "error_rate", "--watch", "connector:slack", "--threshold", "50")
    assert refused(interlock("dana", *line)) == Exit.DENIED
    assert shown(interlock("alice", *line, "-o", "json"))["watch_value"] == "slack"
    assert shown(interlock("alice", *line, "--off", "-o", "json"))["enabled"] is False
    assert len(shown(interlock("dana", "kill", "triggers", "-o", "json"))["results"]) == 1


def test_decisions_are_listed_with_their_codes(
    interlock: Callable[..., Result], world: SimpleNamespace, actor_of: Callable[..., Any]
) -> None:
    with scope.enter(world.a.tenant.id):
        decide(
            document=question(world.a),
            workspace_id=world.a.workspace.id,
            environment_id=world.a.environment.id,
            actor=actor_of(world.a.dana, world.a.tenant),
        )
    [row] = shown(interlock("dana", "policies", "decisions", "-o", "json"))["results"]
    assert (row["effect"], row["codes"]) == ("DENY", ["bundle_missing"])


def test_without_a_token_one_is_asked_to_sign_in(interlock: Callable[..., Result]) -> None:
    environment = {"INTERLOCK_URL": "http://testserver", "INTERLOCK_TOKEN": "il_wrong"}
    assert refused(CliRunner().invoke(app, ["me"], env=environment)) == Exit.AUTH


def test_a_pack_is_simulated_on_what_was_decided(
    world: SimpleNamespace,
    interlock: Callable[..., Result],
    actor_of: Callable[..., Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    alice = actor_of(world.a.alice, world.a.tenant)
    monkeypatch.setattr(cli_policies, "time", SimpleNamespace(sleep=_work_on(world), monotonic=time.monotonic))
    with scope.enter(world.a.tenant.id):
        gateway_ground.publish(world.a, alice)
        where = {"workspace_id": world.a.workspace.id, "environment_id": world.a.environment.id}
        decide(document=question(world.a, risk="high"), actor=alice, **where)
    pack = tmp_path / "triage.rego"
    pack.write_text(packs.rego("triage").replace('"effect": "REQUIRE_HITL"', '"effect": "ALLOW"'))
    loosened = interlock("alice", "policy", "simulate", str(pack), "-o", "json")
    assert loosened.exit_code == Exit.VERIFICATION_FAILED, (loosened.exception, loosened.output)
    assert json.loads(loosened.stdout)["report"]["loosened_high_risk"] == 1
    table = interlock("alice", "policy", "simulate", str(pack))
    assert "loosened, of high risk or above" in table.stdout
    pack.write_text("package interlock.packs.triage\nnonsense(")
    assert interlock("alice", "policy", "simulate", str(pack)).exit_code == Exit.VERIFICATION_FAILED


def _work_on(world: SimpleNamespace) -> Callable[[float], None]:
    """What a worker does while the command line waits."""

    def meanwhile(_seconds: float) -> None:
        with scope.enter(world.a.tenant.id):
            with transaction.atomic():
                waiting = list(Simulation.objects.filter(state="QUEUED").values_list("pk", flat=True))
            for simulation_id in waiting:
                simulation.carry_on(simulation_id)

    return meanwhile


def test_a_reconcile_task_is_found_claimed_and_refused_without_a_lawful_answer(
    interlock: Callable[..., Result], world: SimpleNamespace
) -> None:
    task = doubted(world, stopped_run(world))
    (listed,) = shown(interlock("dana", "reconcile", "list", "-o", "json"))["results"]
    assert listed["id"] == str(task.pk)
    assert shown(interlock("dana", "reconcile", "show", str(task.pk), "-o", "json"))["guide"] == task.guide
    claimed = shown(interlock("dana", "reconcile", "claim", str(task.pk), "-o", "json"))
    assert claimed["claimed_by"] == world.a.dana.label
    assert shown(interlock("alice", "reconcile", "release", str(task.pk), "-o", "json"))["claimed_by"] == ""
    answer = ("reconcile", "answer", str(task.pk))
    assert refused(interlock("dana", *answer, "maybe", "--note", "x")) is Exit.USAGE
    assert refused(interlock("bob", *answer, "landed", "--note", "x")) is Exit.DENIED
    rehearsed = interlock("dana", *answer, "landed", "--note", "x", "--dry-run")
    assert rehearsed.exit_code == 0
    assert "would send: POST" in rehearsed.stderr


def test_a_decision_is_explained_and_its_trace_refused_with_the_reason(
    interlock: Callable[..., Result], world: SimpleNamespace, actor_of: Callable[..., Any]
) -> None:
    with scope.enter(world.a.tenant.id):
        where = {"workspace_id": world.a.workspace.id, "environment_id": world.a.environment.id}
        made = decide(document=question(world.a), actor=actor_of(world.a.dana, world.a.tenant), **where)
    told = shown(interlock("bob", "policy", "explain", str(made.id), "-o", "json"))
    assert told["rules"][0]["code"] == "bundle_missing"
    refusal = interlock("bob", "policy", "explain", str(made.id), "--trace")
    assert "refused by itself" in str(refusal.exception)


@pytest.mark.parametrize("form", ["table", "json"])
def test_keys_and_anchors_are_shown_to_who_may_export_and_refused_to_others(
    interlock: Callable[..., Result], world: SimpleNamespace, form: str
) -> None:
    result = interlock("alice", "evidence", "custody", "-o", form)
    assert result.exit_code == 0, (result.exception, result.output)
    assert refused(interlock("dana", "evidence", "custody", "-o", form)) is Exit.DENIED
