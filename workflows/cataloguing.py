"""What definitions of a workspace may name: installed tools, prompts and schemas, and its published workflows."""

from collections.abc import Iterable
from dataclasses import replace
from uuid import UUID

from connectors import manifests
from connectors.types import Action
from workflows.assets import Assets, known_assets
from workflows.definition.catalogue import Catalogue, Published
from workflows.definition.model import build
from workflows.definition.steps import Sub
from workflows.definition.summary import summary
from workflows.models import WorkflowVersion


def catalogue(*, workspace_id: UUID, assets: Assets, names: Iterable[str]) -> Catalogue:
    """`assets`: given along with the definition; `names`: the workflows that it runs. Needs an open transaction."""
    tools, offered = _tools()
    known = known_assets(workspace_id) | assets
    bare = Catalogue(tools, known.prompts, known.schemas, {}, offered)
    return replace(bare, workflows=_workflows(workspace_id, bare, frozenset(names)))


def _tools() -> tuple[dict[str, Action], dict[str, dict[str, Action]]]:
    """The newest of every tool, and every version of those that have several."""
    newest = {tool: action for manifest in manifests.catalogue().values() for tool, action in manifest.actions.items()}
    every: dict[str, dict[str, Action]] = {}
    for manifest in manifests.store().load_all():
        for tool, action in manifest.actions.items():
            every.setdefault(tool, {})[action.version] = action
    return newest, {tool: versions for tool, versions in every.items() if len(versions) > 1}


def _workflows(workspace_id: UUID, bare: Catalogue, names: frozenset[str]) -> dict[Sub, Published]:
    """Every published version under these names, and what those run in turn. A cycle cannot be published."""
    rows = WorkflowVersion.objects.filter(workflow__workspace_id=workspace_id, workflow__name__in=names)
    definitions = [build(row.document) for row in rows.only("document")]
    below = {step.sub.workflow for each in definitions for step in each.steps if step.sub is not None} - names
    found = _workflows(workspace_id, bare, frozenset(below)) if below else {}
    for each in sorted(definitions, key=lambda definition: sum(step.sub is not None for step in definition.steps)):
        found[Sub(each.name, each.version)] = summary(each, replace(bare, workflows=found))
    return found
