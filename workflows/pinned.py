"""Published versions, read and built once per process: a version never changes."""

from functools import lru_cache
from uuid import UUID

from tenants import scope
from workflows.definition.model import Definition, build
from workflows.models import WorkflowVersion


def pinned(version_id: UUID) -> tuple[WorkflowVersion, Definition]:
    """A version of the entered tenant and the definition in it."""
    return _built(scope.current(), version_id)


@lru_cache(maxsize=512)
def _built(_tenant_id: UUID, version_id: UUID) -> tuple[WorkflowVersion, Definition]:
    version = WorkflowVersion.objects.get(pk=version_id)
    return version, build(version.document)
