"""Workspaces and environments by id. What they are called never changes, so a process reads each of them once."""

from typing import TypeVar
from uuid import UUID

from tenants import quick, scope
from tenants.models import Environment, Workspace

_workspaces: dict[tuple[UUID, UUID], Workspace] = {}
_environments: dict[tuple[UUID, UUID], Environment] = {}
MOST = 10_000
T = TypeVar("T")


def workspace(workspace_id: UUID) -> Workspace:
    """A workspace of the entered tenant; raises Workspace.DoesNotExist."""
    key = (scope.current(), workspace_id)
    if key not in _workspaces:
        found = quick.first(Workspace, id=workspace_id)
        if found is None:
            raise Workspace.DoesNotExist(str(workspace_id))
        _room(_workspaces)[key] = found
    return _workspaces[key]


def environment(environment_id: UUID) -> Environment:
    """An environment of the entered tenant; raises Environment.DoesNotExist."""
    key = (scope.current(), environment_id)
    if key not in _environments:
        found = quick.first(Environment, id=environment_id)
        if found is None:
            raise Environment.DoesNotExist(str(environment_id))
        _room(_environments)[key] = found
    return _environments[key]


def _room(known: dict[tuple[UUID, UUID], T]) -> dict[tuple[UUID, UUID], T]:
    if len(known) >= MOST:
        known.clear()
    return known
