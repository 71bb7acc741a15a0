"""Questions about everything that the shipped packs name, and about a pack that says everything that can be said.

Tools, workflows and record types are read from the Rego, so a pack that is added is asked about as well. The same seed
gives the same questions.
"""

import random
import re
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from policies import packs
from policies.types import PackSource
from tests.policy_questions import DIGEST, question

FOLDER = Path(packs.__file__).parent
CHANNEL, USERGROUP, GROUP = "C0TEAM0001", "S0REVIEW01", "9" * 32
EACH = 12

SAYS_EVERYTHING = PackSource(
    """package interlock.packs.says_everything

asked if input.resource.workflow == "says-everything"

grants contains {"rule": "interlock.packs.says_everything"} if asked

findings contains finding if {
	asked
	some told in data.interlock.config.says_everything[input.resource.step]
	finding := object.union(told, {"code": "said", "rule": "interlock.packs.says_everything", "message": "said"})
}
""",
    {
        "throttle": [{"effect": "THROTTLE", "retry_after_s": 7}, {"effect": "THROTTLE", "retry_after_s": 90}],
        "step_up": [{"effect": "REQUIRE_STEP_UP"}, {"effect": "ROUTE", "route": "elsewhere"}],
        "hitl": [{"effect": "REQUIRE_HITL"}],
        "route": [{"effect": "ROUTE", "route": "b"}, {"effect": "ROUTE", "route": "a"}],
        "obliged": [
            {"effect": "ALLOW", "obligations": [{"type": "redact", "path": "text"}, {"type": "require_reason"}]},
            {"effect": "ALLOW", "obligations": [{"type": "cap", "path": "n", "max": 3}]},
            {"effect": "ALLOW", "obligations": [{"type": "set", "path": "x", "value": "é\u2028"}]},
            {"effect": "ALLOW", "obligations": [{"type": "notify", "channel": "C1"}, {"type": "seal_before_send"}]},
        ],
        "observed": [{"effect": "DENY", "enforcement": "observe"}],
        "unknown": [{"effect": "MAYBE"}],
        "malformed": [{"effect": 7}, {}],
        "several": [{"effect": "DENY"}, {"effect": "ALLOW"}, {"effect": "THROTTLE", "retry_after_s": 1}],
    },
)


def shipped() -> dict[str, PackSource]:
    """Every pack that ships, configured, and the one that says everything."""
    return {
        "triage": packs.triage(channels=[CHANNEL]),
        "access_review": packs.access_review(privileged_groups=[GROUP], usergroups=[USERGROUP]),
        "says_everything": SAYS_EVERYTHING,
    }


def names() -> set[str]:
    """The packs in the folder, besides what is in every bundle."""
    found = {path.stem for path in FOLDER.glob("*.rego") if not path.stem.endswith("_test")}
    return found - set(packs.PLATFORM)


def tools() -> list[str]:
    text = "".join(path.read_text() for path in sorted(FOLDER.glob("*.rego")))
    named = set(re.findall(r'"((?:servicenow|slack|llm|interlock)\.[a-z_]+(?:\.[a-z_]+)?)"', text))
    return sorted({tool for tool in named if not tool.startswith("interlock.packs")} | {"nobody.knows"})


def questions(side: SimpleNamespace, *, seed: int = 4) -> list[dict[str, Any]]:
    return [*_about_tools(side, random.Random(seed)), *_about_everything(side), *_about_workflows(side)]


def _about_tools(side: SimpleNamespace, luck: random.Random) -> Iterator[dict[str, Any]]:
    for tool in tools():
        for _ in range(EACH):
            yield _asked(side, tool, luck)


