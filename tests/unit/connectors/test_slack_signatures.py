"""Slack's v0 signatures, with slack_sdk as the honest sender."""

import pytest
from slack_sdk.signature import SignatureVerifier

from connectors.errors import SignatureRefused
from connectors.slack.signature import verify

NOW = 1_795_248_655
BODY = b"payload=%7B%22type%22%3A%22block_actions%22%7D"
CURRENT, PREVIOUS = b"8f742231b10e8888abcd99yyyzzz85a5", b"0123456789abcdef0123456789abcdef"


def signed(secret: bytes = CURRENT, *, at: object = NOW, body: bytes = BODY) -> dict[str, str]:
    signature = SignatureVerifier(secret.decode()).generate_signature(timestamp=str(at), body=body)
    assert signature is not None
    return {"x-slack-request-timestamp": str(at), "x-slack-signature": signature}


def check(headers: dict[str, str], body: bytes = BODY, secrets: tuple[bytes, ...] = (CURRENT, PREVIOUS)):
    return verify(headers=headers, body=body, secrets=secrets, now_s=NOW)


@pytest.mark.parametrize(("secret", "index"), [(CURRENT, 0), (PREVIOUS, 1)])
def test_both_signing_secrets_are_accepted(secret: bytes, index: int) -> None:
    assert check(signed(secret)).secret_index == index


def test_the_same_bytes_have_the_same_replay_key_and_others_another() -> None:
    first, again, later = check(signed()), check(signed()), check(signed(at=NOW + 1))
    assert first.replay_key == again.replay_key != later.replay_key


@pytest.mark.parametrize("skew", [-301, 301])
def test_an_old_or_future_request_is_refused(skew: int) -> None:
    with pytest.raises(SignatureRefused):
        check(signed(at=NOW + skew))


def test_a_wrong_secret_is_refused() -> None:
    with pytest.raises(SignatureRefused):
        check(signed(b"another"))


@pytest.mark.parametrize("body", [b"", BODY + b"x", b"\xff\xfe"])
def test_another_body_is_refused(body: bytes) -> None:
    with pytest.raises(SignatureRefused):
        check(signed(), body=body)


@pytest.mark.parametrize("secrets", [(), (b"",), (b"", CURRENT)])
def test_an_empty_secret_opens_nothing(secrets: tuple[bytes, ...]) -> None:
    with pytest.raises(SignatureRefused):
        check(signed(), secrets=secrets)


MALFORMED = [
    ("x-slack-request-timestamp", value)
    for value in ("", "abc", "1795248655.5", "-5", "１７", "0x10", "1e9", " 1", "9" * 40)
] + [
    ("x-slack-signature", value)
    for value in (
        "",
        "v0=",
        "v0=zz",
        "v1=" + "a" * 64,
        "a" * 64,
        "v0=" + "A" * 64,
        "v0=" + "a" * 63,
        "v0=" + "a" * 65,
        "é",
    )
]


@pytest.mark.parametrize(("name", "value"), MALFORMED)
def test_a_malformed_header_is_refused_and_never_an_error(name: str, value: str) -> None:
    with pytest.raises(SignatureRefused):
        check({**signed(), name: value})


@pytest.mark.parametrize("name", ["x-slack-request-timestamp", "x-slack-signature"])
def test_a_missing_header_is_refused(name: str) -> None:
    headers = signed()
    del headers[name]
    with pytest.raises(SignatureRefused):
        check(headers)
