"""An OPA server that fails in any way gives a coded failure, never an answer: each of them is a DENY at the gate."""

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from policies.engine.breaker import FAILURES, PAUSE_S, Breaker
from policies.engine.egress_opa import LARGEST_ANSWER, Address, ServerPoint
from policies.engine.protocol import PointFailure, Program
from tests.opa_servers import Stub

PROGRAM = Program("k", {}, {}, environment="prod-1", revision="abc:7")
DEADLINE_S = 0.4


def answer(result: Any = None, bundles: Any = None) -> bytes:
    told = {"prod-1": {"revision": "abc:7"}} if bundles is None else bundles
    document: dict[str, Any] = {"provenance": {"version": "1.20.2", "bundles": told}}
    return json.dumps(document if result is None else {**document, "result": result}).encode()


@pytest.fixture
def stub() -> Iterator[Stub]:
    made = Stub()
    yield made
    made.stop()


@pytest.fixture
def point(stub: Stub) -> ServerPoint:
    return ServerPoint(Address(stub.url), deadline_s=DEADLINE_S)


def told(stub: Stub, status: int = 200, body: bytes = b"", **headers: str) -> None:
    stub.answer = lambda _: (status, headers, body)


def failure(point: ServerPoint) -> str:
    with pytest.raises(PointFailure) as caught:
        point.evaluate(PROGRAM, {"word": 1})
    return caught.value.code


def test_the_decision_of_the_expected_revision_is_taken(stub: Stub, point: ServerPoint) -> None:
    told(stub, body=answer({"effect": "ALLOW"}))
    assert point.evaluate(PROGRAM, {"word": 1}) == {"effect": "ALLOW"}
    assert stub.seen[0]["path"] == "/v1/data/interlock/main/decision?provenance=true&strict-builtin-errors=true"


@pytest.mark.parametrize(
    ("status", "body", "code"),
    [
        (200, answer(), "bad_decision"),
        (200, b"{}", "pdp_behind"),
        (200, b"", "pdp_unavailable"),
        (200, b"<html>", "pdp_unavailable"),
        (200, b"[]", "bad_decision"),
        (200, b"null", "bad_decision"),
        (200, answer({"effect": "ALLOW"}, {"prod-1": {"revision": "abc:6"}}), "pdp_behind"),
        (200, answer({"effect": "ALLOW"}, {"other": {"revision": "abc:7"}}), "pdp_behind"),
        (200, answer({"effect": "ALLOW"}, {}), "pdp_behind"),
        (200, b"x" * (LARGEST_ANSWER + 1), "pdp_unavailable"),
        (500, b'{"code": "internal_error"}', "pdp_error"),
        (401, b"", "pdp_error"),
        (404, b"", "pdp_error"),
    ],
)
def test_what_is_no_decision_of_ours_is_refused(
    stub: Stub, point: ServerPoint, status: int, body: bytes, code: str
) -> None:
    told(stub, status, body)
    assert failure(point) == code


def test_a_redirect_is_not_followed(stub: Stub, point: ServerPoint) -> None:
    elsewhere = Stub()
    told(elsewhere, body=answer({"effect": "ALLOW"}))
    told(stub, 307, Location=f"{elsewhere.url}/v1/data")
    assert failure(point) == "pdp_unavailable"
    assert elsewhere.seen == []
    elsewhere.stop()


def test_a_proxy_of_the_environment_is_not_used(
    stub: Stub, point: ServerPoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy = Stub()
    monkeypatch.setenv("http_proxy", proxy.url)
    told(stub, body=answer({"effect": "ALLOW"}))
    point.evaluate(PROGRAM, {})
    assert (len(stub.seen), proxy.seen) == (1, [])
    proxy.stop()


@pytest.mark.parametrize("slowness", ["wait_s", "drip_s"])
def test_a_slow_server_is_given_up_at_the_deadline_of_the_whole(stub: Stub, point: ServerPoint, slowness: str) -> None:
    told(stub, body=answer({"effect": "ALLOW"}))
    setattr(stub, slowness, {"wait_s": 1.5, "drip_s": 0.05}[slowness])
    began = time.monotonic()
    assert failure(point) == "pdp_timeout"
    assert time.monotonic() - began < 2


def test_a_server_that_is_down_is_refused_at_once_after_some_failures() -> None:
    point = ServerPoint(Address("http://127.0.0.1:9"), deadline_s=DEADLINE_S)
    assert {failure(point) for _ in range(FAILURES + 1)} == {"pdp_unavailable"}


def test_an_open_breaker_asks_nothing_and_probes_after_a_pause(stub: Stub, point: ServerPoint) -> None:
    told(stub, 500)
    for _ in range(FAILURES):
        failure(point)
    told(stub, body=answer({"effect": "ALLOW"}))
    assert failure(point) == "pdp_unavailable"
    assert len(stub.seen) == FAILURES


def test_the_breaker_as_a_table() -> None:
    breaker = Breaker()
    for _ in range(FAILURES):
        assert breaker.admits(0.0)
        breaker.failed(0.0)
    assert not breaker.admits(PAUSE_S / 2)
    assert breaker.admits(PAUSE_S)
    assert not breaker.admits(PAUSE_S)
    breaker.succeeded()
    assert breaker.admits(PAUSE_S)
