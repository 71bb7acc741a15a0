"""Channels, messages, modals and the short-lived ids that Slack hands out."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from typing import Any

from connectors.sandbox import accounts
from connectors.sandbox.clock import Clock

TRIGGER_LIFETIME_S = 3.0
BURST = 60
PER_SECOND = 1.0

Message = dict[str, Any]


@dataclass
class Bucket:
    """Slack allows about one message a second per channel and tolerates bursts."""

    tokens: float = BURST
    at: float = 0.0

    def take(self, now: float) -> bool:
        self.tokens = min(BURST, self.tokens + max(0.0, now - self.at) * PER_SECOND)
        self.at = now
        if self.tokens < 1:
            return False
        self.tokens -= 1
        return True


@dataclass
class Workspace:
    """State of the one Slack workspace. Callers hold the world's lock."""

    clock: Clock
    interactivity_url: str = ""
    signing_secret: str = accounts.SLACK_SIGNING_SECRET
    revoked: set[str] = field(default_factory=set)
    channels: dict[str, dict[str, Message]] = field(default_factory=dict)
    buckets: dict[str, Bucket] = field(default_factory=dict)
    triggers: dict[str, float] = field(default_factory=dict)
    views: dict[str, dict[str, Any]] = field(default_factory=dict)
    opened: dict[str, str] = field(default_factory=dict)
    ephemerals: list[dict[str, Any]] = field(default_factory=list)
    usergroups: dict[str, dict[str, Any]] = field(default_factory=dict)
    unlimited: bool = False
    socket_mode: bool = False
    _counter: int = 0

    def __post_init__(self) -> None:
        self.channels = {channel: {} for channel in accounts.SLACK_CHANNELS}
        self.usergroups = {key: _usergroup(key, int(self.clock.now())) for key in accounts.SLACK_USERGROUPS}

    def channel_id(self, name: str) -> str | None:
        """By id or by `#name`."""
        plain = name.removeprefix("#")
        named = next((key for key, label in accounts.SLACK_CHANNELS.items() if plain in (key, label)), None)
        return named or (plain if plain in self.channels else None)

    def next_ts(self) -> str:
        self._counter += 1
        return f"{int(self.clock.now())}.{self._counter:06d}"

    def take_slot(self, channel: str) -> bool:
        return self.unlimited or self.buckets.setdefault(channel, Bucket(at=self.clock.now())).take(self.clock.now())

    def new_trigger(self) -> str:
        trigger = f"{secrets.randbelow(10**12)}.{secrets.randbelow(10**12)}.{secrets.token_hex(16)}"
        self.triggers[trigger] = self.clock.now() + TRIGGER_LIFETIME_S
        return trigger

    def use_trigger(self, trigger: str) -> str | None:
        """The error of using a trigger id, or None; each works once and for three seconds."""
        expires = self.triggers.pop(trigger, None)
        if expires is None:
            return "invalid_trigger_id"
        return None if self.clock.now() <= expires else "expired_trigger_id"

    def find_message(self, *, channel: str = "", ts: str = "", contains: str = "") -> tuple[str, Message] | None:
        """The newest message of the channel (or of all) with this ts, or with this text in its card."""
        for key, messages in self.channels.items():
            for message in reversed(messages.values()):
                wanted = message["ts"] == ts if ts else contains in str(message)
                if wanted and channel in ("", key):
                    return key, message
        return None


def _usergroup(key: str, now: int) -> dict[str, Any]:
    """A user group as `usergroups.list` shows it (docs.slack.dev, "usergroup object")."""
    name, handle, users = accounts.SLACK_USERGROUPS[key]
    about = {"id": key, "team_id": accounts.SLACK_TEAM, "name": name, "handle": handle, "description": ""}
    dates = {"date_create": now, "date_update": now, "date_delete": 0}
    people = {"created_by": "U0ALICE", "updated_by": "U0ALICE", "users": list(users), "user_count": len(users)}
    flags = {"is_usergroup": True, "is_external": False, "auto_type": None, "deleted_by": None}
    return about | dates | people | flags | {"prefs": {"channels": [], "groups": []}}
