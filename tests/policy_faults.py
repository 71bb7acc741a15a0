"""What may be wrong between a call and the policy that decides about it, as a table of contexts.

Each context makes one thing wrong and puts it right again. The children and servers in it are real processes and
sockets: one that answers what it is told stands in for ours, so that the very same one can also allow (`HEALTHY`).
"""

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from datetime import timedelta
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

from cryptography.hazmat.primitives.asymmetric import ec
from django.db import transaction

from controlplane.lib import clock
from controlplane.lib.canonical import sha256_hex
from policies import active, bundles, freshness, packs, point
from policies.engine import conformance, embedded, process
from policies.engine.breaker import FAILURES
from policies.engine.egress_opa import LARGEST_ANSWER, Address, ServerPoint
from policies.engine.embedded import EmbeddedPoint
from policies.engine.process import EvaluatorProcess
from policies.engine.protocol import PointFailure
from policies.freshness import Statement
from policies.models import Activation, Bundle, Standing
from policies.types import PackSource
from tests import gateway_ground as ground
from tests import policy_ground
from tests.opa_servers import Stub

Fault = Callable[[SimpleNamespace], AbstractContextManager[None]]
DEADLINE_S = 1.0

CHILD = """
import json, os, struct, time
def read(size):
    content = b""
    while len(content) < size:
        piece = os.read(3, size - len(content))
        if not piece: os._exit(0)
        content += piece
    return content
def send(message):
    body = json.dumps(message).encode()
    os.write(4, struct.pack(">I", len(body)) + body)
send({"layers": {"limits": "on", "landlock": "on", "seccomp": "on"}})
while True:
    request = json.loads(read(struct.unpack(">I", read(4))[0]))
    if request["verb"] == "load":
        bundle = request["data"]["interlock"]["bundle"]
        send({"id": request["id"], "value": [request["key"]]})
        continue
    decision = {
        "schema": "interlock.decision/1", "request_id": request["document"]["request_id"], "effect": "ALLOW",
        "reasons": [], "obligations": [], "route": [], "retry_after_s": 0,
        "bundle": {"revision": bundle["revision"], "seq": bundle["seq"]},
    }
    reason = {"effect": "DENY", "code": "no", "rule": "r", "message": "m"}
    FAULT
"""
ANSWER = 'send({"id": request["id"], "value": decision})'


def child(fault: str) -> Fault:
    """Every child that is started answers like this."""

    @contextmanager
    def made(_side: SimpleNamespace) -> Iterator[None]:
        script = CHILD.replace("FAULT", fault)

        def start(**_: object) -> EvaluatorProcess:
            with patch.object(process, "_command", lambda *_: [sys.executable, "-I", "-S", "-c", script]):
                return EvaluatorProcess()

        with patch.object(embedded, "start", start), own_point():
            yield

    return made


@contextmanager
def own_point(**changes: Any) -> Iterator[None]:
    made = EmbeddedPoint(**{"deadline_s": DEADLINE_S, "confined_only": False, **changes})
    try:
        with point.replaced_by(made):
            yield
    finally:
        made.close()


@contextmanager
def no_child_can_be_started(_side: SimpleNamespace) -> Iterator[None]:
    def refuse(**_: object) -> EvaluatorProcess:
        raise PointFailure("pdp_unavailable")

    with patch.object(embedded, "start", refuse), own_point():
        yield


@contextmanager
def a_layer_is_missing_in_production(_side: SimpleNamespace) -> Iterator[None]:
    greet = EvaluatorProcess._greeting

    def greeting(self: EvaluatorProcess) -> Any:
        return type(greet(self))({"limits": "on", "landlock": "absent", "seccomp": "on"})

    with patch.object(EvaluatorProcess, "_greeting", greeting), own_point(confined_only=True):
        yield


@contextmanager
def the_engine_answers_otherwise(_side: SimpleNamespace) -> Iterator[None]:
    wrong = {**conformance.EXPECTED, "glob_star_stops_at_delimiter": True}
    with patch.object(conformance, "EXPECTED", wrong), own_point():
        yield


@contextmanager
def the_bundle_is_quarantined(_side: SimpleNamespace) -> Iterator[None]:
    with patch("policies.engine.quarantine.Quarantine.holds", lambda *_: True), own_point():
        yield


