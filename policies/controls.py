"""Programs of the past: the bundles that decided, as they were signed, opened for a trial."""

from django.db import transaction

from policies import bundles, point
from policies.bundles import ROOT, Contents
from policies.engine.protocol import Program
from policies.errors import BundleInvalid
from policies.models import Bundle, DecisionRecord

FAR_NS = 1 << 62
"""A trial never expires: that a bundle was fresh is not what is asked here."""


class Controls:
    """The programs that decided, by bundle and number, opened once each."""

    def __init__(self) -> None:
        self._programs: dict[tuple[str, int], Program | None] = {}

    def of(self, row: DecisionRecord) -> Program | None:
        key = (row.bundle_sha256, row.seq)
        if key not in self._programs:
            self._programs[key] = recorded_program(*key)
        return self._programs[key]


@transaction.atomic
def recorded_program(sha256: str, seq: int) -> Program | None:
    """The bundle as it decided under that number, but never past its time; None when it is not what was signed."""
    bundle = Bundle.objects.filter(sha256=sha256).first()
    if bundle is None:
        return None
    try:
        contents = bundles.open_verified(bytes(bundle.content), keys=point.keyring().trusted())
    except BundleInvalid:
        return None
    return program_of(contents, seq)


def program_of(contents: Contents, seq: int) -> Program:
    """The program of a bundle as it was signed, for a trial: it never expires."""
    told = {"revision": contents.revision, "seq": seq, "issued_ns": 0, "not_after_ns": FAR_NS}
    inner = {**dict(contents.data).get(ROOT, {}), "bundle": told}
    return Program(f"control {contents.sha256}:{seq}", contents.modules, {ROOT: inner})
