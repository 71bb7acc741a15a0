"""What a Slack interaction says, checked. Pure. It proves a Slack user and nothing else."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from connectors.slack import wire
from connectors.slack.blocks import REASON_BLOCK, REASON_INPUT

STALE_S = 300


class NotOurs(ValueError):
    """From another app, another workspace of Slack, or not shaped like our cards."""


@dataclass(frozen=True, slots=True)
class Clicker:
    team_id: str
    user_id: str
    channel: str


@dataclass(frozen=True, slots=True)
class Place:
    """The message whose button was pressed. `marker`: what our post wrote into it."""

    channel: str
    ts: str
    marker: str


@dataclass(frozen=True, slots=True)
class Choice:
    """The request and the digest of what was shown, as the card carried them."""

    request_id: UUID
    seen_digest: str


def clicker(body: Mapping[str, Any], *, app_id: str, team_id: str) -> Clicker:
    """Who clicked; raises NotOurs for another app or team, guests from shared channels, an unnamed app or team."""
    user = body.get("user") or {}
    team = (body.get("team") or {}).get("id")
    ours = bool(app_id and team_id) and (body.get("api_app_id"), team) == (app_id, team_id)
    if not ours or user.get("team_id", team) != team_id:
        raise NotOurs("another app or another Slack workspace")
    channel = (body.get("channel") or {}).get("id") or ""
    return Clicker(team_id, str(user.get("id", "")), str(channel))


def fresh(body: Mapping[str, Any], now_s: int) -> bool:
    """Whether no button of the interaction was pressed long ago; a dialogue does not say when it was sent."""
    return all(_age(action, now_s) <= STALE_S for action in body.get("actions") or [])


def _age(action: Mapping[str, Any], now_s: int) -> float:
    try:
        return abs(now_s - float(action["action_ts"]))
    except (KeyError, TypeError, ValueError):
        return float("inf")


def choice(value: str) -> Choice:
    """`<request id>.<display digest>`, from a button or from the dialogue that it opened."""
    request_id, _, seen = value.partition(".")
    try:
        return Choice(UUID(request_id), seen)
    except ValueError as error:
        raise NotOurs("not a value of our cards") from error


def place(body: Mapping[str, Any]) -> Place:
    """Where the pressed button stands; raises NotOurs for one that stands in no message."""
    channel, message = (body.get("channel") or {}).get("id"), body.get("message") or {}
    if not channel or not message.get("ts"):
        raise NotOurs("not a button of a message")
    return Place(str(channel), str(message["ts"]), wire.marker_of(message))


def carried(value: str, place: Place) -> str:
    """What a dialogue carries back: the button that opened it and where that stood."""
    return " ".join((value, place.channel, place.ts, place.marker))


def brought(metadata: str) -> tuple[str, Place]:
    """The value of the button and its place; raises NotOurs."""
    value, _, rest = metadata.partition(" ")
    parts = rest.split(" ", 2)
    if len(parts) != 3:
        raise NotOurs("not a dialogue of ours")
    return value, Place(*parts)


def reason(view: Mapping[str, Any]) -> str:
    values = (view.get("state") or {}).get("values") or {}
    return str(((values.get(REASON_BLOCK) or {}).get(REASON_INPUT) or {}).get("value") or "")
