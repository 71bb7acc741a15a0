"""A real OPA server pulls our bundle, decides like the embedded engine, follows updates and refuses what is not ours.

Where there is no `opa` (see `make opa`) a double that speaks the same wire takes its place.
"""

import gzip
import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx2 as httpx
import pytest
from cryptography.hazmat.primitives import serialization

from controlplane.lib import clock
from policies import active, contract, packs, point, publishing, serving
from policies.engine.egress_opa import Address, ServerPoint
from policies.engine.embedded import EmbeddedPoint
from policies.models import PointDecision, PointStatus
from policies.types import Effect, Verdict
from tenants import scope, services
from tenants.roles import Role
from tests import opa_servers, policy_ground
from tests.corpus import decisions
from tests.opa_servers import Stub, Tampered, until, verified
from tests.policy_questions import question
from tests.site import Site

CHANNELS = ["C0TEAM0001"]


@pytest.fixture
def a(committed_db: str, world: SimpleNamespace, actor_of: Callable[..., Any]) -> SimpleNamespace:
    """Tenant A with a policy and the token of a policy server."""
    side = world.a
    side.admin = actor_of(side.alice, side.tenant)
    with scope.enter(side.tenant.id):
        side.publish = lambda channels: policy_ground.activate_packs(
            environment_id=side.environment.id,
            packs={"triage": packs.triage(channels=channels)},
            actor=side.admin,
            reason="",
            ttl_s=None,
        )
        side.publish(CHANNELS)
        side.server = services.create_user(username="opa", password=None, name="OPA", kind="service")
        services.grant_role(
            user_id=side.server.id, role=Role.POLICY_SERVER, workspace_id=side.workspace.id, actor=side.admin
        )
        issued = services.issue_token(
            user_id=side.server.id,
            name="opa",
            scopes=["serve_policy"],
            lives=timedelta(days=1),
            actor=side.admin,
        )
    side.token = issued.secret
    return side


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    running = Site(tmp_path_factory.mktemp("site") / "server.log")
    yield running
    running.stop()


def public_pem() -> tuple[str, str]:
    signing = point.keyring().signing()
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return signing.kid, signing.private.public_key().public_bytes(serialization.Encoding.PEM, form).decode()


def settings_of(a: SimpleNamespace, service: str) -> dict[str, Any]:
    kid, pem = public_pem()
    environment = str(a.environment.id)
    return opa_servers.configuration(service=service, token=a.token, environment=environment, kid=kid, public_pem=pem)


@pytest.fixture
def service(site: Site, committed_db: str, a: SimpleNamespace) -> str:
    return f"{site.start(committed_db)}/v1/opa/environments/{a.environment.id}"


def test_a_server_decides_like_the_embedded_engine_and_follows_updates(
    service: str, a: SimpleNamespace, tmp_path: Path
) -> None:
    server = opa_servers.start(tmp_path, settings_of(a, service))
    try:
        _decides_alike(a, server)
        with scope.enter(a.tenant.id):
            a.publish(["C0OTHER001"])
        _decides_alike(a, server)
    finally:
        server.stop()


def _decides_alike(a: SimpleNamespace, server: Any) -> None:
    remote, embedded = ServerPoint(Address(server.url), deadline_s=2), EmbeddedPoint(deadline_s=2, confined_only=False)
    with scope.enter(a.tenant.id):
        program = active.of(a.environment.id).program
    name, told = str(a.environment.id), lambda: server.status()
    until(lambda: told().get(name, {}).get("active_revision") == program.revision, f"not pulled: {told()}")
    corpus = [
        question(a),
        question(a, tool="servicenow.incident.get", kind="read", risk="low", args={"sys_id": "0" * 32}),
        question(a, args={"sys_id": "0" * 32, "fields": {"state": "7"}}),
        question(a, args={"sys_id": "0" * 32, "fields": {"impact": "1", "urgency": "1"}}),
        question(a, tool="slack.message.post", args={"channel": CHANNELS[0], "text": "x"}),
        question(a, tool="slack.message.post", args={"channel": "C0OTHER001", "text": "x"}),
        question(a, tool="nobody.knows", risk="high"),
    ]
    answers = [(remote.evaluate(program, document), embedded.evaluate(program, document)) for document in corpus]
    embedded.close()
    assert [ours for ours, _ in answers] == [theirs for _, theirs in answers]
    assert len({ours["effect"] for ours, _ in answers}) == 3


