"""No secret in the text, its comments included: the source is shown to everybody who may read the workflow."""

import math
import re
from collections import Counter
from collections.abc import Iterator

from workflows.definition.expressions import texts_in
from workflows.definition.findings import Finding, Place
from workflows.definition.subject import Subject

_TOKENS = {
    "an AWS key": r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b",
    "a GitHub token": r"\bgh[pousr]_[A-Za-z0-9]{20,}|\bgithub_pat_[A-Za-z0-9_]{20,}",
    "a Slack token": r"\bxox[abeoprs]-[A-Za-z0-9-]{10,}|\bxapp-[A-Za-z0-9-]{10,}",
    "a Slack webhook": r"hooks\.slack\.com/services/[A-Za-z0-9/]{20,}",
    "a model provider's key": r"\bsk-[A-Za-z0-9_-]{16,}",
    "a Google key": r"\bAIza[A-Za-z0-9_-]{30,}",
    "an API token of this platform": r"\bil_[A-Za-z0-9_-]{16,}",
    "a private key": r"-----BEGIN [A-Z ]*PRIVATE KEY-----",
    "a signed token": r"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{4,}",
    "an authorization header": r"\b(?:Bearer|Basic)\s+[A-Za-z0-9+/._~-]{16,}=*",
    "a password in an address": r"\b[a-z][a-z0-9+.-]*://[^\s/:@]+:[^\s/@{]+@",
}
_KNOWN = [(what, re.compile(pattern)) for what, pattern in _TOKENS.items()]
_TELLING = re.compile(r"(^|_)(password|passwd|secret|token|api_?key|private_?key|credential)s?$", re.IGNORECASE)
_LONG = re.compile(r"[A-Za-z0-9+/_-]{28,}={0,2}")
_BITS = 4.2
"""Per character. Hexadecimal has at most 4, words less than 4; a random key of 28 characters about 4.5."""


def in_source(subject: Subject) -> Iterator[Finding]:
    for number, line in enumerate(subject.source.text.splitlines(), start=1):
        found = what_is_secret(line)
        if found is not None:
            what, column = found
            yield _finding(what, Place(subject.source.file, number, column + 1))


def in_named_members(subject: Subject) -> Iterator[Finding]:
    """A text under a name like `password`, unless it is an expression or the name of a credential."""
    for path, text in texts_in(subject.definition.document):
        named = path[-1]
        if not isinstance(named, str) or not _TELLING.search(named) or path[:2] == ("spec", "inputs"):
            continue
        if text and "${{" not in text and not text.startswith("cred:"):
            yield _finding(f"a value called `{named}`", subject.source.place(*path))


def what_is_secret(text: str) -> tuple[str, int] | None:
    """What a text seems to hold, and where it begins."""
    for what, pattern in _KNOWN:
        if match := pattern.search(text):
            return what, match.start()
    for match in _LONG.finditer(text):
        if _is_random(match[0]):
            return "a random key", match.start()
    return None


def _is_random(word: str) -> bool:
    mixed = all(re.search(kind, word) for kind in ("[a-z]", "[A-Z]", "[0-9]"))
    return mixed and _entropy(word) >= _BITS


def _entropy(word: str) -> float:
    """Bits per character (Shannon)."""
    return -sum(n / len(word) * math.log2(n / len(word)) for n in Counter(word).values())


def _finding(what: str, place: Place) -> Finding:
    hint = "revoke it, keep the new one in the vault: connectors name it as `cred:<name>`"
    return Finding("secret_in_text", f"this looks like {what}", hint, place)


CHECKS = (in_source, in_named_members)
