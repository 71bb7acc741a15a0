"""How long a policy is believed: the statement, the bundle itself, and what clocks that step do to both."""

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from controlplane.lib import clock
from policies import active, bundles, freshness, point, publishing, services
from policies.engine.egress_opa import Address, ServerPoint
from policies.freshness import HOLD_NS, Statement
from policies.models import Standing
from policies.types import Decision, Effect
from tests import opa_servers
from tests.bench.policy import site
from tests.opa_servers import Stub
from tests.policy_questions import question

Ask = Callable[..., Decision]
TTL = timedelta(seconds=600)
SECOND = 1_000_000_000


def reading(side: SimpleNamespace) -> dict[str, Any]:
    return question(side, tool="servicenow.incident.get", kind="read", risk="low", args={"sys_id": "0" * 32})


@pytest.fixture
def ended(published: SimpleNamespace, ask: Ask) -> Callable[[], str]:
    """How a read that triage grants ends now: `ALLOW`, or the code of its refusal."""

    def decide() -> str:
        decision = ask(reading(published))
        return "ALLOW" if decision.effect is Effect.ALLOW else decision.reasons[0].code

    return decide


@pytest.fixture
def clocks(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """The database's clock as this process learns of it, and a steady time that can be moved on."""
    monkeypatch.setattr(clock, "_booted_at_ns", clock._booted_at_ns)
    monkeypatch.setattr(active, "_watch", freshness.Watch())
    moved = SimpleNamespace(s=0.0)
    uptime, monotonic = clock._uptime_ns, clock.monotonic
    monkeypatch.setattr(clock, "_uptime_ns", lambda: uptime() + int(moved.s * SECOND))
    monkeypatch.setattr(clock, "monotonic", lambda: monotonic() + moved.s)

    def set_database(seconds: float) -> None:
        clock.agree(clock.now_ns() + int(seconds * SECOND))

    def wait(seconds: float) -> None:
        moved.s += seconds

    return SimpleNamespace(set_database=set_database, wait=wait)


@pytest.mark.parametrize("ttl_s", [300, 600, 900])
def test_the_statement_is_issued_anew_every_third_of_its_life(
    inside: SimpleNamespace, activate: Callable[..., Any], ttl_s: int
) -> None:
    activate(ttl_s=ttl_s)
    began = Standing.objects.get().issued_at
    issued: list[datetime] = []
    for part in range(1, 7):
        with clock.frozen(began + timedelta(seconds=part * ttl_s / 6)):
            services.refresh_due()
        issued.append(Standing.objects.get().issued_at)
    thirds = [began + timedelta(seconds=n * ttl_s / 3) for n in (0, 1, 1, 2, 2, 3)]
    assert issued == thirds
    row = Standing.objects.get()
    assert row.not_after - row.issued_at == timedelta(seconds=ttl_s)


@pytest.mark.parametrize(
    ("after", "told"),
    [(TTL - timedelta(microseconds=1), "ALLOW"), (TTL, "bundle_stale"), (TTL + timedelta(hours=1), "bundle_stale")],
)
def test_past_its_time_the_enforcement_point_denies(ended: Callable[[], str], after: timedelta, told: str) -> None:
    issued = Standing.objects.get().issued_at
    with clock.frozen(issued + after):
        assert ended() == told


@pytest.mark.parametrize(
    ("after", "told"),
    [(TTL - timedelta(microseconds=1), "ALLOW"), (TTL, "bundle_expired"), (TTL * 9, "bundle_expired")],
)
def test_past_its_time_the_bundle_denies_by_itself(
    ended: Callable[[], str], after: timedelta, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also for an enforcement point that would not notice."""
    monkeypatch.setattr(Statement, "covers", lambda *_: True)
    issued = Standing.objects.get().issued_at
    with clock.frozen(issued + after):
        assert ended() == told


def test_an_opa_server_that_gets_no_news_denies_by_itself(
    published: SimpleNamespace, ended: Callable[[], str], tmp_path: Path
) -> None:
    """The revision stays the expected one; the statement inside has run out."""
    signing, stub, name = point.keyring().signing(), Stub(), str(published.environment.id)
    statement, contents = active.in_force(published.environment.id)
    stub.bundle = bundles.build_served(contents, statement, key=signing.private, kid=signing.kid)
    server = opa_servers.start(tmp_path, site.server_settings(stub.url, name))
    try:
        opa_servers.until(lambda: server.status().get(name, {}).get("active_revision"), "no bundle came")
        with point.replaced_by(ServerPoint(Address(server.url), deadline_s=5)):
            assert ended() == "ALLOW"
            for later, told in ((TTL * 0.9, "ALLOW"), (TTL * 1.5, "bundle_expired")):
                with clock.frozen(statement_issued(statement) + later):
                    publishing.refresh(published.tenant.id, published.environment.id)
                    assert ended() == told
    finally:
        server.stop()
        stub.stop()


def statement_issued(statement: Statement) -> datetime:
    return datetime.fromtimestamp(statement.issued_ns / SECOND, tz=clock.now().tzinfo)


def test_a_wall_clock_of_ours_that_steps_moves_nothing(
    ended: Callable[[], str], clocks: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The database's clock counts, and from then on one that never steps."""
    assert ended() == "ALLOW"
    for step in (-7200, 7200):
        monkeypatch.setattr(clock, "_wall_ns", lambda step=step: 1_795_000_000 * SECOND + step * SECOND)
        assert ended() == "ALLOW"


def test_a_database_clock_that_steps_forward_denies_until_the_next_confirmation(
    ended: Callable[[], str], clocks: SimpleNamespace
) -> None:
    assert ended() == "ALLOW"
    clocks.set_database(3600)
    assert ended() == "bundle_stale"
    assert services.refresh_due() == 1
    assert ended() == "ALLOW"


def test_a_database_clock_that_steps_back_denies_until_nothing_old_can_live(
    ended: Callable[[], str], clocks: SimpleNamespace
) -> None:
    assert ended() == "ALLOW"
    clocks.set_database(-3600)
    assert ended() == "bundle_stale"
    assert services.refresh_due() == 1, "a statement of the future is issued anew at once"
    for _ in range(4):
        assert ended() == "bundle_stale", "this process has seen later"
        clocks.wait(HOLD_NS / SECOND / 4)
        services.refresh_due()
    assert ended() == "ALLOW"


def test_a_step_back_within_the_life_of_a_statement_is_denied_too(
    ended: Callable[[], str], clocks: SimpleNamespace
) -> None:
    clocks.wait(120)
    assert ended() == "ALLOW"
    clocks.set_database(-60)
    assert ended() == "bundle_stale"
    clocks.set_database(+61)
    assert ended() == "ALLOW", "set right again"


def test_an_activation_ends_the_wait_at_once(
    ended: Callable[[], str], activate: Callable[..., Any], clocks: SimpleNamespace
) -> None:
    assert ended() == "ALLOW"
    clocks.set_database(-3600)
    assert ended() == "bundle_stale"
    activate()
    assert ended() == "ALLOW"


def test_an_old_statement_is_not_brought_back_with_the_clock(
    ended: Callable[[], str], clocks: SimpleNamespace, published: SimpleNamespace
) -> None:
    """Whoever can write the row and set the database's clock still cannot replay."""
    assert ended() == "ALLOW"
    old = Standing.objects.get().statement
    clocks.wait(700)
    services.refresh_due()
    assert ended() == "ALLOW"
    Standing.objects.update(statement=old)
    assert ended() == "bundle_stale"
    clocks.set_database(-650)
    for _ in range(10):
        assert ended() == "bundle_stale"
        clocks.wait(HOLD_NS / SECOND / 9)