def test_both_engines_answer_the_whole_corpus_alike(a: SimpleNamespace, tmp_path: Path) -> None:
    """Every pack that ships, all that can be said; questions of the contract, each answer read by the contract."""
    assert set(decisions.shipped()) - {"says_everything"} == decisions.names(), "a new pack joins the corpus"
    stub = Stub()
    with scope.enter(a.tenant.id):
        policy_ground.activate_packs(environment_id=a.environment.id, packs=decisions.shipped(), actor=a.admin)
        found = active.of(a.environment.id)
        stub.bundle = serving.bundle(environment_id=a.environment.id, actor=_server_actor(a)).content
    server = opa_servers.start(tmp_path, settings_of(a, stub.url))
    remote, embedded = ServerPoint(Address(server.url), deadline_s=5), EmbeddedPoint(deadline_s=5, confined_only=False)
    name, revision = str(a.environment.id), found.program.revision
    try:
        until(lambda: server.status().get(name, {}).get("active_revision") == revision, "not pulled")
        corpus = decisions.questions(a)
        theirs = [remote.evaluate(found.program, document) for document in corpus]
    finally:
        server.stop()
        stub.stop()
    together = embedded.evaluate_many(found.program, corpus)
    embedded.close()
    assert theirs == together
    verdicts = [_read(document, answer, found) for document, answer in zip(corpus, theirs, strict=True)]
    assert len(corpus) > 200
    assert {verdict.effect for verdict in verdicts} == set(Effect)
    assert len({reason.code for verdict in verdicts for reason in verdict.reasons}) >= 12


def _read(document: dict[str, Any], answer: Any, found: active.Active) -> Verdict:
    contract.check_input(document)
    told = {"request_id": document["request_id"], "revision": found.statement.revision, "seq": found.statement.seq}
    return contract.read_decision(answer, **told, phase=contract.phase_of(document))


@pytest.mark.skipif(opa_servers.program() is None, reason="needs a real opa: run `make opa` where Go exists")
def test_a_real_server_reports_its_status_and_its_decisions(service: str, a: SimpleNamespace, tmp_path: Path) -> None:
    server = opa_servers.start(tmp_path, settings_of(a, service))
    try:
        _decides_alike(a, server)
        with scope.enter(a.tenant.id):
            row = until(lambda: _kept(PointStatus, a), "no status came")
            assert row.revision == active.of(a.environment.id).program.revision
            logged = until(lambda: _kept(PointDecision, a), "no decision log came")
            assert (logged.path, logged.effect in set(Effect)) == ("interlock/main/decision", True)
    finally:
        server.stop()


def _kept(model: Any, a: SimpleNamespace) -> Any:
    from django.db import transaction

    with transaction.atomic():
        return model.objects.filter(environment_id=a.environment.id).exclude(revision="").first()


def test_a_server_keeps_the_last_good_bundle_when_the_next_is_tampered(a: SimpleNamespace, tmp_path: Path) -> None:
    stub = Stub()
    with scope.enter(a.tenant.id):
        good = serving.bundle(environment_id=a.environment.id, actor=_server_actor(a)).content
    stub.bundle = good
    server = opa_servers.start(tmp_path, settings_of(a, stub.url))
    name = str(a.environment.id)
    try:
        revision = until(lambda: server.status().get(name, {}).get("active_revision"), "the good bundle was not taken")
        stub.bundle = tampered(good)
        told = until(lambda: _with_error(server.status().get(name, {})), "the tampered bundle was not noticed")
        assert told["active_revision"] == revision
    finally:
        server.stop()
        stub.stop()


def _with_error(told: dict[str, Any]) -> dict[str, Any] | None:
    return told if told.get("code") or told.get("errors") else None


def tampered(content: bytes) -> bytes:
    """One letter of a rule is another."""
    plain = bytearray(gzip.decompress(content))
    at = plain.index(b"default_deny")
    plain[at] = ord("D")
    return gzip.compress(bytes(plain))


def _server_actor(a: SimpleNamespace) -> Any:
    from tenants.actors import Actor

    return Actor("service", a.server.id, a.tenant.id, "opa", "token")


