"""Documents that the record of a run names by digest, for replay: its definition, and the policy that decided."""

from collections.abc import Mapping, Sequence

from controlplane.lib.canonical import canonical
from evidence.verify.envelope import Event
from policies.models import Bundle
from workflows.models import WorkflowVersion


def of_events(events: Sequence[Event]) -> Mapping[str, bytes]:
    """Bound to `evidence.ports.exhibits`."""
    definitions = {str(event.data.get("definition_digest", "")) for event in events if event.type == "run.started"}
    bundles = {str(event.data.get("bundle_sha256", "")) for event in events if event.type == "policy.decided"}
    versions = WorkflowVersion.objects.filter(digest__in=definitions)
    return {version.digest: content_of(version) for version in versions} | {
        bundle.sha256: bytes(bundle.content) for bundle in Bundle.objects.filter(sha256__in=bundles - {""})
    }


def content_of(version: WorkflowVersion) -> bytes:
    """The bytes whose SHA-256 is the version's digest."""
    return canonical({"definition": version.document, "assets": version.assets})
