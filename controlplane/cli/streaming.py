"""Sending the record on to a SIEM: batch by batch, at least once, from where the last delivered batch ended."""

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

from controlplane.cli.exits import CliError, Exit

Fetch: TypeAlias = Callable[[int], tuple[bytes, int, str]]
"""From an index: (batch, index to ask for next, media type)."""
Send: TypeAlias = Callable[[bytes, str], None]
SECONDS = 30.0


def forward(fetch: Fetch, send: Send, state: Path) -> int:
    """Deliver all that is there; returns the index that is wanted next. The state file moves behind each delivery."""
    begin = wanted(state)
    while True:
        content, following, media_type = fetch(begin)
        if following == begin:
            return begin
        send(content, media_type)
        begin = following
        _keep(state, begin)


def wanted(state: Path) -> int:
    text = state.read_text().strip() if state.exists() else "0"
    if not text.isdecimal():
        raise CliError(f"{state} is not a state file of a stream", Exit.USAGE)
    return int(text)


def poster(url: str) -> Send:
    """POST to a collector; SIEM_AUTHORIZATION, when set, is sent along as `Authorization`."""
    import httpx2  # imported late: `interlock --help` stays fast

    headers = {"Authorization": os.environ["SIEM_AUTHORIZATION"]} if os.environ.get("SIEM_AUTHORIZATION") else {}
    http = httpx2.Client(headers=headers, timeout=SECONDS, follow_redirects=False)

    def send(content: bytes, media_type: str) -> None:
        try:
            answer = http.post(url, content=content, headers={"Content-Type": media_type})
        except httpx2.HTTPError as error:
            raise CliError(
                f"{url}: {error}", hint="run it again: it goes on behind the last delivered batch"
            ) from error
        if not answer.is_success:
            raise CliError(f"{url} answered {answer.status_code}", hint="run it again: nothing is skipped")

    return send


def printer(content: bytes, _media_type: str) -> None:
    sys.stdout.write(content.decode() + "\n")
    sys.stdout.flush()


def follow(once: Callable[[], int], every_s: float) -> None:
    """Again and again, also when the collector is away for a while."""
    while True:
        try:
            once()
        except CliError as error:
            sys.stderr.write(f"{error}\n")
        time.sleep(every_s)


def _keep(state: Path, index: int) -> None:
    """Whole or not at all: a crash in between leaves the old index, and the batch is sent again."""
    beside = state.with_name(f"{state.name}.new")
    beside.write_text(f"{index}\n")
    beside.replace(state)