def test_what_is_served_passes_a_verifier_that_knows_only_the_documentation(a: SimpleNamespace) -> None:
    key = point.keyring().signing().private.public_key()
    with scope.enter(a.tenant.id):
        first = serving.bundle(environment_id=a.environment.id, actor=_server_actor(a))
        again = serving.bundle(environment_id=a.environment.id, actor=_server_actor(a))
    assert first == again
    files = verified(first.content, key=key, scope="policy")
    assert json.loads(files[".manifest"])["roots"] == ["interlock"]
    assert json.loads(files["interlock/data.json"])["bundle"]["seq"] == 1
    with pytest.raises(Tampered):
        verified(tampered(first.content), key=key, scope="policy")


def test_a_confirmation_changes_the_tag_and_not_the_revision(a: SimpleNamespace) -> None:
    def served() -> tuple[str, str]:
        with scope.enter(a.tenant.id):
            found = serving.bundle(environment_id=a.environment.id, actor=_server_actor(a))
            return found.etag, active.of(a.environment.id).program.revision

    etag, revision = served()
    with clock.frozen(clock.now() + timedelta(seconds=300)):
        assert publishing.refresh(a.tenant.id, a.environment.id)
        later, same = served()
    assert later != etag
    assert same == revision


def test_the_bundle_service_over_http(service: str, a: SimpleNamespace) -> None:
    mine = {"Authorization": f"Bearer {a.token}", "If-None-Match": "", "Prefer": "modes=snapshot,delta"}
    first = httpx.get(f"{service}/bundle.tar.gz", headers=mine)
    assert (first.status_code, first.headers["Content-Type"]) == (200, "application/gzip")
    assert first.headers["Cache-Control"] == "private, no-cache"
    again = httpx.get(f"{service}/bundle.tar.gz", headers={**mine, "If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert httpx.get(f"{service}/bundle.tar.gz").status_code == 401
    foreign = service.replace(str(a.environment.id), "0" * 8 + str(a.environment.id)[8:])
    assert httpx.get(f"{foreign}/bundle.tar.gz", headers=mine).status_code == 404


def test_a_person_is_not_served_and_a_server_cannot_do_anything_else(service: str, a: SimpleNamespace) -> None:
    with scope.enter(a.tenant.id):
        issued = services.issue_token(
            user_id=a.alice.id, name="alice", scopes=["view", "admin"], lives=timedelta(days=1), actor=a.admin
        )
    bundle = httpx.get(f"{service}/bundle.tar.gz", headers={"Authorization": f"Bearer {issued.secret}"})
    assert bundle.status_code == 403
    root = service.partition("/opa/")[0]
    mine = {"Authorization": f"Bearer {a.token}"}
    assert httpx.get(f"{root}/policies", headers=mine).json()["results"] == []
    order = {"workflow": "itsm-triage", "environment": "prod", "trigger": {}}
    assert httpx.post(f"{root}/runs", json=order, headers=mine).is_client_error


def test_a_log_that_is_sent_again_adds_nothing(service: str, a: SimpleNamespace) -> None:
    entry = {
        "labels": {"id": "opa-1"},
        "decision_id": "d-1",
        "path": "interlock/main/decision",
        "input": {"secret": "never kept"},
        "result": {"effect": "DENY", "request_id": "q-1"},
        "bundles": {str(a.environment.id): {"revision": "abc:1"}},
        "timestamp": "2026-11-21T10:00:00.123456789Z",
    }
    headers = {"Authorization": f"Bearer {a.token}", "Content-Encoding": "gzip", "Content-Type": "application/json"}
    body = gzip.compress(json.dumps([entry, entry]).encode())
    assert httpx.post(f"{service}/logs", content=body, headers=headers).json() == {"new": 1}
    assert httpx.post(f"{service}/logs", content=body, headers=headers).json() == {"new": 0}


@pytest.mark.parametrize(
    "body",
    [b"", b"{}", b"[1]", b"[{}]", b'[{"decision_id": "d"}]', b"not json", gzip.compress(b"[" * 100_000)],
)
def test_a_malformed_log_is_refused(service: str, a: SimpleNamespace, body: bytes) -> None:
    headers = {"Authorization": f"Bearer {a.token}", "Content-Type": "application/json"}
    packed = {**headers, "Content-Encoding": "gzip"} if body[:2] == b"\x1f\x8b" else headers
    assert httpx.post(f"{service}/logs", content=body, headers=packed).status_code in {400, 422}