def at(**step: float) -> Fault:
    """The clock stands so far away."""

    @contextmanager
    def made(_side: SimpleNamespace) -> Iterator[None]:
        with patch.object(active, "_watch", freshness.Watch()), clock.frozen(clock.now() + timedelta(**step)):
            yield

    return made


@contextmanager
def the_clock_went_back(side: SimpleNamespace) -> Iterator[None]:
    """Still within the statement's time, but this process has seen later."""
    with patch.object(active, "_watch", freshness.Watch()):
        with clock.frozen(clock.now() + timedelta(seconds=100)), transaction.atomic():
            active.of(side.environment.id)
        yield


@contextmanager
def only_the_bundle_knows_that_it_expired(_side: SimpleNamespace) -> Iterator[None]:
    with patch.object(Statement, "covers", lambda *_: True), at(seconds=601)(_side):
        yield


def statement(change: Callable[[SimpleNamespace, Standing], str]) -> Fault:
    """The row holds another statement than ours."""

    @contextmanager
    def made(side: SimpleNamespace) -> Iterator[None]:
        with transaction.atomic():
            row = Standing.objects.get(environment=side.environment)
            Standing.objects.filter(pk=row.pk).update(statement=change(side, row))
        try:
            yield
        finally:
            with transaction.atomic():
                Standing.objects.filter(pk=row.pk).update(statement=row.statement, activation=row.activation)

    return made


def _foreign_key(_side: SimpleNamespace, row: Standing) -> str:
    told = freshness.read(row.statement, keys=point.keyring().trusted())
    return told.signed(key=ec.generate_private_key(ec.SECP256R1()), kid=point.keyring().signing().kid)


def _of_elsewhere(**changes: Any) -> Callable[[SimpleNamespace, Standing], str]:
    def change(_side: SimpleNamespace, row: Standing) -> str:
        told = freshness.read(row.statement, keys=point.keyring().trusted())
        signing = point.keyring().signing()
        members = {name: getattr(told, name) for name in Statement.__dataclass_fields__}
        return Statement(**{**members, **changes}).signed(key=signing.private, kid=signing.kid)

    return change


def _tampered(side: SimpleNamespace, row: Standing) -> str:
    """Other bytes in the place of the bundle, and a statement of our own about them: the signature inside is wrong."""
    good = bytes(row.activation.bundle.content)
    content = good[:-20] + bytes(20)
    bundle = Bundle.objects.create(
        sha256=sha256_hex(content), revision=row.activation.bundle.revision, content=content, packs=[]
    )
    activation = Activation.objects.create(
        environment=side.environment,
        bundle=bundle,
        seq=row.seq + 1000 + Activation.objects.count(),
        author_id=side.alice.id,
        activated_by_id=side.alice.id,
        activated_at=clock.now(),
        draft=policy_ground.approved(side.environment.id, side.admin),
    )
    Standing.objects.filter(pk=row.pk).update(activation=activation)
    return _of_elsewhere(sha256=bundle.sha256, seq=activation.seq)(side, row)


@contextmanager
def a_rule_fails(side: SimpleNamespace) -> Iterator[None]:
    """A builtin fails in a pack that is published."""
    source = 'package interlock.packs.boom\n\nfindings contains {"x": 1 / n} if n := input.context.attempt - 1'
    ground.publish(side, side.admin, **side.packs, boom=PackSource(source))
    try:
        yield
    finally:
        ground.publish(side, side.admin, **side.packs)


def server(
    answer: Callable[[dict[str, Any], dict[str, Any]], tuple[int, dict[str, str], bytes]], **how: float
) -> Fault:
    """An OPA server that answers like this: called with the question and with a decision that would be right."""

    @contextmanager
    def made(side: SimpleNamespace) -> Iterator[None]:
        stub = Stub()
        for name, value in how.items():
            setattr(stub, name, value)
        stub.answer = lambda body: answer(body["input"], right(side, body["input"]))
        try:
            with point.replaced_by(ServerPoint(Address(stub.url), deadline_s=DEADLINE_S)):
                yield
        finally:
            stub.stop()

    return made


