"""Keeping secrets out of evidence, logs and messages. Pure."""

from collections.abc import Iterable, Mapping

SECRET_HEADERS = frozenset(
    {
        "authorization",
        "api-key",
        "x-api-key",
        "x-goog-api-key",
        "x-sn-apikey",
        "proxy-authorization",
        "cookie",
        "set-cookie",
    }
)
REDACTED = "[redacted]"
_SHORTEST_SECRET = 6


def redact_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """The same headers, lower-cased names, secrets replaced."""
    return {name.lower(): REDACTED if name.lower() in SECRET_HEADERS else value for name, value in headers.items()}


def scrub(text: str, secrets: Iterable[bytes]) -> str:
    """Replace every secret that a vendor's message echoes. Values too short to be secret are left alone."""
    for secret in secrets:
        plain = secret.decode("utf-8", "replace")
        if len(plain) >= _SHORTEST_SECRET:
            text = text.replace(plain, REDACTED)
    return text
