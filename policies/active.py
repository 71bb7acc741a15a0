"""What is active in an environment, verified before it is believed.

Rows could be changed by whoever has the application's database role; the keys in the data folder could not. So the
statement and the bundle are taken from rows, and trusted for their signatures.
"""

from collections import OrderedDict
from contextlib import nullcontext
from dataclasses import dataclass
from functools import lru_cache
from threading import Lock
from uuid import UUID

from django.db import connection, transaction

from controlplane.lib import clock
from policies import bundles, freshness, jws, point
from policies.bundles import ROOT, Contents
from policies.engine.protocol import PointFailure, Program
from policies.errors import BundleInvalid
from policies.freshness import Statement
from policies.models import Activation, Bundle, Standing
from policies.types import Asked
from tenants import quick, scope

_KEPT = 16
_opened: OrderedDict[str, Contents] = OrderedDict()
_opened_lock = Lock()
_watch = freshness.Watch()
_REMEMBERED = 1024
_activations: dict[UUID, Activation] = {}
_last_asked: dict[UUID, frozenset[Asked]] = {}


@dataclass(frozen=True, slots=True)
class Active:
    """A fresh statement and the program it is about. `asked`: what else the policy wants to be asked about."""

    statement: Statement
    program: Program

    @property
    def asked(self) -> frozenset[Asked]:
        told = self.program.data[ROOT].get("asked", ())
        return frozenset(name for name in Asked if name in told)


def of(environment_id: UUID) -> Active:
    """What decides in the environment now. Raises PointFailure `bundle_missing`, `bundle_stale`, `bundle_invalid`."""
    statement, contents = in_force(environment_id)
    found = Active(statement, contents.program(statement))
    _last_asked[environment_id] = found.asked
    while len(_last_asked) > _REMEMBERED:
        _last_asked.pop(next(iter(_last_asked)))
    return found


def last_asked(environment_id: UUID) -> frozenset[Asked]:
    """What else the policy that this process saw last wants to be asked about: known without a statement, and no older
    than its last decision there."""
    return _last_asked.get(environment_id, frozenset())


def in_force(environment_id: UUID) -> tuple[Statement, Contents]:
    """Statement and verified contents of what is active; raises as `of` does."""
    with nullcontext() if connection.in_atomic_block else transaction.atomic():
        standing = standing_of(environment_id)
        if standing is None:
            raise PointFailure("bundle_missing", "no policy is published for this environment")
        statement = believed(standing)
        return statement, _contents(standing.activation.bundle_id, statement)


def standing_of(environment_id: UUID, *, share: bool = False) -> Standing | None:
    """The row of the environment with its activation; `share`: no activation commits before we do."""
    lock = "FOR SHARE" if share else ""
    standing = next(iter(quick.find(Standing, lock=lock, environment_id=environment_id)), None)
    if standing is not None:
        standing.activation = _activation(standing.activation_id)
    return standing


def _activation(activation_id: UUID) -> Activation:
    """Rows of activations are written once and never changed: read once per process."""
    known = _activations.get(activation_id)
    if known is None or known.tenant_id != scope.current():
        known = Activation.objects.get(pk=activation_id)
        _activations[activation_id] = known
        while len(_activations) > _REMEMBERED:
            _activations.pop(next(iter(_activations)))
    return known


def believed(standing: Standing) -> Statement:
    """The statement of a row if it is signed, about this row, and covers now; raises PointFailure."""
    try:
        statement = _signed(standing.statement)
    except jws.BadToken as error:
        raise PointFailure("bundle_invalid", f"freshness statement: {error}") from error
    about = (statement.tenant, statement.environment, statement.seq)
    if about != (str(scope.current()), str(standing.environment_id), standing.activation.seq):
        raise PointFailure("bundle_invalid", "the freshness statement is about something else")
    now_ns = clock.now_ns()
    steady_ns = int(clock.monotonic() * 1_000_000_000)
    stepped_back = _watch.stepped_back(f"{standing.environment_id}/{statement.seq}", now_ns, steady_ns)
    if stepped_back or not statement.covers(now_ns):
        raise PointFailure("bundle_stale", "the policy bundle has not been confirmed in time")
    return statement


@lru_cache(maxsize=64)
def _signed(token: str) -> Statement:
    """Verified once per process: a token never changes its meaning, and runs out within minutes."""
    return freshness.read(token, keys=point.keyring().trusted())


def _contents(bundle_id: UUID, statement: Statement) -> Contents:
    contents = _kept(statement.sha256)
    if contents is None:
        row = Bundle.objects.filter(pk=bundle_id, sha256=statement.sha256).first()
        contents = _keep(_verified(row, statement))
    if contents.revision != statement.revision:
        raise PointFailure("bundle_invalid", "another revision than the statement names")
    return contents


def _verified(row: Bundle | None, statement: Statement) -> Contents:
    if row is None:
        raise PointFailure("bundle_invalid", "another bundle than the statement names")
    try:
        contents = bundles.open_verified(bytes(row.content), keys=point.keyring().trusted())
    except BundleInvalid as error:
        raise PointFailure("bundle_invalid", error.detail) from error
    if contents.sha256 != statement.sha256:
        raise PointFailure("bundle_invalid", "the bytes are not those that the statement names")
    return contents


def _kept(sha256: str) -> Contents | None:
    with _opened_lock:
        contents = _opened.get(sha256)
        if contents is not None:
            _opened.move_to_end(sha256)
        return contents


def _keep(contents: Contents) -> Contents:
    with _opened_lock:
        _opened[contents.sha256] = contents
        while len(_opened) > _KEPT:
            _opened.popitem(last=False)
    return contents