def right(side: SimpleNamespace, question: Mapping[str, Any]) -> dict[str, Any]:
    """What a server of this environment would answer to allow."""
    told: Statement = side.told
    decision = {
        "schema": "interlock.decision/1",
        "request_id": question["request_id"],
        "effect": "ALLOW",
        "reasons": [],
        "obligations": [],
        "route": [],
        "retry_after_s": 0,
        "bundle": {"revision": told.revision, "seq": told.seq},
    }
    bundle = {str(side.environment.id): {"revision": bundles.served_revision(told)}}
    return {"result": decision, "provenance": {"version": "1.20.2", "bundles": bundle}}


def said(document: Any, status: int = 200, **headers: str) -> tuple[int, dict[str, str], bytes]:
    return status, headers, json.dumps(document).encode()


@contextmanager
def the_server_is_down(_side: SimpleNamespace) -> Iterator[None]:
    with point.replaced_by(ServerPoint(Address("http://127.0.0.1:9"), deadline_s=DEADLINE_S)):
        yield


@contextmanager
def the_breaker_is_open(side: SimpleNamespace) -> Iterator[None]:
    """It would allow again, but has failed too often just now."""
    with patch("policies.engine.breaker.PAUSE_S", 60.0), server(lambda _, ok: said(ok))(side):
        served = point.current()
        assert isinstance(served, ServerPoint)
        served._admit(str(side.environment.id))
        for _ in range(FAILURES):
            served._failed(str(side.environment.id))
        yield


def _other(**changes: Any) -> Callable[[Any, dict[str, Any]], tuple[int, dict[str, str], bytes]]:
    return lambda _, ok: said({**ok, "result": {**ok["result"], **changes}})


HEALTHY: Mapping[str, Fault] = {
    "a child that allows": child(ANSWER),
    "a server that allows": server(lambda _, ok: said(ok)),
}

CHILD_FAULTS: Mapping[str, tuple[str, Fault]] = {
    "the child is killed at each question": ("pdp_unavailable", child("os._exit(1)")),
    "no child can be started": ("pdp_unavailable", no_child_can_be_started),
    "the child hangs": ("pdp_timeout", child("time.sleep(60)")),
    "the child answers garbage": ("pdp_unavailable", child('os.write(4, b"\\0\\0\\0\\4nope")')),
    "the child answers half": ("pdp_timeout", child('os.write(4, b"\\0\\0\\1\\0{")')),
    "the child answers another question": ("pdp_unavailable", child('send({"id": 0, "value": decision})')),
    "the rule fails": ("pdp_error", child('send({"id": request["id"], "error": {"code": "eval_error"}})')),
    "a builtin fails in the real engine": ("pdp_error", a_rule_fails),
    "the decision is undefined": ("pdp_error", child('send({"id": request["id"], "error": {"code": "undefined"}})')),
    "a layer is missing in production": ("pdp_unconfined", a_layer_is_missing_in_production),
    "the engine answers otherwise": ("pdp_nonconforming", the_engine_answers_otherwise),
    "the bundle is quarantined": ("pdp_quarantined", the_bundle_is_quarantined),
}

ANSWER_FAULTS: Mapping[str, tuple[str, Fault]] = {
    name: ("bad_decision", child(f"{change}\n    {ANSWER}"))
    for name, change in {
        "the answer is no object": "decision = True",
        "the answer is empty": "decision = {}",
        "another revision": 'decision["bundle"]["revision"] = "0123456789abcdef"',
        "an earlier number": 'decision["bundle"]["seq"] += 1',
        "another request": 'decision["request_id"] = "somebody else\'s"',
        "an unknown effect": 'decision["effect"] = "MAYBE"',
        "no effect": 'del decision["effect"]',
        "an unknown obligation": 'decision["obligations"] = [{"type": "sing"}]',
        "an obligation that is no object": 'decision["obligations"] = ["redact"]',
        "a newer schema": 'decision["schema"] = "interlock.decision/2"',
        "a member too many": 'decision["extra"] = 1',
        "a member too few": 'del decision["obligations"]',
        "a member of another type": 'decision["retry_after_s"] = "0"',
        "allowed against its own reason": 'decision["reasons"] = [reason]',
        "about another phase": 'decision["phase"] = "after"',
    }.items()
}

