"""Standard Webhooks, with the reference library as the honest sender."""

import base64
from datetime import UTC, datetime

import pytest
from standardwebhooks import Webhook

from connectors.errors import SignatureRefused
from connectors.webhooks import verify

NOW = 1_795_248_655
BODY = b'{"type":"servicenow.incident.created","data":{"sys_id":"9d38"}}'
CURRENT = b"whsec_" + base64.b64encode(b"c" * 32)
PREVIOUS = b"whsec_" + base64.b64encode(b"p" * 24)
STRANGER = b"whsec_" + base64.b64encode(b"s" * 32)


def signed(
    secret: bytes = CURRENT, *, at: int = NOW, body: bytes = BODY, webhook_id: str = "sn_9d38_0"
) -> dict[str, str]:
    when = datetime.fromtimestamp(at, UTC)
    signature = Webhook(secret.decode()).sign(webhook_id, when, body.decode())
    return {"webhook-id": webhook_id, "webhook-timestamp": str(at), "webhook-signature": signature}


def check(headers: dict[str, str], body: bytes = BODY, secrets: tuple[bytes, ...] = (CURRENT, PREVIOUS)):
    return verify(headers=headers, body=body, secrets=secrets, now_s=NOW)


@pytest.mark.parametrize(("secret", "index"), [(CURRENT, 0), (PREVIOUS, 1)])
def test_both_secrets_of_a_rotation_are_accepted(secret: bytes, index: int) -> None:
    verified = check(signed(secret))
    assert (verified.webhook_id, verified.secret_index) == ("sn_9d38_0", index)


def test_one_good_signature_among_several_is_enough() -> None:
    headers = signed()
    headers["webhook-signature"] = f"v1a,AAAA v1,bad {headers['webhook-signature']}"
    assert check(headers).secret_index == 0


@pytest.mark.parametrize("skew", [-300, 300])
def test_five_minutes_of_skew_are_accepted(skew: int) -> None:
    assert check(signed(at=NOW + skew))


@pytest.mark.parametrize("skew", [-301, 301])
def test_more_skew_is_refused(skew: int) -> None:
    with pytest.raises(SignatureRefused):
        check(signed(at=NOW + skew))


def test_a_stranger_is_refused() -> None:
    with pytest.raises(SignatureRefused):
        check(signed(STRANGER))


def test_another_body_is_refused() -> None:
    with pytest.raises(SignatureRefused):
        check(signed(), body=BODY + b" ")


def test_without_a_secret_everything_is_refused() -> None:
    with pytest.raises(SignatureRefused):
        check(signed(), secrets=())


@pytest.mark.parametrize("secret", [b"", b"whsec_", b"whsec_!!!", b"plain", b"whsec_" + base64.b64encode(b"short")])
def test_a_broken_stored_secret_opens_nothing(secret: bytes) -> None:
    with pytest.raises(SignatureRefused):
        check(signed(), secrets=(secret,))


MALFORMED = {
    "webhook-id": ["", "a.b", "a b", "é", "x" * 257, "a\nb"],
    "webhook-timestamp": ["", "abc", "-1", "1.5", "1795248655abc", "９", "9" * 30, " 1795248655", "+1795248655"],
    "webhook-signature": [
        "",
        "v1",
        "v1,",
        "v1,====",
        "v1,AAAA",
        "v2,AAAA",
        "garbage",
        "v1 AAAA",
        ",",
        "\x00",
        "é",
        "v1," + "A" * 3000,
    ],
}


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in MALFORMED.items() for value in values])
def test_a_malformed_header_is_refused_and_never_an_error(name: str, value: str) -> None:
    with pytest.raises(SignatureRefused):
        check({**signed(), name: value})


@pytest.mark.parametrize("name", ["webhook-id", "webhook-timestamp", "webhook-signature"])
def test_a_missing_header_is_refused(name: str) -> None:
    headers = signed()
    del headers[name]
    with pytest.raises(SignatureRefused):
        check(headers)


def test_a_body_that_is_not_text_is_only_refused() -> None:
    with pytest.raises(SignatureRefused):
        check(signed(), body=b"\xff\xfe\x00")
