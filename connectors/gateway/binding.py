"""From a call row to the exact action: arguments, expected values, planned undo, digest."""

from dataclasses import dataclass
from functools import cached_property
from typing import cast

from connectors import classes, registry
from connectors.gateway import display, tools
from connectors.gateway.digest import BoundAction, action_digest
from connectors.models import ConnectorInstance, ToolCall
from connectors.types import JsonObject, Kind, Preview, UndoRecipe, WriteVerbs
from tenants import payloads, scope


@dataclass(frozen=True)
class Draft:
    """What policy may still change: the arguments (obligations) and the instance (route)."""

    instance: ConnectorInstance
    args: JsonObject


@dataclass(frozen=True)
class Bound:
    """A draft with everything that follows from it."""

    draft: Draft
    tool: tools.Tool
    action: BoundAction
    preview: Preview
    undo: UndoRecipe | None
    record: str = ""

    @property
    def brings(self) -> frozenset[str]:
        """The data classes that the answer may hold, as far as that is known before it is there."""
        return classes.brought(self.tool.action, self.draft.instance.classes)

    @cached_property
    def digest(self) -> str:
        return action_digest(self.action)


def draft_of(call: ToolCall) -> Draft:
    """The action as proposed. Every decision starts from here, so that obligations are applied once."""
    return Draft(call.instance, payloads.get_json(call.args_digest))


def dispatched(call: ToolCall) -> Bound:
    """The action as it was sent: arguments after obligations, expected values as decided."""
    return bind(call, Draft(call.instance, payloads.get_json(call.bound_args_digest)))


def bind(call: ToolCall, draft: Draft) -> Bound:
    """Raises ArgsInvalid when an obligation made the arguments invalid."""
    tool = tools.resolve(draft.instance, call.tool, call.tool_version)
    tools.validate_args(tool.action, draft.args)
    before = content(call.before_digest)
    undo = _undo(tool, draft.args, before)
    action = BoundAction(
        tenant=scope.current(),
        workspace=call.workspace_id,
        environment=call.environment_id,
        actor=call.actor_id,
        on_behalf_of=call.on_behalf_of,
        instance=draft.instance.pk,
        tool=tool.action.tool,
        tool_version=tool.action.version,
        schema_hash=tool.schema_hash,
        args=draft.args,
        target=_preview(tool, draft.args, before).target,
        expected=_expected(call, tool, draft.args, before),
        undo=display.recipe_document(undo),
        run=call.run_id,
        step=call.step_id,
        idempotency_key=call.idempotency_key,
    )
    record = registry.record_of(draft.instance.driver, call.tool, draft.args)
    return Bound(draft, tool, action, _preview(tool, draft.args, before), undo, record)


def content(digest: str) -> JsonObject | None:
    """A JSON payload by digest, None for the empty digest."""
    return cast(JsonObject, payloads.get_json(digest)) if digest else None


def _expected(call: ToolCall, tool: tools.Tool, args: JsonObject, before: JsonObject | None) -> JsonObject:
    """An undo insists on what we wrote (its recipe says what), a write on what was observed."""
    if call.compensates_id and call.expected_digest:
        return content(call.expected_digest) or {}
    return tool.verbs.expect(args, before) if isinstance(tool.verbs, WriteVerbs) else {}


def _undo(tool: tools.Tool, args: JsonObject, before: JsonObject | None) -> UndoRecipe | None:
    return tool.verbs.undo(args, before, None) if isinstance(tool.verbs, WriteVerbs) else None


def _preview(tool: tools.Tool, args: JsonObject, before: JsonObject | None) -> Preview:
    if isinstance(tool.verbs, WriteVerbs):
        return tool.verbs.preview(args, before)
    verb = "Ask the model" if tool.action.kind is Kind.MODEL else "Read"
    return Preview(f"{verb}: {tool.action.tool}", tool.action.tool, (), 0)
