"""The Slack driver: read, post and replace messages; answer whoever clicked; who is in a user group."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from connectors.slack.answers import OpenView, PostEphemeral
from connectors.slack.direct import DirectMessage
from connectors.slack.messages import GetMessage, PostMessage, UpdateMessage
from connectors.slack.usergroups import FindUser, GetUserGroup, UpdateUserGroup
from connectors.types import About, ReadVerbs, WriteVerbs

_CHANNEL, _USERGROUP = About("channel", ("channel",)), About("usergroup", ("usergroup",))
_PERSON = About("user", ("user",))
"""A message may be read by whoever reads its channel, so the record is the channel."""


@dataclass(frozen=True, slots=True)
class SlackDriver:
    name: str = "slack"
    records: Mapping[str, About] = field(
        default_factory=lambda: {
            "slack.message.get": _CHANNEL,
            "slack.message.post": _CHANNEL,
            "slack.message.update": _CHANNEL,
            "slack.message.direct": _PERSON,
            "slack.message.ephemeral": _CHANNEL,
            "slack.usergroup.get": _USERGROUP,
            "slack.usergroup.update": _USERGROUP,
        }
    )
    events: Mapping[str, About] = field(default_factory=dict)
    verbs: Mapping[str, ReadVerbs | WriteVerbs] = field(
        default_factory=lambda: {
            "slack.message.get": GetMessage(),
            "slack.message.post": PostMessage(),
            "slack.message.update": UpdateMessage(),
            "slack.message.direct": DirectMessage(),
            "slack.message.ephemeral": PostEphemeral(),
            "slack.user.find": FindUser(),
            "slack.usergroup.get": GetUserGroup(),
            "slack.usergroup.update": UpdateUserGroup(),
            "slack.view.open": OpenView(),
        }
    )
