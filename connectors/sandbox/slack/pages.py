"""The channels as a page: cards with buttons that a person can press in a browser."""

from __future__ import annotations

from html import escape
from typing import Any

from connectors.sandbox import accounts
from connectors.sandbox.slack.store import Message, Workspace

STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:46rem;margin:2rem auto;padding:0 1rem;color:#1d1c1d}"
    "article{border:1px solid #ccc;border-radius:8px;padding:.5rem 1rem;margin:1rem 0}"
    "h3{margin:.3rem 0}button{margin-right:.5rem;padding:.3rem .8rem}"
    "pre{white-space:pre-wrap;font:inherit;margin:.3rem 0}"
)


def channels_page(workspace: Workspace) -> str:
    names = {
        key: accounts.SLACK_CHANNELS.get(key, key) for key in workspace.channels if key not in accounts.NOT_INVITED
    }
    parts = [_channel(workspace, key, label) for key, label in names.items()]
    title = "Slack stand-in"
    intro = (
        "<p>This is a stand-in server, not Slack. "
        "A click is signed and delivered to the platform as the person chosen.</p>"
    )
    head = f"<!doctype html><html lang=en><meta charset=utf-8><title>{title}</title><style>{STYLE}</style>"
    return f"{head}<h1>{title}</h1>{intro}{''.join(parts)}</html>"


def _channel(workspace: Workspace, channel: str, label: str) -> str:
    messages = list(workspace.channels[channel].values())[::-1][:50]
    cards = "".join(_card(channel, message) for message in messages) or "<p>No messages yet.</p>"
    return f"<h2>#{escape(label)}</h2>{cards}"


def _card(channel: str, message: Message) -> str:
    shown = message.get("blocks") or [{"type": "section", "text": {"text": message["text"]}}]
    return f"<article>{''.join(_block(channel, message, block) for block in shown)}</article>"


def _block(channel: str, message: Message, block: dict[str, Any]) -> str:
    kind = block.get("type")
    if kind == "header":
        return f"<h3>{escape(block['text']['text'])}</h3>"
    if kind == "actions":
        return _buttons(channel, message, block)
    cells = [block.get("text"), *block.get("fields", []), *block.get("elements", [])]
    return "".join(f"<pre>{escape(str(cell.get('text', '')))}</pre>" for cell in cells if isinstance(cell, dict))


def _buttons(channel: str, message: Message, block: dict[str, Any]) -> str:
    people = [p for p in accounts.SLACK_PEOPLE.values() if not p.is_bot]
    options = "".join(f"<option value={p.id}>{escape(p.name)}</option>" for p in people)
    buttons = "".join(_element(element) for element in block["elements"])
    hidden = f"<input type=hidden name=channel value={channel}><input type=hidden name=ts value={message['ts']}>"
    who = f"<label>as <select name=user>{options}</select></label>"
    why = "<label>reason, if asked <input name=fill value='Declined in the stand-in'></label>"
    return f"<form method=post action=/__ctl/slack/click>{hidden}{buttons}{who} {why}</form>"


def _element(element: dict[str, Any]) -> str:
    label = escape(element.get("text", {}).get("text", ""))
    if element.get("url"):
        return f"<a href='{escape(element['url'])}'>{label}</a> "
    return f"<button name=action_id value='{escape(element.get('action_id', ''))}'>{label}</button>"
