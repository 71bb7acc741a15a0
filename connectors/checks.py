"""What can be wrong with the installation of the connectors; each finding says what to change."""

from collections.abc import Sequence
from typing import Any

from django.core.checks import CheckMessage, Error, Tags, register

from connectors import registry, stalls
from connectors.errors import ManifestInvalid
from connectors.gateway import clocks
from connectors.manifests.document import Manifest, builtin_documents, latest_of, parse


@register(Tags.compatibility)
def manifests_fit_drivers(app_configs: Any, **kwargs: Any) -> Sequence[CheckMessage]:  # noqa: ARG001 - Django's
    """Each built-in manifest parses; the newest offers exactly what its driver can do, an older one nothing more."""
    try:
        known = [parse(document) for document in builtin_documents()]
    except ManifestInvalid as error:
        return [Error(error.detail, hint="Repair the manifest in connectors/manifests/builtin.", id="connectors.E001")]
    newest = latest_of(known)
    return [_disagree(one) for one in known if not _fits(one, is_newest=one is newest[one.name])]


def _fits(manifest: Manifest, *, is_newest: bool) -> bool:
    offered, able = set(manifest.actions), set(registry.driver(manifest.driver).verbs)
    return offered == able if is_newest else offered <= able


def _disagree(manifest: Manifest) -> CheckMessage:
    hint = "Offer the same tools in the manifest and in the driver's verbs."
    return Error(f"{manifest.name} {manifest.version} and its driver disagree", hint=hint, id="connectors.E002")


@register(Tags.compatibility)
def clocks_fit(app_configs: Any, **kwargs: Any) -> Sequence[CheckMessage]:  # noqa: ARG001 - Django's
    """The first byte, the whole reply, and the end of a process that sleeps through it fit into the lease."""
    if clocks.LAST_BYTE_S <= clocks.LEASE_S:
        return []
    whole = f"INTERLOCK_SEND_WINDOW_S, INTERLOCK_HARD_DEADLINE_S and {stalls.STALL_S} s together"
    hint = f"INTERLOCK_CALL_LEASE_S must hold {whole}: {clocks.LAST_BYTE_S} s."
    return [Error("a call can outlive its lease", hint=hint, id="connectors.E003")]
