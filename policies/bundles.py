"""OPA bundles: a deterministic tar.gz whose every file is named in an ES256 signature. Pure.

Format: OPA `v1/bundle/{bundle,sign,verify,hash}.go`. `.manifest` and `data.json` are hashed in OPA's canonical JSON;
they are written in exactly that form here, so their hash is that of their bytes.
"""

import gzip
import io
import json
import tarfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec

from controlplane.lib.canonical import sha256_hex
from policies import jws
from policies.engine.protocol import Program
from policies.errors import BundleInvalid
from policies.freshness import Statement

ROOT = "interlock"
SCOPE = "policy"
MANIFEST, SIGNATURES = ".manifest", ".signatures.json"
MOST_FILES, LARGEST = 200, 16 << 20
_TYP = "JWT"


@dataclass(frozen=True, slots=True)
class Contents:
    """What a verified bundle says: Rego by path, one data document, and the revision of its manifest."""

    revision: str
    sha256: str
    modules: Mapping[str, str] = field(repr=False)
    data: Mapping[str, Any] = field(repr=False)

    def program(self, statement: Statement) -> Program:
        """The program under one freshness statement, which the bundle's own rules read and obey."""
        inner = {**dict(self.data).get(ROOT, {}), "bundle": told(statement)}
        key = f"{self.sha256}:{statement.seq}:{statement.not_after_ns}"
        return Program(key, self.modules, {ROOT: inner}, statement.environment, served_revision(statement))


def told(statement: Statement) -> dict[str, Any]:
    """What the rules of a bundle know about it, as `data.interlock.bundle`."""
    members = ("revision", "seq", "issued_ns", "not_after_ns")
    return {name: getattr(statement, name) for name in members}


def served_revision(statement: Statement) -> str:
    """The revision under which an OPA server knows the bundle of a statement; the same when it is only confirmed."""
    return f"{statement.revision}:{statement.seq}"


def build(
    *, modules: Mapping[str, str], data: Mapping[str, Any], key: ec.EllipticCurvePrivateKey, kid: str
) -> tuple[str, bytes]:
    """Revision and bytes of the signed bundle. The same content under the same key gives the same bytes.

    `modules`: Rego by path under `interlock/`; `data`: the members of `data.interlock`, without floats.
    """
    files = {path: source.encode() for path, source in modules.items()}
    files[f"{ROOT}/data.json"] = canonical_json(dict(data))
    revision = sha256_hex(canonical_json({path: sha256_hex(content) for path, content in files.items()}))[:16]
    return revision, _sealed(files, revision, key, kid)


def build_served(contents: Contents, statement: Statement, *, key: ec.EllipticCurvePrivateKey, kid: str) -> bytes:
    """The bundle that an OPA server pulls: the verified contents with their freshness statement inside."""
    program = contents.program(statement)
    files = {path: source.encode() for path, source in program.modules.items()}
    files[f"{ROOT}/data.json"] = canonical_json(program.data[ROOT])
    return _sealed(files, program.revision, key, kid)


def _sealed(files: dict[str, bytes], revision: str, key: ec.EllipticCurvePrivateKey, kid: str) -> bytes:
    files = {**files, MANIFEST: canonical_json({"revision": revision, "rego_version": 1, "roots": [ROOT]})}
    return _archive({**files, SIGNATURES: canonical_json({"signatures": [_signature(files, key, kid)]})})


def open_verified(content: bytes, *, keys: Mapping[str, ec.EllipticCurvePublicKey]) -> Contents:
    """The contents, after the signature has been found to name exactly the files that are there.

    Raises BundleInvalid for anything else: unsigned, changed, missing, extra, oversized, links, odd names.
    """
    files = _unpack(content)
    signed = _signed_hashes(files.pop(SIGNATURES, b""), keys)
    if signed != {name: sha256_hex(body) for name, body in files.items()}:
        raise BundleInvalid("the files are not those that were signed")
    return _contents(files, content)


def open_named(content: bytes, *, sha256: str) -> Contents:
    """The contents of a bundle whose digest is on record; no key is needed. Raises BundleInvalid for any other."""
    if sha256_hex(content) != sha256:
        raise BundleInvalid("another bundle than the one on record")
    files = _unpack(content)
    files.pop(SIGNATURES, None)
    return _contents(files, content)


def _contents(files: dict[str, bytes], content: bytes) -> Contents:
    manifest = _json(files.pop(MANIFEST, b""))
    if manifest.get("roots") != [ROOT]:
        raise BundleInvalid("the bundle claims other roots")
    data = _json(files.pop(f"{ROOT}/data.json", b"{}"))
    if not all(name.startswith(f"{ROOT}/") and name.endswith(".rego") for name in files):
        raise BundleInvalid("a file is neither Rego nor the data document")
    modules = {name: body.decode() for name, body in files.items()}
    return Contents(str(manifest.get("revision")), sha256_hex(content), modules, {ROOT: data})


def canonical_json(value: object) -> bytes:
    """OPA's form: keys sorted by bytes, no spaces, U+2028 and U+2029 escaped, no HTML escaping."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.replace("\u2028", "\\u2028").replace("\u2029", "\\u2029").encode()


def _signature(files: Mapping[str, bytes], key: ec.EllipticCurvePrivateKey, kid: str) -> str:
    named = [{"name": name, "hash": sha256_hex(body), "algorithm": "SHA-256"} for name, body in sorted(files.items())]
    return jws.sign({"files": named, "scope": SCOPE, "iss": ROOT}, key=key, kid=kid, typ=_TYP)


def _signed_hashes(signatures: bytes, keys: Mapping[str, ec.EllipticCurvePublicKey]) -> dict[str, str]:
    tokens = _json(signatures).get("signatures")
    if not isinstance(tokens, list) or len(tokens) != 1:
        raise BundleInvalid("a bundle carries exactly one signature")
    try:
        payload = jws.verify(str(tokens[0]), keys=keys, typ=_TYP)
    except jws.BadToken as error:
        raise BundleInvalid(str(error)) from error
    if payload.get("scope") != SCOPE:
        raise BundleInvalid("signed for another scope")
    return {entry["name"]: entry["hash"] for entry in payload["files"] if entry["algorithm"] == "SHA-256"}


def _archive(files: Mapping[str, bytes]) -> bytes:
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name in sorted(files):
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(files[name]), 0o644
            tar.addfile(entry, io.BytesIO(files[name]))
    return gzip.compress(plain.getvalue(), mtime=0)


def _unpack(content: bytes) -> dict[str, bytes]:
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(content)) as packed:
            plain = packed.read(LARGEST + 1)
        if len(plain) > LARGEST:
            raise BundleInvalid("larger than a bundle may be")
        with tarfile.open(fileobj=io.BytesIO(plain), mode="r:") as tar:
            return _members(tar)
    except (OSError, EOFError, zlib.error, tarfile.TarError) as error:
        raise BundleInvalid("not a gzipped tar archive") from error


def _members(tar: tarfile.TarFile) -> dict[str, bytes]:
    files: dict[str, bytes] = {}
    for entry in tar:
        body = tar.extractfile(entry) if entry.isreg() else None
        odd = entry.name.startswith("/") or ".." in entry.name.split("/") or entry.name in files
        if body is None or odd or len(files) >= MOST_FILES:
            raise BundleInvalid(f"an entry that no bundle of ours has: {entry.name[:80]!r}")
        files[entry.name] = body.read()
    return files


def _json(content: bytes) -> dict[str, Any]:
    try:
        value = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise BundleInvalid("a part that should be JSON is not") from error
    if not isinstance(value, dict):
        raise BundleInvalid("a part that should be an object is not")
    return value
