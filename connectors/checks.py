"""What can be wrong with the installation of the connectors; each finding says what to change."""

from collections.abc import Sequence
from typing import Any

from django.core.checks import CheckMessage, Error, Tags, register

from connectors import registry
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
    """The first byte and the whole reply fit into the lease."""
    if clocks.LAST_BYTE_S <= clocks.LEASE_S:
        return []
    hint = "INTERLOCK_CALL_LEASE_S must hold INTERLOCK_SEND_WINDOW_S, INTERLOCK_HARD_DEADLINE_S and 2 s together."
    return [Error("a call can outlive its lease", hint=hint, id="connectors.E003")]
