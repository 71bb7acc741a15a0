"""Publishing a definition: checked against what is installed, frozen with its prompts and schemas."""

from typing import Any
from uuid import UUID

from django.db import transaction

from connectors import manifests
from connectors.llm import library
from connectors.types import Action
from controlplane.lib.canonical import digest
from evidence.services import record
from tenants.actors import Actor
from tenants.permissions import Perm, require
from workflows.definition.lint import Catalogue
from workflows.definition.loading import load
from workflows.definition.model import MODEL_TOOL, Definition
from workflows.errors import VersionNotNewer, VersionTaken, WorkflowUnknown
from workflows.events import VersionPublished
from workflows.models import Workflow, WorkflowVersion


def check(source: str, *, file: str = "workflow.yaml") -> Definition:
    """The definition in a text; raises DefinitionRefused with every finding."""
    return load(source, file=file, catalogue=catalogue())


def catalogue() -> Catalogue:
    """What definitions may name: the tools of the installed manifests, the prompts and schemas of the library."""
    return Catalogue(_tools(), frozenset(library.prompts()), frozenset(library.schemas()))


@transaction.atomic(durable=True)
def publish_version(*, workspace_id: UUID, source: str, actor: Actor, file: str = "workflow.yaml") -> WorkflowVersion:
    """Publish a definition under the name and version it carries. The same content again is the same row.

    New runs use the highest version. Needs MANAGE_WORKFLOWS; raises DefinitionRefused, VersionTaken for
    other content under a published version, VersionNotNewer for one below the highest.
    """
    require(actor, Perm.MANAGE_WORKFLOWS, workspace_id)
    definition = check(source, file=file)
    assets = _assets(definition)
    content = digest({"definition": definition.document, "assets": assets})
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
        assets=assets,
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


def _tools() -> dict[str, Action]:
    return {tool: action for manifest in manifests.catalogue().values() for tool, action in manifest.actions.items()}


def _assets(definition: Definition) -> dict[str, Any]:
    """The text of every prompt and schema that is named, so that the version means the same for ever."""
    assets: dict[str, Any] = {}
    for step in definition.steps:
        if step.tool == MODEL_TOOL:
            prompt, schema = step.arguments["prompt"], step.arguments["schema"]
            assets[f"prompts/{prompt}"] = library.prompt(prompt)
            assets[f"schemas/{schema}"] = library.schema(schema)
    return assets
