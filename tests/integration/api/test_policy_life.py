"""The whole life of a policy from the command line, over `/v1` of a running server; refusals say where and why."""

import json
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx2
import pytest
from django.db import transaction
from typer.testing import CliRunner, Result

from controlplane.cli import policies as cli_policies
from controlplane.cli.exits import CliError, Exit
from controlplane.cli.main import app
from policies import packs, services, simulation
from policies.models import Activation, Simulation
from policies.types import Effect
from tenants import scope
from tenants import services as tenancy
from tenants.actors import Actor
from tenants.roles import Perm
from tests import policy_ground
from tests.policy_questions import question
from tests.site import Site

SOURCE = """package interlock.packs.mine

grants contains {"rule": "interlock.packs.mine.read"} if {
	input.resource.tool == "a.b"
}

findings contains {
	"effect": "REQUIRE_HITL",
	"code": "mine_needs_approval",
	"rule": "interlock.packs.mine.read",
	"message": "A person must look at it.",
	"obligations": [data.interlock.lib.approval("standard", 3600)],
} if {
	input.resource.tool == "a.b"
	input.resource.risk == "high"
}
"""
TESTS = """package interlock.tests.mine

import data.interlock.main

test_reading_is_granted if {
	count(data.interlock.packs.mine.grants) == 1 with input as {"resource": {"tool": "a.b"}}
}
"""
GOLDEN = """
- name: reading is allowed
  input: {resource: {tool: a.b}}
  expect: {effect: ALLOW, codes: []}
- name: of high risk a person looks at it
  input: {resource: {tool: a.b, risk: high}}
  expect: {effect: REQUIRE_HITL, codes: [mine_needs_approval]}
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    made = Site(tmp_path_factory.mktemp("site") / "server.log")
    yield made
    made.stop()


@pytest.fixture
def ground(committed_db: str, world: SimpleNamespace, actor_of: Callable[..., Any]) -> SimpleNamespace:
    """A with the triage policy in prod, and decisions of high risk under it."""
    side = world.a
    with scope.enter(side.tenant.id):
        alice = actor_of(side.alice, side.tenant)
        policy_ground.activate_packs(
            environment_id=side.environment.id, packs={"triage": packs.triage(channels=["C0TEAM0001"])}, actor=alice
        )
        decide(side, alice)
    return side


def decide(side: SimpleNamespace, actor: Actor) -> Effect:
    where = {"workspace_id": side.workspace.id, "environment_id": side.environment.id}
    return services.decide(document=question(side, risk="high"), actor=actor, **where).effect


@pytest.fixture
def interlock(
    ground: SimpleNamespace, committed_db: str, site: Site, actor_of: Callable[..., Any], monkeypatch: Any
) -> Callable[..., Result]:
    url, secrets = site.start(committed_db), {}
    monkeypatch.setattr(cli_policies, "time", SimpleNamespace(sleep=_work_on(ground), monotonic=time.monotonic))
    for name in ("alice", "bob", "carol", "dana"):
        user = getattr(ground, name)
        with scope.enter(ground.tenant.id):
            made = tenancy.issue_token(
                user_id=user.id,
                name="t",
                scopes=[perm.value for perm in Perm],
                lives=timedelta(days=1),
                actor=actor_of(user, ground.tenant),
            )
        secrets[name] = made.secret

    opened: list[httpx2.Client] = []

    def client(**options: Any) -> httpx2.Client:
        opened.append(real(**options))
        return opened[-1]

    real = httpx2.Client
    monkeypatch.setattr(httpx2, "Client", client)

    def run(person: str, *line: str) -> Result:
        environment = {"INTERLOCK_URL": url, "INTERLOCK_TOKEN": secrets[person], "NO_COLOR": "1"}
        result = CliRunner().invoke(app, ["policy", *line], env=environment)
        while opened:
            opened.pop().close()
        return result

    return run


def _work_on(side: SimpleNamespace) -> Callable[[float], None]:
    """The worker that a simulation waits for."""

    def work(_: float) -> None:
        with scope.enter(side.tenant.id):
            with transaction.atomic():
                waiting = list(Simulation.objects.exclude(state="DONE").values_list("pk", flat=True))
            for simulation_id in waiting:
                simulation.carry_on(simulation_id)

    return work


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "mine"
    made.mkdir()
    (made / "pack.yaml").write_text("name: mine\nversion: 1.0.0\n")
    (made / "mine.rego").write_text(SOURCE)
    (made / "mine_test.rego").write_text(TESTS)
    (made / "golden.yaml").write_text(GOLDEN)
    return made


def shown(result: Result) -> Any:
    assert result.exit_code == 0, (result.exception, result.output)
    return json.loads(result.stdout)


def refused(result: Result) -> CliError:
    assert isinstance(result.exception, CliError), (result.exception, result.output)
    return result.exception


def test_from_a_folder_to_the_policy_in_force_and_back(
    interlock: Callable[..., Result], ground: SimpleNamespace, folder: Path
) -> None:
    assert interlock("alice", "check", str(folder)).exit_code == 0
    tested = shown(interlock("alice", "test", str(folder), "-o", "json"))
    assert [one["passed"] for one in [*tested["tests"], *tested["golden"]]] == [True, True, True]
    assert tested["coverage"]["percent"] == 100

    draft = shown(interlock("alice", "draft", str(folder), "-o", "json"))["id"]
    assert refused(interlock("alice", "propose", draft, "--reason", "x")).code == Exit.CONFLICT
    assert interlock("alice", "check", draft).exit_code == 0
    weighed = interlock("alice", "weigh", draft, "--since", "2026-01-01T00:00:00Z", "-o", "json")
    assert shown(weighed)["report"]["same"] == 1
    proposed = shown(interlock("alice", "propose", draft, "--reason", "reading", "-o", "json"))
    assert (proposed["state"], proposed["needed"]["quorum"]) == ("PROPOSED", 1)

    vote = ("approve", draft, "--digest")
    assert refused(interlock("alice", *vote, proposed["digest"])).hint.startswith("own_proposal")
    assert refused(interlock("dana", *vote, proposed["digest"])).code == Exit.DENIED
    assert refused(interlock("bob", *vote, "0" * 64)).hint.startswith("proposal_changed")
    assert refused(interlock("alice", "activate", draft)).code == Exit.CONFLICT
    assert shown(interlock("bob", *vote, proposed["digest"], "-o", "json"))["state"] == "APPROVED"
    assert refused(interlock("bob", "activate", draft)).code == Exit.DENIED
    line = ("activate", draft, "--idempotency-key", "k", "-o", "json")
    activation = shown(interlock("alice", *line))
    assert (shown(interlock("alice", *line)), activation["seq"]) == (activation, 2)
    [listed] = shown(interlock("dana", "drafts", "--state", "ACTIVE", "-o", "json"))["results"]
    assert listed["id"] == draft
    watched = shown(interlock("dana", "watch", activation["id"], "-o", "json"))
    assert (watched["after"]["decisions"], watched["before"]["decisions"]) in {(0, 1), (0, 0)}

    back = shown(interlock("dana", "rollback", "--reason", "3 AM", "-o", "json"))
    assert back["seq"] == 3
    with scope.enter(ground.tenant.id), transaction.atomic():
        assert [a.draft_id is None for a in Activation.objects.order_by("seq")] == [True, False, True]


def test_what_is_wrong_is_said_with_file_line_and_column(interlock: Callable[..., Result], folder: Path) -> None:
    (folder / "mine.rego").write_text(SOURCE.replace('== "a.b"\n}', "== opa.runtime().x\n}", 1))
    result = interlock("alice", "check", str(folder))
    assert result.exit_code == Exit.FAILED
    assert f"{folder / 'mine.rego'}:4:25: forbidden_builtin: opa.runtime" in result.stdout
    (folder / "mine.rego").write_text(SOURCE.replace("input.resource.risk ==", "input.resource.risk = ="))
    assert f"{folder / 'mine.rego'}:15:24: does_not_parse" in interlock("alice", "check", str(folder)).stdout
    (folder / "mine.rego").write_text(SOURCE.replace('"a.b"\n}', "unknwn\n}", 1))
    assert f"{folder / 'mine.rego'}:4:25: does_not_compile: rego_unsafe_var_error: var unknwn is unsafe" in (
        interlock("alice", "check", str(folder)).stdout
    )


def test_a_case_that_fails_tells_the_difference(interlock: Callable[..., Result], folder: Path) -> None:
    (folder / "golden.yaml").write_text(GOLDEN.replace("effect: ALLOW", "effect: DENY"))
    result = interlock("alice", "test", str(folder))
    assert result.exit_code == Exit.VERIFICATION_FAILED
    assert "golden.yaml:1:1: golden_failed: reading is allowed: effect ALLOW, expected DENY" in result.stdout


def test_too_little_coverage_names_the_lines(interlock: Callable[..., Result], folder: Path) -> None:
    (folder / "golden.yaml").unlink()
    result = interlock("alice", "test", str(folder))
    assert result.exit_code == Exit.VERIFICATION_FAILED
    assert f"{folder / 'mine.rego'}:7:1: coverage_too_low" in result.stdout
    assert "lines 7, 14-15 are never evaluated" in result.stdout


def test_a_saved_folder_takes_the_votes_back(interlock: Callable[..., Result], folder: Path) -> None:
    draft = shown(interlock("alice", "draft", str(folder), "-o", "json"))["id"]
    assert interlock("alice", "check", draft).exit_code == 0
    digest = shown(interlock("alice", "propose", draft, "--reason", "x", "-o", "json"))["digest"]
    assert interlock("bob", "approve", draft, "--digest", digest).exit_code == 0
    (folder / "mine.rego").write_text(SOURCE + "\n# more\n")
    again = shown(interlock("alice", "draft", str(folder), "-o", "json"))
    assert (again["id"], again["state"], again["needed"]["approvals"]) == (draft, "DRAFT", [])
    assert refused(interlock("carol", "approve", draft, "--digest", digest)).code == Exit.CONFLICT
    assert "# more" in interlock("dana", "diff", draft).stdout


def test_what_loosens_needs_two_and_a_no_ends_it(interlock: Callable[..., Result], folder: Path) -> None:
    for part, name in (("triage", "mine.rego"), ("triage_test", "mine_test.rego")):
        (folder / name).write_text(packs.rego(part).replace('"REQUIRE_HITL"', '"ALLOW"'))
    (folder / "golden.yaml").unlink()
    (folder / "pack.yaml").write_text("name: triage\nversion: 1.0.0\n")
    (folder / "data.json").write_text('{"channels": ["C0TEAM0001"]}')
    draft = shown(interlock("alice", "draft", str(folder), "-o", "json"))["id"]
    checked = interlock("alice", "check", draft)
    assert checked.exit_code == 0, checked.stdout
    weighed = interlock("alice", "weigh", draft, "--since", "2026-01-01T00:00:00Z")
    assert weighed.exit_code == Exit.VERIFICATION_FAILED
    proposed = shown(interlock("alice", "propose", draft, "--reason", "faster", "-o", "json"))
    assert [rule["code"] for rule in proposed["needed"]["rules"]] == [
        "second_person",
        "second_approver_high_risk_loosened",
    ]
    vote = ("--digest", proposed["digest"], "-o", "json")
    assert shown(interlock("bob", "approve", draft, *vote))["state"] == "PROPOSED"
    assert refused(interlock("alice", "activate", draft)).code == Exit.CONFLICT
    assert refused(interlock("bob", "approve", draft, *vote)).code == Exit.CONFLICT
    assert shown(interlock("carol", "reject", draft, "--reason", "no", *vote))["state"] == "REJECTED"
    assert refused(interlock("alice", "activate", draft)).code == Exit.CONFLICT
    assert shown(interlock("dana", "active", "-o", "json"))["results"][0]["seq"] == 1


def test_a_rollback_that_nothing_speaks_for_is_proposed(
    interlock: Callable[..., Result], ground: SimpleNamespace, actor_of: Callable[..., Any]
) -> None:
    with scope.enter(ground.tenant.id):
        policy_ground.activate_packs(
            environment_id=ground.environment.id,
            packs={"strict": packs.PackSource("package interlock.packs.strict")},
            actor=actor_of(ground.alice, ground.tenant),
        )
        assert decide(ground, actor_of(ground.alice, ground.tenant)) is Effect.DENY
    problem = refused(interlock("alice", "rollback", "--reason", "too strict"))
    assert (problem.code, problem.problem["why"]) == (
        Exit.CONFLICT,
        ["it loosens decisions or changes their terms"],
    )
    draft = shown(interlock("alice", "rollback", "--reason", "too strict", "--propose", "-o", "json"))
    assert (draft["kind"], draft["state"], draft["needed"]["quorum"]) == ("rollback", "PROPOSED", 2)
    for person in ("bob", "carol"):
        assert interlock(person, "approve", draft["id"], "--digest", draft["digest"]).exit_code == 0
    assert shown(interlock("alice", "activate", draft["id"], "-o", "json"))["seq"] == 3
