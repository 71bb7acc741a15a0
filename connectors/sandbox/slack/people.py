"""People at their Slack clients: a click or a submitted modal, signed by Slack and sent to the app."""

from __future__ import annotations

from typing import Any

from connectors.sandbox import accounts
from connectors.sandbox.ledger import Ledger
from connectors.sandbox.slack.courier import Courier
from connectors.sandbox.slack.mischief import Parcel, struck
from connectors.sandbox.slack.store import Message, Workspace


class NothingToClick(LookupError):
    """No such message, button, modal or person."""


class People:
    def __init__(self, workspace: Workspace, ledger: Ledger, courier: Courier) -> None:
        self.workspace = workspace
        self.ledger = ledger
        self.courier = courier

    def click(self, spec: dict[str, Any], origin: str) -> dict[str, Any]:
        """Press a button of a posted card.

        `{"user", "action_id", "channel"?, "ts" | "contains", "fill"?, "via"?, "fault"?, "secret"?, "times"?}`:
        `fill` is typed into every text input of the modal that the click opens, and the modal is submitted; `via`
        is `http` or `socket`; `fault` is a kind of `mischief`, `secret` forges, `times` 2 replays the bytes.
        """
        payload = self._block_actions(spec, origin)
        self._log(payload, spec)
        parcel = Parcel(payload, secret=spec.get("secret", ""), times=int(spec.get("times", 1)))
        sent = self.courier.send(struck(parcel, spec.get("fault", "")), spec.get("via", ""))
        view_id = self.workspace.opened.get(payload["trigger_id"], "")
        done = {"delivery": sent.described(), "view": self.workspace.views.get(view_id)}
        if view_id and "fill" in spec:
            submit = {"user": spec["user"], "view_id": view_id, "fill": spec["fill"], "via": spec.get("via", "")}
            done["submitted"] = self.submit(submit)["delivery"]
        return done

    def _log(self, payload: dict[str, Any], spec: dict[str, Any]) -> None:
        where = f"{payload['channel']['id']}/{payload['message']['ts']}"
        act = {"actor": spec["user"], "origin": "person", "action_id": spec["action_id"]}
        self.ledger.add(vendor="slack", kind="card_clicked", target=where, **act)

    def submit(self, spec: dict[str, Any]) -> dict[str, Any]:
        """Submit an open modal: `{"user", "view_id", "fill", "via"?, "fault"?, "secret"?}`."""
        view = self.workspace.views.get(spec.get("view_id", ""))
        if view is None:
            raise NothingToClick("no such view")
        state = {"values": dict(_filled(block, spec.get("fill", "")) for block in view["blocks"] if _is_input(block))}
        payload = {"type": "view_submission", **self._about(spec), "trigger_id": self.workspace.new_trigger()}
        payload |= {"view": {**view, "state": state}, "response_urls": []}
        parcel = struck(Parcel(payload, secret=spec.get("secret", "")), spec.get("fault", ""))
        return {"delivery": self.courier.send(parcel, spec.get("via", "")).described()}

    def _about(self, spec: dict[str, Any]) -> dict[str, Any]:
        person = accounts.SLACK_PEOPLE.get(spec.get("user", ""))
        if person is None:
            raise NothingToClick("no such Slack user")
        user = {"id": person.id, "username": person.name, "name": person.name, "team_id": person.team}
        team = {"id": accounts.SLACK_TEAM, "domain": "acme"}
        about = {"user": user, "team": team, "api_app_id": accounts.SLACK_APP, "token": "sandbox"}
        return about | {"enterprise": None, "is_enterprise_install": False}

    def _block_actions(self, spec: dict[str, Any], origin: str) -> dict[str, Any]:
        where = {name: spec.get(name, "") for name in ("channel", "ts", "contains")}
        found = self.workspace.find_message(**where)
        if found is None:
            raise NothingToClick("no such message")
        channel, message = found
        button, block_id = _button(message, spec["action_id"])
        action = {
            "action_id": spec["action_id"],
            "block_id": block_id,
            "type": "button",
            "text": button["text"],
        }
        action |= {"value": button.get("value", ""), "action_ts": self.workspace.next_ts()}
        named = {"id": channel, "name": accounts.SLACK_CHANNELS.get(channel, channel)}
        container = {
            "type": "message",
            "message_ts": message["ts"],
            "channel_id": channel,
            "is_ephemeral": False,
        }
        payload = {"type": "block_actions", **self._about(spec), "trigger_id": self.workspace.new_trigger()}
        payload |= {"container": container, "channel": named, "message": message, "state": {"values": {}}}
        return payload | {"response_url": f"{origin}/slack/response/{message['ts']}", "actions": [action]}


def _button(message: Message, action_id: str) -> tuple[dict[str, Any], str]:
    for number, block in enumerate(message.get("blocks", [])):
        for element in block.get("elements", []) if block.get("type") == "actions" else []:
            if element.get("action_id") == action_id:
                return element, str(block.get("block_id", f"b{number}"))
    raise NothingToClick(f"the card has no button {action_id}")


def _is_input(block: dict[str, Any]) -> bool:
    return block.get("type") == "input"


def _filled(block: dict[str, Any], text: str) -> tuple[str, dict[str, Any]]:
    element = block["element"]
    return block.get("block_id", "input"), {element["action_id"]: {"type": element["type"], "value": text}}
