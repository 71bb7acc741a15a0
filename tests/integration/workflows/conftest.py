"""The engine on real parts: gateway, policy, approvals and the stand-in vendors over HTTP."""

from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import transaction

from approvals import services as approvals
from approvals.models import ApprovalRequest
from approvals.types import Channel, Verdict
from connectors import gateway
from controlplane.lib import clock
from controlplane.lib.ids import uuid7
from metering import services as metering
from metering.types import Rate
from policies.services import decide_many
from policies.types import Decision, Effect
from tenants import scope
from tenants.roles import Role
from tests import gateway_ground as ground
from tests import stand_ins
from tests.conftest import _grant
from tests.integration.workflows import replaying
from tests.integration.workflows.double import Scripted
from tests.integration.workflows.flow import CHILD, PARENT, Flow
from tests.stand_ins import StandIns
from workflows import library, services
from workflows.engine import Engine
from workflows.models import Run, Step


@pytest.fixture(scope="session")
def running_stand_ins() -> Iterator[StandIns]:
    ground.install_manifests()
    with stand_ins.running() as running:
        yield running


@pytest.fixture
def vendors(running_stand_ins: StandIns) -> StandIns:
    running_stand_ins.ctl("reset", {})
    running_stand_ins.ctl("faults", method="DELETE")
    return running_stand_ins


class Floor:
    """Tenant A, ready: triage policy in force, the library's workflow published, and somebody to start it."""

    def __init__(self, side: SimpleNamespace, vendors: StandIns, actor_of: Callable[..., Any]) -> None:
        self.side, self.vendors = side, vendors
        self.alice, self.bob, self.dana = (
            actor_of(person, side.tenant) for person in (side.alice, side.bob, side.dana)
        )
        self.sender = actor_of(side.sender, side.tenant, method="webhook")
        self.engine = Engine(gateway, decide_many)

    def incident(self, **fields: str) -> dict[str, str]:
        return {"sys_id": self.vendors.incident(**fields), "number": "INC0000001"}

    def start(self, trigger: dict[str, Any], *, key: str = "k1", workflow: str = "itsm-triage") -> Run:
        environment_id = self.side.environment.id
        return services.start_run(
            workflow=workflow, environment_id=environment_id, trigger=trigger, starter=self.sender, key=key
        )

    def wake(self, run: Run) -> Run:
        assert self.engine.wake(run.pk)
        return self.seen(run)

    def seen(self, run: Run) -> Run:
        with transaction.atomic():
            return Run.objects.select_related("version", "environment").get(pk=run.pk)

    def steps(self, run: Run) -> dict[str, Step]:
        with transaction.atomic():
            return {step.key: step for step in Step.objects.filter(run=run)}

    def states(self, run: Run) -> dict[str, str]:
        return {key: str(step.state) for key, step in self.steps(run).items()}

    def story(self, run: Run) -> list[tuple[str, ...]]:
        """What happened, for the message of a failed test."""
        told = [(step.key, step.state, step.code, step.detail) for step in self.steps(run).values()]
        return [("run", run.state, run.code, run.detail), *told]

    def due(self, run: Run) -> None:
        """Time passes: whatever waits for a time is due."""
        with transaction.atomic():
            Step.objects.filter(run=run, due_at__isnull=False).update(due_at="2020-01-01T00:00:00Z")

    def vote(self, run: Run, step: str = "write", verdict: Verdict = Verdict.APPROVE) -> None:
        with transaction.atomic():
            request = ApprovalRequest.objects.get(pk=self.steps(run)[step].request_id)
        self.decide(request, verdict)

    def decide(self, request: ApprovalRequest, verdict: Verdict = Verdict.APPROVE) -> None:
        """Bob's vote, having seen what the request shows."""
        approvals.cast_vote(
            request_id=request.pk,
            actor=self.bob,
            verdict=verdict,
            reason="no" if verdict is Verdict.REJECT else "as asked",
            channel=Channel.CONSOLE,
            seen_digest=request.display_digest,
        )

    def record(self, sys_id: str) -> dict[str, Any]:
        return self.vendors.ctl("state", method="GET")["servicenow"]["incident"][sys_id]


@pytest.fixture
def unruled(world: SimpleNamespace, vendors: StandIns, actor_of: Callable[..., Any]) -> Iterator[Floor]:
    """Everything but a policy."""
    from tenants import services as tenants

    side = world.a
    side.sender = tenants.create_user(username="hook@a.test", password=None, name="Hook", kind="service")
    _grant(side.tenant.id, side.workspace.id, side.sender.id, Role.SERVICE)
    floor = Floor(side, vendors, actor_of)
    with scope.enter(side.tenant.id):
        ground.furnish(side, vendors, floor.alice)
        price = Rate(Decimal(1), Decimal(5))
        metering.set_price(
            provider="anthropic", model="interlock-sandbox-1", rate=price, source="test", actor=floor.alice
        )
        services.publish_version(
            workspace_id=side.workspace.id, source=library.source("itsm-triage"), actor=floor.alice
        )
        yield floor
    with scope.enter(side.tenant.id):
        replaying.every_run_comes_out_the_same()


@pytest.fixture
def floor(unruled: Floor) -> Floor:
    ground.publish(unruled.side, unruled.alice)
    return unruled


THREE_WRITES = """\
apiVersion: interlock/v1
kind: Workflow
metadata: {name: three-writes, version: 1.0.0}
spec:
  trigger: {webhook: {connector: servicenow, event: incident.changed, key: "${{ event.sys_id }}"}}
  steps:
    - {id: read, call: servicenow.incident.get, with: {sys_id: "${{ trigger.sys_id }}"}}
    - {id: one, call: slack.message.post, needs: [read], with: {channel: C0ITSM, text: one}, retry: {max: 2}}
    - {id: two, call: slack.message.post, needs: [one], with: {channel: C0ITSM, text: two}, retry: {max: 2}}
    - id: three
      call: slack.message.post
      needs: [two]
      when: "!has(trigger.short)"
      with: {channel: C0ITSM, text: "three ${{ dyn(steps.read.output).value }}"}
"""


@pytest.fixture
def script(unruled: Floor) -> SimpleNamespace:
    """The engine over a scripted gateway and a policy that admits every run; workflow `three-writes`."""
    side = unruled.side
    services.publish_version(workspace_id=side.workspace.id, source=THREE_WRITES, actor=unruled.alice)
    door = Scripted()
    unruled.engine = Engine(door, admit_all)

    def start(key: str = "k1", **trigger: str) -> Run:
        return unruled.start({"sys_id": "a" * 32, **trigger}, key=key, workflow="three-writes")

    return SimpleNamespace(door=door, floor=unruled, start=start, wake=unruled.wake, states=unruled.states)


def admit_all(questions: Sequence[Any], **_: Any) -> list[Decision]:
    return [Decision(uuid7(), Effect.ALLOW, [], [], [], 0, "rev-1", 1, "0" * 64, clock.now()) for _ in questions]


@pytest.fixture
def flow(script: SimpleNamespace) -> Flow:
    """The engine over a scripted gateway, and workflows made of a few lines."""
    return Flow(script.door, script.floor)


@pytest.fixture
def family(flow: Flow) -> Flow:
    """A workflow `flow` with a sub-run of `child` between two writes."""
    flow.publish(CHILD, name="child")
    flow.publish(PARENT)
    return flow