def _asked(side: SimpleNamespace, tool: str, luck: random.Random) -> dict[str, Any]:
    kind = luck.choice(["read", "write", "model"])
    made = question(
        side,
        tool=tool,
        kind=kind,
        risk=luck.choice(["low", "medium", "high", "critical", None]),
        reversibility=luck.choice(["reversible", "compensable", "irreversible", "not_applicable", None]),
        workflow=luck.choice(["itsm-triage", "access-review", "itsm-close", "interlock-drill"]),
        data_classes=luck.choice([[], ["internal"], ["personal"], ["confidential", "personal"]]),
        brings=luck.choice([[], ["personal"]]),
        record=luck.choice([None, f"incident:{'0' * 32}", "incident:else"]),
        args=luck.choice(ARGS),
        approval_floor=luck.choice([None, "high"]),
    )
    made["action"] = luck.choice(["tool.call", "tool.call", "tool.compensate"])
    made["subject"]["type"] = luck.choice(["human", "service", "agent", "system"])
    made["context"] |= {
        "lane": luck.choice(["forward", "forward", "compensation", "system"]),
        "ticket": luck.choice([None, "INC0000001"]),
        "writes_so_far": luck.choice([0, 1, 50]),
        "carries": luck.choice(
            [{}, {"personal": [f"incident:{'0' * 32}"]}, {"confidential": ["*"], "personal": ["x"]}]
        ),
        "spend": {"run_micro": luck.choice([0, 5_000_000, 2**53 - 1])},
        "history": luck.choice([{"run": MARK, "ticket": None}, {"run": MARK, "ticket": MARK}]),
    }
    made["approvals"] = luck.choice([[], [_approval()], [_approval(tier="critical", approvers=["p", "q"])], WRONG])
    return _afterwards(made) if (made["action"], kind) == ("tool.call", "write") and luck.random() < 0.3 else made


def _afterwards(made: dict[str, Any]) -> dict[str, Any]:
    """The same question when the write has landed."""
    outcome = {"before": {"state": "1"}, "after": {"state": "2"}, "output": {}, "told_by": "reply"}
    return {**made, "phase": "after", "outcome": outcome}


def _about_everything(side: SimpleNamespace) -> Iterator[dict[str, Any]]:
    for step in [*SAYS_EVERYTHING.data, "nothing"]:
        yield question(side, workflow="says-everything", step=step)
        yield question(side, workflow="says-everything", step=step, risk="critical", reversibility="irreversible")


def _about_workflows(side: SimpleNamespace) -> Iterator[dict[str, Any]]:
    for workflow in ("itsm-triage", "access-review", "says-everything", "unknown", ""):
        for action, kind in (("workflow.start", "workflow"), ("step.run", "step")):
            made = question(side)
            resource = {"type": kind, "workflow": workflow, "workflow_version": "1.0.0"}
            stepped = {**resource, "step": "s", "step_kind": "compute"} if kind == "step" else resource
            yield {**made, "action": action, "resource": stepped, "action_digest": ""}


def _approval(**changes: Any) -> dict[str, Any]:
    given = {"request_id": "r", "action_digest": DIGEST, "approvers": ["p"], "tier": "standard", "decided_at_ns": 1}
    return {**given, **changes}


WRONG = [_approval(action_digest="0" * 64), _approval(tier="high", approvers=[]), _approval(decided_at_ns=2**62)]
MARK = {"writes": 2, "tools": {"servicenow.incident.get": 3}, "recent": ["servicenow.incident.get"], "data_classes": []}
ARGS: list[dict[str, Any]] = [
    {},
    {"sys_id": "0" * 32},
    {"sys_id": "0" * 32, "fields": {"category": "network", "impact": "1", "urgency": "1"}, "work_note": "n"},
    {"sys_id": "0" * 32, "fields": {"state": "7"}},
    {"sys_id": "0" * 32, "fields": {}, "work_note": "Grüße  \u2028"},
    {"channel": CHANNEL, "text": "x"},
    {"channel": "C0OTHER001", "text": "x", "blocks": [{"type": "header"}]},
    {"user": "u", "group": GROUP},
    {"user": "u", "group": "1" * 32},
    {"usergroup": USERGROUP, "users": ["a", "b"]},
    {"fields": None, "users": "no list", "channel": 7},
    {"deep": [[[[{"a": [1, 2, {"b": None}]}]]]], "big": 2**63, "text": "😀" * 50},
]
