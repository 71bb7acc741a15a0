"""Connector manifests: what a connector offers, versioned, signed, pinned by every run.

`install()` signs the built-in ones with the deployment's connector key; `load()` gives one back after
checking its signature. A published version never changes.
"""

from pathlib import Path

from django.conf import settings

from connectors.manifests.document import Manifest, latest_of
from connectors.manifests.store import ManifestStore

__all__ = ["Manifest", "ManifestStore", "catalogue", "install", "load", "store"]


def store() -> ManifestStore:
    """The deployment's store, under `connectors/` of the data folder."""
    return ManifestStore(Path(settings.INTERLOCK_DATA_DIR) / "connectors")


def install() -> list[Manifest]:
    """Sign and store every built-in manifest that is not there yet; safe to run again and in parallel."""
    return store().install()


def load(name: str, version: str, *, digest: str = "") -> Manifest:
    """The manifest of a version, verified; with `digest`, also that it is the one that was pinned.

    Raises ManifestInvalid when it is missing, changed, signed by a stranger or another than pinned.
    """
    return store().load(name, version, digest=digest)


def catalogue() -> dict[str, Manifest]:
    """The newest installed version of every manifest by name."""
    return latest_of(store().load_all())
