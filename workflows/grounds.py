"""What a run stands on beyond its definition and its trigger: enough to put its rows together again, elsewhere."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from tenants import payloads
from tenants.errors import PayloadExpired
from tenants.models import Environment
from workflows.models import Run, Step

_TEXTS = (
    "workflow_name", "workflow_version", "start_key", "ticket_key", "ticket_id", "ticket_number", "parent_step",
    "starter_kind", "starter_label", "starter_method",
)  # fmt: skip
_IDS = (
    "tenant_id", "workspace_id", "environment_id", "version_id", "redrive_of", "origin_run_id", "parent_run_id",
    "starter_id", "on_behalf_of",
)  # fmt: skip
_TIMES = ("received_at", "deadline_at")


def document(run: Run, kept: Mapping[str, Step]) -> dict[str, Any]:
    """The ground of a run that is about to start. `kept`: steps of an earlier run, whose outputs it takes over."""
    return {
        **{name: getattr(run, name) for name in (*_TEXTS, "priority", "pins")},
        **{name: _text(getattr(run, name)) for name in _IDS},
        **{name: at.isoformat() if (at := getattr(run, name)) else None for name in _TIMES},
        "environment": run.environment.slug,
        "kept": {key: {"state": str(step.state), "output": _output(step)} for key, step in sorted(kept.items())},
    }


def run_of(run_id: UUID, ground: Mapping[str, Any]) -> Run:
    """The row as it was when the run started, in memory only."""
    environment = Environment(id=UUID(ground["environment_id"]), slug=ground["environment"])
    return Run(
        id=run_id,
        environment=environment,
        **{name: ground[name] for name in (*_TEXTS, "priority", "pins")},
        **{name: UUID(ground[name]) if ground[name] else None for name in _IDS if name != "environment_id"},
        **{name: datetime.fromisoformat(ground[name]) if ground[name] else None for name in _TIMES},
        tape=[],
    )


def _text(value: UUID | None) -> str | None:
    return None if value is None else str(value)


def _output(step: Step) -> Any:
    """None when there is none, or when it is gone: what then needs it cannot be played again."""
    try:
        return payloads.get_json(step.output_digest) if step.output_digest else None
    except PayloadExpired:
        return None
