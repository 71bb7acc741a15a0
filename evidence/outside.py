"""Who outside the operator's reach hears of signed heads: one file of the operator's, `anchors.json`.

    {"tsas":      [{"name": "tsa.example", "url": "https://…", "certificate": "tsa.pem", "roots": "roots.pem"}],
     "witnesses": [{"name": "witness.example", "url": "https://…", "public": "<base64>"}],
     "quorum":    1,
     "places":    [{"name": "acme-bucket", "tenant": "<id>", "kind": "s3", "bucket": "…", "retain_days": 365},
                   {"name": "acme-hook", "tenant": "<id>", "kind": "webhook", "url": "https://…"},
                   {"name": "acme-slack", "tenant": "<id>", "kind": "slack", "url": "https://…"},
                   {"name": "acme-share", "tenant": "<id>", "kind": "directory", "path": "/mnt/acme"}]}

Every member may be left out; without the file nobody outside hears anything. Files are named relative to it.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from django.conf import settings

from evidence.errors import OutsideMisconfigured
from evidence.verify.encoding import unb64
from evidence.verify.trust import Tsa, Witness

_OPTIONS = {
    "webhook": {"url"},
    "slack": {"url"},
    "directory": {"path"},
    "s3": {"bucket", "prefix", "retain_days"},
}
_NEEDED = {"webhook": {"url"}, "slack": {"url"}, "directory": {"path"}, "s3": {"bucket", "retain_days"}}


@dataclass(frozen=True)
class TsaServer:
    """`trusted` is the certificate that signs, `roots` (DER) are those that the client library follows it to."""

    trusted: Tsa
    url: str
    roots: tuple[bytes, ...]


@dataclass(frozen=True)
class WitnessServer:
    trusted: Witness
    url: str


@dataclass(frozen=True)
class Place:
    """Where heads of one tenant are pushed to; `options` by kind, see above."""

    name: str
    tenant_id: UUID
    kind: str
    options: Mapping[str, Any]


@dataclass(frozen=True)
class Outside:
    tsas: tuple[TsaServer, ...] = ()
    witnesses: tuple[WitnessServer, ...] = ()
    quorum: int = 1
    places: tuple[Place, ...] = ()


def configured() -> Outside:
    """Read at each round, so that a change needs no restart; raises OutsideMisconfigured."""
    path: Path = settings.INTERLOCK_ANCHORS
    if not path.exists():
        return Outside()
    try:
        return _read(json.loads(path.read_text(encoding="utf-8")), path.parent)
    except (ValueError, KeyError, TypeError, OSError) as error:
        raise OutsideMisconfigured(f"{path}: {type(error).__name__} {error}") from error


def _read(document: Mapping[str, Any], folder: Path) -> Outside:
    unknown = set(document) - {"tsas", "witnesses", "quorum", "places"}
    if unknown:
        raise ValueError(f"unknown: {', '.join(sorted(unknown))}")
    return Outside(
        tuple(_tsa(item, folder) for item in document.get("tsas", [])),
        tuple(_witness(item) for item in document.get("witnesses", [])),
        int(document.get("quorum", 1)),
        tuple(_place(item) for item in document.get("places", [])),
    )


def _tsa(item: Mapping[str, Any], folder: Path) -> TsaServer:
    certificate = _certificates(folder / item["certificate"])[0]
    roots = _certificates(folder / item["roots"]) if "roots" in item else [certificate]
    return TsaServer(Tsa(str(item["name"]), certificate), str(item["url"]), tuple(roots))


def _witness(item: Mapping[str, Any]) -> WitnessServer:
    return WitnessServer(Witness(str(item["name"]), unb64(item["public"], size=32)), str(item["url"]))


def _place(item: Mapping[str, Any]) -> Place:
    kind = str(item["kind"])
    options = {name: item[name] for name in item if name not in {"name", "tenant", "kind"}}
    if not _NEEDED[kind] <= set(options) <= _OPTIONS[kind]:
        raise ValueError(f"a place of kind {kind} has {', '.join(sorted(_OPTIONS[kind]))}")
    return Place(str(item["name"]), UUID(item["tenant"]), kind, options)


def _certificates(path: Path) -> list[bytes]:
    return [one.public_bytes(Encoding.DER) for one in x509.load_pem_x509_certificates(path.read_bytes())]
