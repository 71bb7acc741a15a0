"""What the model reads out of a ticket beside its category: a summary, impact and urgency."""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import Any

from connectors.sandbox.llm.tokens import words

TICKET_FIELDS = ("short_description", "description", "text", "ticket", "body", "title", "subject")
TAGGED = re.compile(r"<(ticket|incident|input|document)>(.*?)</\1>", re.DOTALL | re.IGNORECASE)
SENTENCE = re.compile(r"(?<=[.!?])\s+|\n+")
SUMMARY_LIMIT = 240

IMPACT = {
    "1": r"\b(outage|everyone|everybody|all (users|staff|sites|offices|stores)|entire|company[- ]wide"
    r"|whole (company|site|office|department)|production (is )?(down|stopped)|nobody can|no one can)\b",
    "2": r"\b(several|many|team|department|multiple|colleagues|some users|floor|our office|shared"
    r"|other users|customers)\b",
}
URGENCY = {
    "1": r"\b(urgent(ly)?|asap|immediately|critical|emergency|(cannot|can not|can't) work|blocked|right now"
    r"|deadline|is down|are down|at once|security incident|phishing)\b",
    "2": r"\b(today|soon|intermittent(ly)?|slow|drops?|fails?|failed|failing|error|broken|denied"
    r"|crash(es|ed)?|locked|cannot|not working|does not)\b",
}


def ticket_text(prompt: str) -> str:
    """The ticket inside a prompt.

    Text between `<ticket>` tags, the text fields of a JSON record, or the whole prompt.
    """
    found = TAGGED.search(prompt)
    inner = found[2] if found else prompt
    start = inner.find("{")
    if start < 0:
        return inner.strip()
    try:
        value, _ = json.JSONDecoder().raw_decode(inner[start:])
    except ValueError:
        return inner.strip()
    texts = list(_texts(value))
    return "\n".join(dict.fromkeys(texts)) or inner.strip()


def _texts(value: Any) -> list[str]:
    """Values of the known text fields, at any depth; a field may be `{"display_value", "value"}`."""
    if isinstance(value, list):
        return [text for item in value for text in _texts(item)]
    if not isinstance(value, dict):
        return []
    own = [_plain(value[name]) for name in TICKET_FIELDS if name in value]
    deeper = [text for name, item in value.items() if name not in TICKET_FIELDS for text in _texts(item)]
    nested = [text for name in TICKET_FIELDS if isinstance(value.get(name), dict) for text in _texts(value[name])]
    return [text for text in own if text] + nested + deeper


def _plain(value: Any) -> str:
    if isinstance(value, dict):
        value = value.get("display_value") or value.get("value") or ""
    return value.strip() if isinstance(value, str) else ""


def level(text: str, table: dict[str, str]) -> str:
    """ "1" (high), "2" or "3" by the strongest wording that occurs."""
    return next((value for value, pattern in table.items() if re.search(pattern, text, re.IGNORECASE)), "3")


def summary(text: str) -> str:
    """The first sentence and the one that carries most of the ticket's words, in their order.

    Nothing is invented.
    """
    sentences = [part.strip() for part in SENTENCE.split(text) if words(part)]
    if not sentences:
        return text.strip()[:SUMMARY_LIMIT]
    counts = Counter(words(text))
    weight = {part: sum(counts[word] for word in set(words(part))) for part in sentences}
    best = max(sentences[1:], key=lambda part: weight[part], default="")
    whole = " ".join(dict.fromkeys(part for part in (sentences[0], best) if part))
    return whole if len(whole) <= SUMMARY_LIMIT else whole[: SUMMARY_LIMIT - 1].rsplit(" ", 1)[0] + "…"
