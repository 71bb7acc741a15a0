"""Slack Web API methods. Every answer is HTTP 200 with `ok`, except the rate limit."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable
from typing import Any

from connectors.sandbox import accounts
from connectors.sandbox.ledger import Ledger
from connectors.sandbox.slack import blocks as block_kit
from connectors.sandbox.slack.errors import SlackError, Throttled
from connectors.sandbox.slack.lines import Lines
from connectors.sandbox.slack.store import Message, Workspace
from connectors.sandbox.slack.usergroups import UserGroups
from connectors.sandbox.wire import BadBodyError, Request, Response, reply

Fields = dict[str, Any]
RESPONSE_URL_USES = 5
STRUCTURED = ("blocks", "metadata", "view", "attachments")


class WebApi:
    def __init__(self, workspace: Workspace, ledger: Ledger, lines: Lines) -> None:
        self.workspace = workspace
        self.ledger = ledger
        self.lines = lines
        self.usergroups = UserGroups(workspace, ledger)
        self.methods: dict[str, Callable[[Fields], dict[str, Any]]] = {
            "auth.test": self._auth_test,
            "chat.postMessage": self._post,
            "chat.update": self._update,
            "chat.delete": self._delete,
            "chat.postEphemeral": self._ephemeral,
            "views.open": self._views_open,
            "views.update": self._views_update,
            "users.info": self._users_info,
            "users.lookupByEmail": self._lookup,
            "conversations.history": self._history,
            "conversations.replies": self._replies,
            "conversations.info": self._conversation,
            "conversations.open": self._open_direct,
            "usergroups.list": self.usergroups.listed,
            "usergroups.users.list": self.usergroups.users,
            "usergroups.users.update": self.usergroups.update,
        }

    def serve(self, request: Request, method: str) -> Response:
        try:
            fields = self._fields(request)
            if method == "apps.connections.open":
                return reply(200, {"ok": True, "url": self._line_url(request, fields)})
            self._authorise(request, fields)
            if method not in self.methods:
                raise SlackError("unknown_method")
            return reply(200, {"ok": True, **self.methods[method](fields)})
        except BadBodyError:
            return reply(200, {"ok": False, "error": "invalid_json"})
        except SlackError as refused:
            return reply(200, {"ok": False, "error": str(refused)})
        except Throttled:
            return reply(429, {"ok": False, "error": "ratelimited"}, {"Retry-After": "1"})

    def respond(self, request: Request, ts: str) -> Response:
        """A `response_url`: five uses, seen as an ephemeral answer."""
        uses = [row for row in self.workspace.ephemerals if row.get("response_to") == ts]
        if len(uses) >= RESPONSE_URL_USES:
            return reply(404, {"ok": False, "error": "used_url"})
        self.workspace.ephemerals.append({"response_to": ts, **request.json()})
        return reply(200, {"ok": True})

    @staticmethod
    def _fields(request: Request) -> Fields:
        """In a form, structured arguments arrive as JSON text."""
        fields = request.fields()
        for name in STRUCTURED:
            if isinstance(fields.get(name), str) and fields[name]:
                try:
                    fields[name] = json.loads(fields[name])
                except ValueError as broken:
                    raise BadBodyError(name) from broken
        return fields

    def _line_url(self, request: Request, fields: Fields) -> str:
        """Where a line can be opened once; asked for with the token of the app, not of its bot."""
        token = _token(request, fields)
        if token.startswith("xoxb-"):
            raise SlackError("not_allowed_token_type")
        self._require(token, accounts.SLACK_APP_TOKEN)
        origin = request.origin.replace("http", "ws", 1)
        return f"{origin}/slack/link/?ticket={self.lines.ticket()}&app_id={accounts.SLACK_APP}"

    def _authorise(self, request: Request, fields: Fields) -> None:
        self._require(_token(request, fields), accounts.SLACK_BOT_TOKEN)

    def _require(self, token: str, wanted: str) -> None:
        if not token:
            raise SlackError("not_authed")
        if token in self.workspace.revoked:
            raise SlackError("token_revoked")
        if token != wanted:
            raise SlackError("invalid_auth")

    def _channel(self, fields: Fields) -> str:
        channel = self.workspace.channel_id(str(fields.get("channel", "")))
        if channel is None:
            raise SlackError("channel_not_found")
        if channel in accounts.NOT_INVITED:
            raise SlackError("not_in_channel")
        return channel

    def _message(self, channel: str, fields: Fields) -> Message:
        message = self.workspace.channels[channel].get(str(fields.get("ts", "")))
        if message is None:
            raise SlackError("message_not_found")
        return message

    @staticmethod
    def _content(fields: Fields) -> dict[str, Any]:
        if not any(fields.get(name) for name in ("text", "blocks", "attachments")):
            raise SlackError("no_text")
        if fields.get("blocks") and block_kit.problem(fields["blocks"]):
            raise SlackError("invalid_blocks")
        if len(str(fields.get("text", ""))) > 40_000:
            raise SlackError("msg_too_long")
        kept = {name: fields[name] for name in ("text", "blocks", "metadata", "thread_ts") if fields.get(name)}
        return {"text": "", **kept}

    def _auth_test(self, _fields: Fields) -> dict[str, Any]:
        return {
            "url": "https://acme.slack.test/",
            "team": "acme",
            "user": "interlock",
            "team_id": accounts.SLACK_TEAM,
            "user_id": accounts.SLACK_BOT_USER,
            "bot_id": "B0INTERLOCK",
            "is_enterprise_install": False,
        }

    def _post(self, fields: Fields) -> dict[str, Any]:
        channel, content = self._channel(fields), self._content(fields)
        if channel in accounts.ARCHIVED:
            raise SlackError("is_archived")
        if not self.workspace.take_slot(channel):
            raise Throttled
        ts = self.workspace.next_ts()
        message = {
            "type": "message",
            "user": accounts.SLACK_BOT_USER,
            "bot_id": "B0INTERLOCK",
            "ts": ts,
            **content,
        }
        self.workspace.channels[channel][ts] = message
        self._log("message_posted", channel, ts, content)
        return {"channel": channel, "ts": ts, "message": message}

    def _update(self, fields: Fields) -> dict[str, Any]:
        channel = self._channel(fields)
        message = self._message(channel, fields)
        if channel in accounts.ARCHIVED:
            raise SlackError("is_inactive")
        content = self._content(fields)
        if "blocks" not in fields:
            message.pop("blocks", None)
        message |= content | {"edited": {"user": accounts.SLACK_BOT_USER, "ts": self.workspace.next_ts()}}
        self._log("message_updated", channel, message["ts"], content)
        return {"channel": channel, "ts": message["ts"], "text": message["text"], "message": message}

    def _delete(self, fields: Fields) -> dict[str, Any]:
        channel = self._channel(fields)
        message = self._message(channel, fields)
        del self.workspace.channels[channel][message["ts"]]
        self._log("message_deleted", channel, message["ts"], {})
        return {"channel": channel, "ts": message["ts"]}

    def _ephemeral(self, fields: Fields) -> dict[str, Any]:
        channel, content = self._channel(fields), self._content(fields)
        if fields.get("user") not in accounts.SLACK_PEOPLE:
            raise SlackError("user_not_in_channel")
        ts = self.workspace.next_ts()
        self.workspace.ephemerals.append({"channel": channel, "user": fields["user"], "ts": ts, **content})
        return {"message_ts": ts}

    def _views_open(self, fields: Fields) -> dict[str, Any]:
        trigger = str(fields.get("trigger_id", ""))
        error = self.workspace.use_trigger(trigger)
        if error:
            raise SlackError(error)
        view = self._keep_view("V" + secrets.token_hex(5).upper(), fields)
        self.workspace.opened[trigger] = view["id"]
        return {"view": view}

    def _views_update(self, fields: Fields) -> dict[str, Any]:
        view_id = str(fields.get("view_id", ""))
        if view_id not in self.workspace.views:
            raise SlackError("not_found")
        return {"view": self._keep_view(view_id, fields)}

    def _keep_view(self, view_id: str, fields: Fields) -> dict[str, Any]:
        view = fields.get("view")
        if not isinstance(view, dict) or block_kit.problem(view.get("blocks")):
            raise SlackError("invalid_arguments")
        about = {"id": view_id, "team_id": accounts.SLACK_TEAM, "app_id": accounts.SLACK_APP}
        kept = {"private_metadata": "", "callback_id": "", **view, **about, "hash": secrets.token_hex(8)}
        self.workspace.views[view_id] = kept
        return kept

    def _users_info(self, fields: Fields) -> dict[str, Any]:
        person = accounts.SLACK_PEOPLE.get(str(fields.get("user", "")))
        if person is None:
            raise SlackError("user_not_found")
        return {"user": _user(person)}

    def _lookup(self, fields: Fields) -> dict[str, Any]:
        wanted = str(fields.get("email", ""))
        person = next((p for p in accounts.SLACK_PEOPLE.values() if wanted and p.email == wanted), None)
        if person is None:
            raise SlackError("users_not_found")
        return {"user": _user(person)}

    def _history(self, fields: Fields) -> dict[str, Any]:
        """Newest first, without the replies in threads."""
        messages = list(self.workspace.channels[self._channel(fields)].values())[::-1]
        return self._page([message for message in messages if _root(message) == message["ts"]], fields)

    def _replies(self, fields: Fields) -> dict[str, Any]:
        """The thread of a message, oldest first; `ts` is that of its first message or of any reply."""
        channel = self._channel(fields)
        ts = str(fields.get("ts", ""))
        if ts not in self.workspace.channels[channel]:
            raise SlackError("thread_not_found")
        root = _root(self.workspace.channels[channel][ts])
        thread = [m for m in self.workspace.channels[channel].values() if _root(m) == root]
        return self._page(thread, fields)

    @staticmethod
    def _page(messages: list[Message], fields: Fields) -> dict[str, Any]:
        oldest, latest = float(fields.get("oldest") or 0), float(fields.get("latest") or "inf")
        inclusive = str(fields.get("inclusive", "")).lower() in ("true", "1")
        chosen = [m for m in messages if _within(float(m["ts"]), oldest, latest, inclusive=inclusive)]
        limit = int(fields.get("limit") or 100)
        whole = str(fields.get("include_all_metadata", "")).lower() in ("true", "1")
        shown = [m if whole else {k: v for k, v in m.items() if k != "metadata"} for m in chosen[:limit]]
        return {"messages": shown, "has_more": len(chosen) > limit}

    def _conversation(self, fields: Fields) -> dict[str, Any]:
        channel = self._channel(fields)
        return {"channel": {"id": channel, "name": accounts.SLACK_CHANNELS.get(channel, channel), "is_member": True}}

    def _open_direct(self, fields: Fields) -> dict[str, Any]:
        """The channel between the app and one person; the same one every time."""
        user = str(fields.get("users", ""))
        if user not in accounts.SLACK_PEOPLE:
            raise SlackError("user_not_found")
        channel = f"D{user[1:]}"
        known = channel in self.workspace.channels
        self.workspace.channels.setdefault(channel, {})
        return {"channel": {"id": channel}, "already_open": known}

    def _log(self, kind: str, channel: str, ts: str, content: dict[str, Any]) -> None:
        key = content.get("metadata", {}).get("event_payload", {})
        about = {"channel": channel, "ts": ts, "text": content.get("text", ""), "key": key}
        about["blocks"] = content.get("blocks", [])
        self.ledger.add(
            vendor="slack",
            kind=kind,
            target=f"{channel}/{ts}",
            actor=accounts.SLACK_BOT_USER,
            origin="api",
            **about,
        )


def _token(request: Request, fields: Fields) -> str:
    return request.headers.get("authorization", "").removeprefix("Bearer ") or str(fields.get("token", ""))


def _root(message: Message) -> str:
    return str(message.get("thread_ts") or message["ts"])


def _within(ts: float, oldest: float, latest: float, *, inclusive: bool) -> bool:
    return oldest <= ts <= latest if inclusive else oldest < ts < latest


def _user(person: accounts.Person) -> dict[str, Any]:
    stranger = person.team != accounts.SLACK_TEAM
    return {
        "id": person.id,
        "team_id": person.team,
        "name": person.name,
        "real_name": person.name.title(),
        "deleted": False,
        "is_bot": person.is_bot,
        "is_stranger": stranger,
        "is_restricted": False,
        "is_ultra_restricted": False,
        "profile": {"email": person.email, "real_name": person.name.title(), "display_name": person.name},
    }
