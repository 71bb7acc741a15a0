"""Verbs of replay, beside the database. Reading content is on record."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from uuid import UUID

from django.db import transaction

from controlplane.lib.errors import Invalid
from evidence.services import record
from policies import publishing
from policies.types import PackSource
from tenants.actors import Actor
from tenants.permissions import Perm
from workflows import access
from workflows.events import RunReplayed
from workflows.models import Run, WorkflowVersion
from workflows.publishing import published
from workflows.replay import counterfactual, decisions, exact, reading, structural
from workflows.replay.material import Material
from workflows.replay.report import Level, Report

LEVELS: Mapping[Level, Callable[[Material], Report]] = MappingProxyType(
    {Level.R0: structural.replay, Level.R1: exact.replay, Level.R2: decisions.replay}
)


def replay(*, run_id: UUID, level: Level, actor: Actor) -> Report:
    """Play a run again. R0 needs VIEW; R1 and R2 read content and need EXPORT_EVIDENCE. Raises NotFound."""
    _seen(run_id, actor, Perm.VIEW if level is Level.R0 else Perm.EXPORT_EVIDENCE)
    report = LEVELS[level](reading.of_run(run_id))
    return _told(report, run_id, "", actor)


def with_version(*, run_id: UUID, version: str, actor: Actor) -> Report:
    """The run under another published version of its workflow. Needs EXPORT_EVIDENCE; raises WorkflowUnknown."""
    other = _version(run_id, version, actor)
    report = counterfactual.what_if(reading.of_run(run_id), other.document, other.assets)
    return _told(report, run_id, f"workflow {other.digest}", actor)


def with_policy(*, run_id: UUID, packs: Mapping[str, PackSource], actor: Actor) -> Report:
    """The decisions of the run under other packs. Needs EXPORT_EVIDENCE; raises PolicyRefused for a pack that no
    engine would load."""
    if not packs:
        raise Invalid("name at least one pack", field="packs")
    _seen(run_id, actor, Perm.EXPORT_EVIDENCE)
    publishing.check(packs)
    report = decisions.what_if(reading.of_run(run_id), packs)
    return _told(report, run_id, f"policy {' '.join(pack.digest for pack in packs.values())}", actor)


@transaction.atomic
def _seen(run_id: UUID, actor: Actor, perm: Perm) -> Run:
    return access.access_run(actor, run_id, perm)


@transaction.atomic
def _version(run_id: UUID, version: str, actor: Actor) -> WorkflowVersion:
    run = access.access_run(actor, run_id, Perm.EXPORT_EVIDENCE)
    return published(run.workspace_id, run.workflow_name, version)


@transaction.atomic(durable=True)
def _told(report: Report, run_id: UUID, other: str, actor: Actor) -> Report:
    """In the workspace's log, not in the run's chain: that one is over."""
    run = Run.objects.get(pk=run_id)
    event = RunReplayed(run_id, report.level.value, report.verdict.value, report.events, report.same, other or None)
    record(event, actor=actor, workspace_id=run.workspace_id)
    return report