BUNDLE_FAULTS: Mapping[str, tuple[str, Fault]] = {
    "the statement has run out": ("bundle_stale", at(seconds=601)),
    "the clock is set far ahead": ("bundle_stale", at(days=5)),
    "the clock is set back before the statement": ("bundle_stale", at(seconds=-30)),
    "the clock went back within the statement": ("bundle_stale", the_clock_went_back),
    "only the bundle knows that it expired": ("bundle_expired", only_the_bundle_knows_that_it_expired),
    "the statement is signed by another key": ("bundle_invalid", statement(_foreign_key)),
    "the statement is cut": ("bundle_invalid", statement(lambda _, row: row.statement[:-2])),
    "the statement is empty": ("bundle_invalid", statement(lambda *_: "")),
    "the statement is about another environment": ("bundle_invalid", statement(_of_elsewhere(environment="x"))),
    "the statement is another tenant's": ("bundle_invalid", statement(_of_elsewhere(tenant="x"))),
    "the statement names another number": ("bundle_invalid", statement(_of_elsewhere(seq=99))),
    "the statement names another bundle": ("bundle_invalid", statement(_of_elsewhere(sha256="0" * 64))),
    "the statement names another revision": ("bundle_invalid", statement(_of_elsewhere(revision="0" * 16))),
    "the bundle is not what was signed": ("bundle_invalid", statement(_tampered)),
}

SERVER_FAULTS: Mapping[str, tuple[str, Fault]] = {
    "the server is down": ("pdp_unavailable", the_server_is_down),
    "the server redirects": ("pdp_unavailable", server(lambda *_: said({}, 307, Location="http://127.0.0.1:9/"))),
    "the server is slow": ("pdp_timeout", server(lambda _, ok: said(ok), wait_s=2.5)),
    "the server answers drop by drop": ("pdp_timeout", server(lambda _, ok: said(ok), drip_s=0.02)),
    "the server has no result": ("bad_decision", server(lambda _, ok: said({"provenance": ok["provenance"]}))),
    "the server answers nothing": ("pdp_unavailable", server(lambda *_: (200, {}, b""))),
    "the server answers an empty object": ("pdp_behind", server(lambda *_: said({}))),
    "the server answers garbage": ("pdp_unavailable", server(lambda *_: (200, {}, b"<html>"))),
    "the server answers beyond measure": (
        "pdp_unavailable",
        server(lambda *_: (200, {}, b" " * (LARGEST_ANSWER + 1))),
    ),
    "the server has another revision": (
        "pdp_behind",
        server(lambda q, ok: said({**ok, "provenance": {"bundles": {q["environment"]: {"revision": "old:1"}}}})),
    ),
    "the server says no revision": ("pdp_behind", server(lambda _, ok: said({"result": ok["result"]}))),
    "the server has a second bundle": (
        "pdp_behind",
        server(lambda _, ok: said({**ok, "provenance": {"bundles": {**ok["provenance"]["bundles"], "other": {}}}})),
    ),
    "a builtin fails at the server": ("pdp_error", server(lambda *_: said({"code": "internal_error"}, 500))),
    "the server does not know us": ("pdp_error", server(lambda *_: said({}, 401))),
    "the breaker is open": ("pdp_unavailable", the_breaker_is_open),
    "the server says an unknown effect": ("bad_decision", server(_other(effect="MAYBE"))),
    "the server says an unknown obligation": ("bad_decision", server(_other(obligations=[{"type": "sing"}]))),
    "the server speaks a newer schema": ("bad_decision", server(_other(schema="interlock.decision/2"))),
    "the server decides under another number": ("bad_decision", server(_other(bundle={"revision": "x", "seq": 1}))),
}

FAMILIES: Mapping[str, Mapping[str, tuple[str, Fault]]] = {
    "child": CHILD_FAULTS,
    "answer": ANSWER_FAULTS,
    "bundle": BUNDLE_FAULTS,
    "server": SERVER_FAULTS,
}


def review_pack() -> PackSource:
    """The pack under which a person may be taken out of a group: the call of high risk."""
    return packs.access_review(privileged_groups=["0" * 32], usergroups=[])
