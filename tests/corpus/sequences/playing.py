"""A sequence, played through the real gateway, and judged by what arrived at the stand-ins."""

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType, SimpleNamespace
from typing import Any

from django.db import transaction

from approvals import services as approvals
from approvals.models import ApprovalRequest
from approvals.types import Channel, Verdict
from connectors import gateway
from connectors.calls import CallSpec, CallState, CallStatus, Lane
from connectors.gateway.errors import NotAnUndo
from connectors.sandbox.servicenow import schema
from policies import packs
from policies.types import PackSource
from tenants.actors import Actor
from tests import gateway_ground as ground
from tests.corpus.sequences import FOLDER, Case, verb_of
from tests.stand_ins import StandIns

DAVE = schema.stable_id("sys_user", "dave.frost")
READERS = schema.stable_id("sys_user_group", "Payroll Readers")
ADMINS = schema.stable_id("sys_user_group", "Domain Admins")
CLASSES = {"fields": {"category": {"security": ["secret"]}, "close_notes": {"*": ["health"]}}}
SPECIAL = {"H": {"category": "security"}, "Q": {"close_notes": "seen by a doctor"}}
DOORS = {"servicenow": "/api/now", "slack": "/api/", "anthropic": "/anthropic"}
CORPUS = PackSource((FOLDER / "corpus.rego").read_text(encoding="utf-8"))


def furnish(side: SimpleNamespace, vendors: StandIns) -> None:
    """The policy of the corpus beside those of the reference workflows, and every vendor configured twice."""
    review = packs.access_review(privileged_groups=[ADMINS], usergroups=["S0PAYROLL"])
    ground.publish(side, side.admin, access_review=review, corpus=CORPUS)
    for name in ("servicenow", "slack"):
        ground.save_instance(f"{name}_b", vendors, side.admin, **ground.INSTANCES[name])
    ground.save_instance("servicenow", vendors, side.admin, **ground.INSTANCES["servicenow"], classes=CLASSES)


