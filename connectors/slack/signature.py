"""Slack request signatures, v0: docs.slack.dev, "Verifying requests from Slack". Pure.

Done before anything is parsed: slack_bolt parses first, and answers 500 to a malformed timestamp.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from connectors.errors import SignatureRefused
from connectors.signing import fresh, header, signer
from controlplane.lib.canonical import sha256_hex

_SIGNATURE = re.compile(r"v0=([0-9a-f]{64})")


@dataclass(frozen=True, slots=True)
class Verified:
    """`replay_key` names these very bytes: store it uniquely for ten minutes, Slack's scheme has no replay guard."""

    replay_key: str
    secret_index: int


def verify(*, headers: Mapping[str, str], body: bytes, secrets: Sequence[bytes], now_s: int) -> Verified:
    """Check one request. Header names in lower case, `body` the raw bytes, secrets as Slack shows them.

    Raises SignatureRefused for anything that is not exactly right.
    """
    timestamp = header(headers, "x-slack-request-timestamp", limit=12)
    fresh(timestamp, now_s)
    offered = _SIGNATURE.fullmatch(header(headers, "x-slack-signature", limit=80))
    if offered is None:
        raise SignatureRefused("bad x-slack-signature")
    if not all(secrets):
        raise SignatureRefused("a stored secret is empty")
    signed = b"v0:%b:%b" % (timestamp.encode(), body)
    index = signer(secrets, signed, [bytes.fromhex(offered[1])])
    return Verified(sha256_hex(f"{timestamp}:{offered[1]}".encode()), index)
