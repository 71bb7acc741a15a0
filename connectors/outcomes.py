"""From what a transport raised to an `Outcome`, the same for every driver."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Protocol, TypeVar

from connectors.errors import ConfigInvalid, NothingSent, Refused, ReplyLost, SendAborted
from connectors.redaction import scrub
from connectors.types import CallContext, Done, Exchange, Failed, NotSent, Outcome, Unknown

DETAIL_LIMIT = 500


class Logged(Protocol):
    """A transport, as far as the outcome is concerned."""

    @property
    def exchanges(self) -> list[Exchange]: ...


T = TypeVar("T", bound=Logged)


def settled(ctx: CallContext, open_transport: Callable[[CallContext], T], attempt: Callable[[T], Outcome]) -> Outcome:
    """Run one attempt: every way it can end becomes an outcome with its exchanges, messages scrubbed."""
    try:
        transport = open_transport(ctx)
    except ConfigInvalid as invalid:
        return Failed(permanent=True, code=invalid.code, detail=invalid.detail)
    return _sealed(_attempted(transport, attempt), ctx, transport.exchanges)


def _attempted(transport: T, attempt: Callable[[T], Outcome]) -> Outcome:
    try:
        return attempt(transport)
    except SendAborted as stop:
        return NotSent(stop.code, stop.detail)
    except Refused as refused:
        return refused.failed
    except NothingSent as nothing:
        return _unsent(nothing)
    except ReplyLost as lost:
        return Unknown(lost.code, lost.detail)


@contextmanager
def reading() -> Iterator[None]:
    """A read has no effect: when its reply is lost, nothing happened and the write after it was not sent."""
    try:
        yield
    except ReplyLost as lost:
        again = Failed(False, f"read_{lost.code}", lost.detail, retry_after_s=lost.retry_after_s)
        raise Refused(again) from lost


def _unsent(nothing: NothingSent) -> Outcome:
    """Nobody could be reached: a failure that is counted and backed off from. `NotSent` is our own holding back."""
    return Failed(permanent=nothing.permanent, code=nothing.code, detail=nothing.detail)


def _sealed(outcome: Outcome, ctx: CallContext, exchanges: list[Exchange]) -> Outcome:
    wire = tuple(exchanges)
    if isinstance(outcome, Done):
        return replace(outcome, wire=wire)
    return replace(outcome, wire=wire, detail=scrub(outcome.detail, ctx.credentials.values())[:DETAIL_LIMIT])
