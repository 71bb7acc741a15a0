"""What a Slack interaction says, checked. Pure. It proves a Slack user and nothing else."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from connectors.slack.blocks import REASON_BLOCK, REASON_INPUT


class NotOurs(ValueError):
    """From another app, another workspace of Slack, or not shaped like our cards."""


@dataclass(frozen=True, slots=True)
class Clicker:
    team_id: str
    user_id: str
    channel: str


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


def choice(value: str) -> Choice:
    """`<request id>.<display digest>`, from a button or from the dialogue that it opened."""
    request_id, _, seen = value.partition(".")
    try:
        return Choice(UUID(request_id), seen)
    except ValueError as error:
        raise NotOurs("not a value of our cards") from error


def reason(view: Mapping[str, Any]) -> str:
    values = (view.get("state") or {}).get("values") or {}
    return str(((values.get(REASON_BLOCK) or {}).get(REASON_INPUT) or {}).get("value") or "")
