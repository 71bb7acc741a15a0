"""Secrets in headers and in what vendors echo."""

import pytest

from connectors.errors import NothingSent, Refused, ReplyLost, SendAborted
from connectors.outcomes import reading, settled
from connectors.redaction import REDACTED, redact_headers, scrub
from connectors.types import CallContext, Done, Exchange, Failed, Instance, NotSent, Outcome, Unknown

CONTEXT = CallContext(Instance("x", "x", "https://x.test"), {"api_key": b"sk-very-secret"}, "", 0.0, lambda: None)
EXCHANGE = Exchange("GET", "https://x.test/", 200, "", "")


class Recorded:
    exchanges = [EXCHANGE]


@pytest.mark.parametrize("name", ["Authorization", "API-Key", "x-api-key", "X-SN-ApiKey", "Cookie", "x-goog-api-key"])
def test_a_secret_header_is_replaced(name: str) -> None:
    assert redact_headers({name: "s", "Accept": "a"}) == {name.lower(): REDACTED, "accept": "a"}


def test_an_echoed_secret_is_replaced() -> None:
    assert scrub("key sk-very-secret is wrong", [b"sk-very-secret", b"ab", b""]) == f"key {REDACTED} is wrong"


def test_the_context_does_not_show_its_credentials() -> None:
    assert "sk-very-secret" not in repr(CONTEXT)


def failing(error: Exception) -> Outcome:
    raise error


ENDINGS = [
    (SendAborted("halted", "why"), NotSent("halted", "why", (EXCHANGE,))),
    (NothingSent("connect_failed"), Failed(False, "connect_failed", wire=(EXCHANGE,))),
    (NothingSent("egress_denied", permanent=True), Failed(True, "egress_denied", wire=(EXCHANGE,))),
    (ReplyLost("timeout"), Unknown("timeout", wire=(EXCHANGE,))),
    (Refused(Failed(True, "no", "sk-very-secret")), Failed(True, "no", REDACTED, wire=(EXCHANGE,))),
]


@pytest.mark.parametrize(("error", "outcome"), ENDINGS)
def test_every_end_of_an_attempt_is_an_outcome(error: Exception, outcome: Outcome) -> None:
    assert settled(CONTEXT, lambda _: Recorded(), lambda _: failing(error)) == outcome


def test_a_finished_attempt_carries_its_exchanges() -> None:
    done = settled(CONTEXT, lambda _: Recorded(), lambda _: Done({"a": 1}))
    assert done.wire == (EXCHANGE,)


def test_a_lost_read_is_a_transient_refusal() -> None:
    with pytest.raises(Refused) as refused, reading():
        raise ReplyLost("timeout")
    assert refused.value.failed == Failed(permanent=False, code="read_timeout")
