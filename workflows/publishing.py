"""Publishing a definition: checked against what is there, frozen with its tools' versions, prompts and schemas."""

from copy import deepcopy
from typing import Any
from uuid import UUID

from django.db import transaction

from controlplane.lib.canonical import digest
from evidence.services import record
from tenants.actors import Actor
from tenants.permissions import Perm, require
from workflows.assets import Assets, check_given, known_assets, named_by
from workflows.cataloguing import catalogue
from workflows.definition.catalogue import Catalogue
from workflows.definition.loading import examine, read
from workflows.definition.model import Definition, StepKind, build
from workflows.errors import VersionNotNewer, VersionTaken, WorkflowUnknown
from workflows.events import VersionPublished
from workflows.models import Workflow, WorkflowVersion

NOTHING = Assets()


@transaction.atomic
def check(
    *, workspace_id: UUID, source: str, actor: Actor, file: str = "workflow.yaml", assets: Assets = NOTHING
) -> Definition:
    """The definition in a text, as it would be published; nothing is written. Joins an open transaction.

    Needs VIEW; raises DefinitionRefused with every finding, AssetInvalid, AssetTaken.
    """
    require(actor, Perm.VIEW, workspace_id)
    check_given(assets, known_assets(workspace_id))
    reading = read(source, file=file)
    names = {step.sub.workflow for step in reading.definition.steps if step.sub is not None}
    known = catalogue(workspace_id=workspace_id, assets=assets, names=names)
    return _frozen(examine(reading, known), known)


@transaction.atomic(durable=True)
def publish_version(
    *, workspace_id: UUID, source: str, actor: Actor, file: str = "workflow.yaml", assets: Assets = NOTHING
) -> WorkflowVersion:
    """Publish a definition under the name and version it carries. The same content again is the same row.

    New runs use the highest version. `assets`: prompts and schemas that it names beside those of the library
    and those published before. Needs MANAGE_WORKFLOWS; raises DefinitionRefused, VersionTaken for other content
    under a published version, VersionNotNewer for one below the highest, AssetInvalid, AssetTaken.
    """
    require(actor, Perm.MANAGE_WORKFLOWS, workspace_id)
    definition = check(workspace_id=workspace_id, source=source, actor=actor, file=file, assets=assets)
    kept = named_by(definition, known_assets(workspace_id) | assets)
    content = digest({"definition": definition.document, "assets": kept})
    workflow = _workflow(workspace_id, definition.name)
    known = WorkflowVersion.objects.filter(workflow=workflow, version=definition.version).first()
    if known is not None:
        return _same(known, content)
    _check_newer(workflow, definition.version)
    version = WorkflowVersion.objects.create(
        workflow=workflow,
        version=definition.version,
        digest=content,
        source=source,
        document=definition.document,
        assets=kept,
        published_by=actor.id,
        published_label=actor.label,
    )
    event = VersionPublished(definition.name, definition.version, content)
    record(event, actor=actor, workspace_id=workspace_id)
    return version


def newest(workspace_id: UUID, name: str) -> WorkflowVersion | None:
    """The version that new runs use; None when nothing is published under the name."""
    versions = WorkflowVersion.objects.filter(workflow__workspace_id=workspace_id, workflow__name=name)
    return max(versions, key=lambda row: order_of(row.version), default=None)


def published(workspace_id: UUID, name: str, version: str) -> WorkflowVersion:
    """One version of a workflow; raises WorkflowUnknown."""
    rows = WorkflowVersion.objects.filter(workflow__workspace_id=workspace_id, workflow__name=name)
    row = rows.filter(version=version).first()
    if row is None:
        raise WorkflowUnknown(f"{name} {version} is not published in this workspace")
    return row


def order_of(version: str) -> tuple[int, ...]:
    """SemVer without pre-releases, which the schema does not admit."""
    return tuple(int(part) for part in version.split("."))


def _workflow(workspace_id: UUID, name: str) -> Workflow:
    """The row of the name, locked: two publishers take turns."""
    Workflow.objects.bulk_create([Workflow(workspace_id=workspace_id, name=name)], ignore_conflicts=True)
    return Workflow.objects.select_for_update().get(workspace_id=workspace_id, name=name)


def _same(known: WorkflowVersion, content: str) -> WorkflowVersion:
    if known.digest != content:
        raise VersionTaken(f"{known.version} is published as {known.digest[:12]}…: raise the version")
    return known


def _check_newer(workflow: Workflow, version: str) -> None:
    published = WorkflowVersion.objects.filter(workflow=workflow).values_list("version", flat=True)
    highest = max(published, key=order_of, default=None)
    if highest is not None and order_of(version) < order_of(highest):
        raise VersionNotNewer(f"{highest} is published, {version} is older")


def _frozen(definition: Definition, known: Catalogue) -> Definition:
    """The definition with the version of every tool written out: a later manifest does not change what it means."""
    document: dict[str, Any] = deepcopy(definition.document)
    for step, written in zip(definition.steps, document["spec"]["steps"], strict=True):
        if step.kind is StepKind.CALL:
            written["call"] = f"{step.tool}@{step.tool_version or known.tools[step.tool].version}"
    return build(document)
