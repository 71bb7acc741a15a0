"""Untrusted text for Slack. Pure. Source: docs.slack.dev, "Formatting text for app surfaces"."""

import re

SECTION_LIMIT = 3000
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\u202a-\u202e\u2066-\u2069]")


def neutral(text: str) -> str:
    """Without control and direction-changing characters."""
    return _CONTROL.sub("", text)


def escaped(text: str) -> str:
    """For mrkdwn and notification texts: no mention, no link, no channel call survives."""
    return neutral(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def unescaped(text: str) -> str:
    """The text that `escaped` was given; Slack returns texts in their escaped form."""
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def clipped(text: str, limit: int) -> str:
    """At most `limit` characters, the cut visible."""
    clean = neutral(text)
    return clean if len(clean) <= limit else clean[: limit - 1] + "…"


def plain(text: str, limit: int = SECTION_LIMIT) -> dict[str, object]:
    """A plain_text object, which Slack shows letter by letter."""
    return {"type": "plain_text", "text": clipped(text, limit) or "–", "emoji": False}
