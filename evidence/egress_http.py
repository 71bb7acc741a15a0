"""HTTP to those whom the operator configured: one request, no second try, no redirects, no proxies, ten seconds."""

from collections.abc import Mapping
from dataclasses import dataclass

import httpx2

from evidence.errors import OutsideUnavailable

LARGEST_ANSWER = 256 * 1024
_TIMEOUT = httpx2.Timeout(10, connect=3)


@dataclass(frozen=True)
class Answer:
    status: int
    body: bytes


def post(url: str, content: bytes, headers: Mapping[str, str]) -> Answer:
    """Raises OutsideUnavailable when no whole answer came."""
    try:
        with (
            httpx2.Client(timeout=_TIMEOUT, trust_env=False, follow_redirects=False) as client,
            client.stream("POST", url, content=content, headers=dict(headers)) as reply,
        ):
            return Answer(reply.status_code, _read(reply))
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        raise OutsideUnavailable(f"{type(error).__name__} at {httpx2.URL(url).host}") from error


def _read(reply: httpx2.Response) -> bytes:
    body = bytearray()
    for chunk in reply.iter_bytes():
        body += chunk
        if len(body) > LARGEST_ANSWER:
            raise OutsideUnavailable("the answer is too large")
    return bytes(body)