@dataclass
class Player:
    """One case. `misses`: steps that were to be refused and arrived; `blocked`: steps that were to go through."""

    side: SimpleNamespace
    vendors: StandIns
    voters: tuple[Actor, ...]
    runs: dict[str, uuid.UUID] = field(default_factory=dict)
    tickets: dict[str, str] = field(default_factory=dict)
    records: dict[str, str] = field(default_factory=dict)
    done: dict[str, tuple[CallStatus, CallSpec]] = field(default_factory=dict)
    misses: list[str] = field(default_factory=list)
    blocked: list[str] = field(default_factory=list)

    def play(self, case: Case) -> "Player":
        for at, step in enumerate(case.steps):
            before = self._arrived(step)
            end = self._made(step)
            arrived = self._arrived(step) != before
            told = f"{case.id}, step {at + 1}: {end}"
            if step.get("refused") or step.get("asked"):
                self.misses += [told] if arrived or end == CallState.SUCCEEDED else []
                self.blocked += [told] if step.get("asked") and end != CallState.WAITING_APPROVAL else []
            elif end != self._wanted(step):
                self.blocked.append(told)
        return self

    def _wanted(self, step: Mapping[str, Any]) -> str:
        if step.get("later"):
            return CallState.WAITING_APPROVAL
        return CallState.FAILED_TRANSIENT if "fails" in step else CallState.SUCCEEDED

    def _arrived(self, step: Mapping[str, Any]) -> tuple[int, int]:
        """Effects at any vendor, and what the model was asked."""
        return len(self.vendors.ledger(origin="api")), len(self.vendors.log(DOORS["anthropic"]))

    def _made(self, step: dict[str, Any]) -> str:
        """The state that the step ends in, with its code."""
        verb = verb_of(step)
        if verb in {"undo", "retry", "go"}:
            call_id = self.done[step[verb]][0].call_id
            go = gateway.compensate if verb == "undo" else gateway.advance
            return self._voted(go(call_id=call_id, actor=ground.worker(self.side)), step).state
        if step.get("dry") and verb == "write":
            seen = gateway.examine(spec=self._spec(step), actor=ground.service_actor(self.side))
            return CallState.SUCCEEDED if seen.effect is not None else seen.code
        return self._called(step, self._spec(step))

    def _called(self, step: dict[str, Any], spec: CallSpec) -> str:
        if "fails" in step:
            kind = {"before": "status", "lost": "drop_after"}[step["fails"]]
            self.vendors.fault(kind, args={"status": 429}, path=DOORS[spec.instance.removesuffix("_b")])
        try:
            status = ground.go(self.side, spec)
        except NotAnUndo as refused:
            return refused.code
        status = self._voted(status, step)
        self.done[step.get("as", "")] = status, spec
        return status.state

    def _voted(self, status: CallStatus, step: Mapping[str, Any]) -> CallStatus:
        wanted = step.get("approved") or step.get("later")
        for voter in self.voters if wanted and status.state is CallState.WAITING_APPROVAL else ():
            with transaction.atomic():
                request = ApprovalRequest.objects.get(pk=status.request_id)
            if request.state == "PENDING":
                told = {"reason": "as asked", "channel": Channel.CONSOLE, "seen_digest": request.display_digest}
                approvals.cast_vote(request_id=request.pk, actor=voter, verdict=Verdict.APPROVE, **told)
        if step.get("approved") and status.state is CallState.WAITING_APPROVAL:
            status = gateway.advance(call_id=status.call_id, actor=ground.worker(self.side))
        return status

    def _spec(self, step: dict[str, Any]) -> CallSpec:
        tool, args = self._call(step)
        vendor = {"llm": "anthropic"}.get(tool.partition(".")[0], tool.partition(".")[0])
        ticket = str(step.get("ticket", "T1"))
        return ground.spec_for(
            self.side,
            tool,
            step.get("via", vendor),
            args,
            run_id=self._run(step.get("run", "r1")),
            origin_run_id=self._run(step["of"]) if "of" in step else None,
            ticket=None if ticket == "none" else self._ticket(ticket),
            ticket_id=step.get("ticket_id", ""),
            workflow=step.get("workflow", "corpus"),
            lane=Lane(step.get("lane", "forward")),
            approval_floor=step.get("floor", ""),
            dry_run=step.get("dry", False) and verb_of(step) == "read",
        )

    def _run(self, name: str) -> uuid.UUID:
        return self.runs.setdefault(name, uuid.uuid4())

    def _ticket(self, name: str) -> str:
        real = name.strip().casefold().startswith("inc")
        return self.tickets.setdefault(name, name if real else f"INC{uuid.uuid4().hex[:8]}")

    def _call(self, step: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        verb = verb_of(step)
        what, _, which = str(step[verb]).partition(" ")
        return _CALLS[f"{verb} {what}" if verb in {"read", "write"} else verb](self, which or what)

    def incident(self, name: str) -> str:
        name = name.partition(" ")[0]
        if name not in self.records:
            self.records[name] = self.vendors.incident(**SPECIAL.get(name, {"category": "inquiry"}))
        return self.records[name]

    def task(self, name: str) -> str:
        if name not in self.records:
            asked = {"table": "sc_task", "values": {"short_description": "Who reads the payroll?"}}
            self.records[name] = self.vendors.ctl("add", asked)["record"]["sys_id"]
        return self.records[name]

    def message(self, step: str) -> dict[str, str]:
        status, spec = self.done[step]
        return {"channel": spec.args["channel"], "ts": (status.output or {})["ts"]}

    def update(self, which: str) -> dict[str, Any]:
        urgent = {"impact": "1", "urgency": "1"} if which.endswith(" urgent") else {"impact": "2"}
        return {"sys_id": self.incident(which), "fields": urgent, "work_note": f"About Abel {uuid.uuid4().hex}."}


def _said(**args: Any) -> dict[str, Any]:
    return {**args, "text": f"Abel Tuter called {uuid.uuid4().hex}"}


_PERSON = {"user": DAVE, "group": READERS}
_CALLS: Mapping[str, Callable[[Player, str], tuple[str, dict[str, Any]]]] = MappingProxyType(
    {
        "read incident": lambda me, name: ("servicenow.incident.get", {"sys_id": me.incident(name)}),
        "read task": lambda me, name: ("servicenow.task.get", {"sys_id": me.task(name)}),
        "read membership": lambda me, _: ("servicenow.membership.get", _PERSON),
        "read group": lambda me, _: ("slack.usergroup.get", {"usergroup": "S0PAYROLL"}),
        "read person": lambda me, _: ("slack.user.find", {"email": "dave@acme.test"}),
        "read choices": lambda me, _: ("servicenow.choices.get", {}),
        "read message": lambda me, step: ("slack.message.get", me.message(step)),
        "ask": lambda me, _: ("llm.generate", ground.triage_args()),
        "post": lambda me, channel: ("slack.message.post", _said(channel=channel)),
        "whisper": lambda me, channel: ("slack.message.ephemeral", _said(channel=channel, user="U0BOB")),
        "dialogue": lambda me, _: ("slack.view.open", {"trigger_id": "1.2.3", "view": {"type": "modal"}}),
        "replace": lambda me, step: ("slack.message.update", {**me.message(step), **_said()}),
        "write incident": lambda me, name: ("servicenow.incident.update", me.update(name)),
        "write task": lambda me, name: (
            "servicenow.task.update",
            {"sys_id": me.task(name), "fields": {}, "work_note": "About Dave Frost."},
        ),
        "write membership": lambda me, _: ("servicenow.membership.remove", _PERSON),
        "write group": lambda me, _: (
            "slack.usergroup.update",
            {"usergroup": "S0PAYROLL", "add": [], "remove": ["U0DAVE"]},
        ),
    }
)
