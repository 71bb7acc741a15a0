"""The tokeniser of `interlock-sandbox-1`, and the counts that it reports.

A token is a run of at most six letters, a run of at most three digits, or one other visible character; white
space is free. "authentication failed 1042!" is `authen ticati on failed 104 2 !`: 7 tokens. Counts are of
what was really sent and answered.
"""

from __future__ import annotations

import re

TOKEN = re.compile(r"[^\W\d_]{1,6}|\d{1,3}|[^\w\s]|_")
WORD = re.compile(r"[^\W\d_]{2,}")
STOP_TEXT = (
    "an and are as at be been but by can could did do does for from had has have he hello her hi his how if"
    " in into is it its just me my no not of on or our out please re regards she so some thank thanks that"
    " the their them there they this to up us was we were what when which who will with would you your best"
    " kind dear am pm"
)
STOP_WORDS = frozenset(STOP_TEXT.split())


def count(text: str) -> int:
    return len(TOKEN.findall(text))


def clip(text: str, limit: int) -> str:
    """The text up to its `limit`-th token."""
    ends = [found.end() for found in TOKEN.finditer(text)]
    return text if len(ends) <= limit else text[: ends[limit - 1]] if limit else ""


def words(text: str) -> list[str]:
    """Content words in lower case, with a plural s taken off."""
    found = (word.lower() for word in WORD.findall(text))
    return [_stem(word) for word in found if word not in STOP_WORDS]


def _stem(word: str) -> str:
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word
