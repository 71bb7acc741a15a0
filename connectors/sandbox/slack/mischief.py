"""What may happen to a click on its way: faults of delivery, each a small change of how it is sent."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

Payload = dict[str, Any]
STALE_S = 360


@dataclass(frozen=True)
class Parcel:
    """A payload and how it is delivered.

    `times`: the same bytes so often; `again`: the same event once more, signed anew or in the same envelope;
    `altered`: bytes that are sent instead of those that were signed; `age_s`: how old the signature is.
    """

    payload: Payload
    secret: str = ""
    times: int = 1
    again: bool = False
    age_s: int = 0
    altered: Payload | None = field(default=None)


def _with_value(payload: Payload, value: str) -> Payload:
    copy: Payload = json.loads(json.dumps(payload))
    for action in copy.get("actions", []):
        action["value"] = value
    return copy


def _foreign(parcel: Parcel) -> Parcel:
    team = {"id": "T0ELSEWHERE", "domain": "elsewhere"}
    user = {**parcel.payload["user"], "team_id": team["id"]}
    return replace(parcel, payload={**parcel.payload, "team": team, "user": user})


def _edited(parcel: Parcel) -> Parcel:
    value = "00000000-0000-7000-8000-000000000000." + "0" * 64
    return replace(parcel, altered=_with_value(parcel.payload, value))


def _stale(parcel: Parcel) -> Parcel:
    """Old for both ways: the signature over HTTP, the time of the click in an envelope."""
    actions = [{**one, "action_ts": str(float(one["action_ts"]) - STALE_S)} for one in parcel.payload["actions"]]
    return replace(parcel, age_s=STALE_S, payload={**parcel.payload, "actions": actions})


KINDS: Mapping[str, Callable[[Parcel], Parcel]] = {
    "duplicate": lambda parcel: replace(parcel, times=2),
    "redelivered": lambda parcel: replace(parcel, again=True),
    "wrong_team": _foreign,
    "wrong_app": lambda parcel: replace(parcel, payload={**parcel.payload, "api_app_id": "A0OTHER"}),
    "edited": _edited,
    "forged": lambda parcel: replace(parcel, secret="guessed"),
    "stale": _stale,
    "dead_response_url": lambda parcel: replace(
        parcel, payload={**parcel.payload, "response_url": "http://127.0.0.1:9/dead"}
    ),
}


def struck(parcel: Parcel, kind: str) -> Parcel:
    """The parcel after a fault; "" leaves it alone, an unknown kind raises KeyError."""
    return KINDS[kind](parcel) if kind else parcel
