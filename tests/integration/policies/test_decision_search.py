"""Decisions are found by what was decided, why, about what, for whom and when; by an index each time."""

from collections.abc import Callable
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import connection

from controlplane.lib import clock
from controlplane.lib.errors import Invalid
from policies import access, searching
from policies.models import DecisionReason, DecisionRecord
from policies.searching import Wanted
from policies.types import PackSource
from tests import policy_ground
from tests.policy_questions import question

OBSERVED = """package interlock.packs.watch

grants contains {"rule": "interlock.packs.watch"} if input.resource.tool == READ

findings contains {
	"effect": "DENY", "code": "watched", "rule": "interlock.packs.watch", "message": "m", "enforcement": "observe",
} if input.action == "tool.call"
"""
Found = Callable[..., list[Any]]
WRITE = "interlock.packs.triage.write"


@pytest.fixture
def decided(published: SimpleNamespace, ask: Callable[..., Any]) -> SimpleNamespace:
    """An allowed read, a write that needs a person, and a write of a field that is forbidden."""
    read = ask(question(published, tool="servicenow.incident.get", kind="read", risk="low"))
    write = ask(run_id=published.workspace.id)
    fields = {"sys_id": "0" * 32, "fields": {"caller": "x"}, "work_note": "n"}
    return SimpleNamespace(read=read, write=write, denied=ask(question(published, args=fields)))


@pytest.fixture
def found(published: SimpleNamespace) -> Found:
    def search(**given: str) -> list[Any]:
        wanted = Wanted.read({name: [text] for name, text in given.items()})
        return [row.id for row in access.list_decisions(published.actor, wanted=wanted)]

    return search


def test_each_filter_finds_what_it_names(decided: SimpleNamespace, found: Found, published: SimpleNamespace) -> None:
    read, write, denied = decided.read.id, decided.write.id, decided.denied.id
    assert found() == [denied, write, read]
    assert found(effect="ALLOW") == [read]
    assert found(rule=WRITE) == [denied, write]
    assert found(code="write_needs_approval") == [denied, write]
    assert found(code="forbidden_field") == [denied]
    assert found(tool="servicenow.incident.get") == [read]
    assert found(workflow="itsm-triage") == [denied, write, read]
    assert found(run=str(published.workspace.id)) == [write]
    assert found(environment="prod") == found(environment=str(published.environment.id)) == [denied, write, read]
    assert found(environment="dev") == found(environment="nowhere") == []
    assert found(actor=str(published.dana.id)) == [denied, write, read]
    assert found(actor=str(published.alice.id)) == []


def test_filters_narrow_and_values_of_one_widen(decided: SimpleNamespace, published: SimpleNamespace) -> None:
    wanted = Wanted.read({"effect": ["ALLOW", "DENY"], "workflow": ["itsm-triage"]})
    rows = access.list_decisions(published.actor, wanted=wanted)
    assert [row.id for row in rows] == [decided.denied.id, decided.read.id]


def test_rule_and_code_are_of_one_reason(decided: SimpleNamespace, found: Found) -> None:
    assert found(rule=WRITE, code="forbidden_field") == [decided.denied.id]
    assert found(rule="interlock.packs.default", code="forbidden_field") == []


def test_a_time_range_has_its_first_moment_and_not_its_last(decided: SimpleNamespace, found: Found) -> None:
    at = decided.write.decided_at
    assert decided.write.id in found(since=at.isoformat())
    assert decided.write.id not in found(until=at.isoformat())
    assert found(since=(clock.now() + timedelta(hours=1)).isoformat()) == []
    assert len(found(since="2020-01-01T00:00", until="2100-01-01")) == 3


@pytest.mark.parametrize(
    ("name", "text"),
    [("effect", "MAYBE"), ("run", "17"), ("actor", "bob"), ("since", "yesterday"), ("until", "'; DROP TABLE")],
)
def test_what_cannot_be_meant_is_said(found: Found, name: str, text: str) -> None:
    with pytest.raises(Invalid) as refused:
        found(**{name: text})
    assert refused.value.extra["field"] == name


def test_a_range_that_ends_before_it_begins_is_refused(found: Found) -> None:
    with pytest.raises(Invalid, match="ends before"):
        found(since="2026-01-02", until="2026-01-01")


def test_the_database_keeps_every_reason_to_search_by(decided: SimpleNamespace) -> None:
    rows = DecisionReason.objects.filter(decision_id=decided.denied.id).values_list("rule", "code")
    reasons = DecisionRecord.objects.get(pk=decided.denied.id).reasons
    assert sorted(rows) == sorted({(reason["rule"], reason["code"]) for reason in reasons})
    assert len(rows) == 2


def test_what_is_only_observed_is_found_as_well(
    published: SimpleNamespace, ask: Callable[..., Any], found: Found
) -> None:
    source = OBSERVED.replace("READ", '"a.b"')
    policy_ground.activate_packs(
        environment_id=published.environment.id, packs={"watch": PackSource(source)}, actor=published.actor
    )
    decision = ask(question(published, tool="a.b", kind="read", risk="low"))
    assert (decision.effect, decision.reasons) == ("ALLOW", [])
    assert found(code="watched") == found(rule="interlock.packs.watch") == [decision.id]


PLANNED = {
    "nothing": {},
    "effect": {"effect": "DENY"},
    "rule": {"rule": "interlock.packs.rare"},
    "code": {"code": "rare_code"},
    "tool": {"tool": "rare.tool"},
    "run": {"run": "0190f7a0-0000-7000-8000-000000000000"},
    "environment": {"environment": "prod"},
    "actor": {"actor": "0190f7a0-0000-7000-8000-000000000000"},
    "time": {"since": "2026-01-01", "until": "2026-01-02"},
    "several": {"effect": "DENY", "rule": "interlock.packs.rare", "since": "2026-01-01"},
}


@pytest.fixture
def many(published: SimpleNamespace, ask: Callable[..., Any]) -> None:
    """20,000 decisions beside a real one, for the planner to reckon with."""
    template = ask()
    columns = [field.column for field in DecisionRecord._meta.concrete_fields if field.column not in ("id", "reasons")]
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO policies_decisionrecord (id, reasons, {', '.join(columns)})"
            f" SELECT gen_random_uuid(), jsonb_build_array(jsonb_build_object('effect', 'DENY', 'rule',"
            f" 'interlock.packs.' || n %% 50, 'code', 'code_' || n %% 50)), {', '.join(columns)}"
            " FROM policies_decisionrecord, generate_series(1, 20000) n WHERE id = %s",
            [template.id],
        )


@pytest.mark.parametrize("given", PLANNED.values(), ids=PLANNED)
def test_no_search_reads_all_decisions(many: None, published: SimpleNamespace, given: dict[str, str]) -> None:
    rows = DecisionRecord.objects.filter(workspace_id__in=[published.workspace.id])
    wanted = Wanted.read({name: [text] for name, text in given.items()})
    asked = searching.among(rows, wanted, [published.environment.id]).order_by("-id")[:51]
    plan = asked.explain()
    assert "Seq Scan" not in plan, plan
