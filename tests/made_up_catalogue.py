"""What the workflows of the unit tests may name: a closed world that no change of a connector moves."""

from typing import Any

from connectors.llm import library
from connectors.types import Action, Kind, Reversibility, Risk
from workflows.definition.catalogue import Catalogue, Published
from workflows.definition.steps import Sub

ID = {"type": "string", "pattern": "^[0-9a-zA-Z.]+$"}
TEXT = {"type": "string", "minLength": 1, "maxLength": 200}
TEXTS = {"type": "object", "additionalProperties": {"type": "string"}}
FIELDS = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "category": {"type": "string"},
        "impact": {"type": "string", "enum": ["1", "2", "3"]},
        "count": {"type": "integer"},
    },
}
SERVED = {"type": "object", "additionalProperties": False, "properties": {"served": {"type": "string"}}}


def closed(**properties: Any) -> dict[str, Any]:
    """An object of exactly these members, all required."""
    required = sorted(properties)
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def action(
    tool: str,
    kind: Kind,
    args: dict[str, Any],
    output: dict[str, Any] | None = None,
    *,
    undo_tool: str | None = None,
    version: str = "1.0.0",
) -> Action:
    reversibility = Reversibility.COMPENSABLE if undo_tool else Reversibility.NOT_APPLICABLE
    return Action(tool, version, kind, args, output or {}, Risk.LOW, reversibility, (), 60, 0, 20, undo_tool)


INCIDENT = closed(sys_id=ID, number=TEXT, short_description=TEXT, urgency=TEXT, notes={"type": "array", "items": TEXT})
POSTED = closed(channel=ID, ts=ID)
TOOLS = [
    action("servicenow.incident.get", Kind.READ, closed(sys_id=ID), INCIDENT),
    action("servicenow.incident.list", Kind.READ, closed(), closed(found={"type": "array", "items": INCIDENT})),
    action("llm.generate", Kind.MODEL, closed(), closed(labels=TEXTS, model=SERVED)),
    action(
        "servicenow.incident.update",
        Kind.WRITE,
        closed(sys_id=ID, fields=FIELDS),
        closed(number=TEXT),
        undo_tool="servicenow.incident.restore",
    ),
    action("servicenow.incident.restore", Kind.WRITE, closed(sys_id=ID, fields=FIELDS)),
    action("slack.message.post", Kind.WRITE, closed(channel=ID, text=TEXT), POSTED, undo_tool="slack.message.update"),
    action(
        "slack.message.update",
        Kind.WRITE,
        closed(channel=ID, ts=ID, text=TEXT),
        POSTED,
        undo_tool="slack.message.update",
    ),
    action("mail.send", Kind.WRITE, closed(text=TEXT)),
]
NEWER = action("directory.user.get", Kind.READ, closed(id=ID), closed(name=TEXT), version="1.1.0")
OLDER = action("directory.user.get", Kind.READ, closed(id=ID), closed(name=TEXT))

CLOSE = Published(inputs=closed(sys_id=ID, note=TEXT), outputs=frozenset({"number"}), writes=3)
CATALOGUE = Catalogue(
    tools={tool.tool: tool for tool in [*TOOLS, NEWER]},
    prompts=library.prompts(),
    schemas=library.schemas(),
    workflows={
        Sub("close-one", "1.0.0"): CLOSE,
        Sub("close-one", "1.1.0"): CLOSE,
        Sub("deep", "1.0.0"): Published(depth=5),
        Sub("mails", "1.0.0"): Published(irreversible=True, writes=1),
    },
    offered={"directory.user.get": {"1.0.0": OLDER, "1.1.0": NEWER}},
)
