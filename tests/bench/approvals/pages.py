"""What people do, through the whole stack but the socket: middleware, session, view, verb, template."""

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

from django.db import transaction
from django.test import Client

from connectors import cards
from tenants import scope
from tests.bench.approvals import crowd

WARM = 5


@dataclass(frozen=True)
class Times:
    """`cpu_ms`: of our own process at the median, which a busy machine does not change."""

    p50_ms: float
    p95_ms: float
    cpu_ms: float
    count: int


def queue(world: SimpleNamespace, rounds: int) -> dict[str, Times]:
    """Every tab, its first page and one from the middle."""
    client = _signed_in(world.a.carol)
    middle = crowd.open_for(world, world.a.carol, 2_000)[-1].pk
    paths = {
        "waiting for me": "/o/a/approvals/",
        "waiting for me, far down": f"/o/a/approvals/?before={middle}",
        "all waiting": "/o/a/approvals/?show=all",
        "decided": "/o/a/approvals/?show=decided",
        "one request": f"/o/a/approvals/{middle}/",
    }
    return {name: _taken(lambda path=path: _ok(client.get(path)), rounds) for name, path in paths.items()}


def vote(world: SimpleNamespace, rounds: int) -> dict[str, Times]:
    """Half of the votes settle their request, the other half wait for a second person."""
    client = _signed_in(world.a.carol)
    waiting = crowd.open_for(world, world.a.carol, rounds + WARM)
    return {"vote": _each(waiting, lambda request: _voted(client, request))}


def api(world: SimpleNamespace, rounds: int) -> dict[str, Times]:
    """The same queue as the API gives it out, fifty at a time."""
    client = _signed_in(world.a.carol)
    headers = {"X-Interlock-Tenant": "a"}
    paths = {f"API: {which}": f"/v1/approvals?which={which}" for which in ("mine", "all", "decided")}
    return {
        name: _taken(lambda path=path: _ok(client.get(path, headers=headers)), rounds) for name, path in paths.items()
    }


def sweeper(world: SimpleNamespace, rounds: int) -> dict[str, Times]:
    """What looks every few seconds whether a card is behind; here every one is."""

    def look() -> None:
        with scope.enter(world.a.tenant.id), transaction.atomic():
            assert cards.behind(50)

    return {"cards behind": _taken(look, rounds)}


def _voted(client: Client, request: Any) -> None:
    ballot = {"verdict": "approve", "reason": "bench", "seen_digest": request.display_digest}
    answer = client.post(f"/o/a/approvals/{request.pk}/", ballot)
    assert answer.status_code == 302, answer.content[:2000]


def _ok(answer: Any) -> None:
    assert answer.status_code == 200, answer.content[:2000]


def _signed_in(user: Any) -> Client:
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


def _taken(work: Callable[[], None], rounds: int) -> Times:
    return _each(range(rounds + WARM), lambda _: work())


def _each(things: Sequence[Any], work: Callable[[Any], None]) -> Times:
    taken, cpu = [], []
    for thing in things:
        began, busy = time.perf_counter(), time.process_time()
        work(thing)
        taken.append((time.perf_counter() - began) * 1000)
        cpu.append((time.process_time() - busy) * 1000)
    counted = taken[WARM:]
    p95 = statistics.quantiles(counted, n=20, method="inclusive")[18]
    return Times(statistics.median(counted), p95, statistics.median(cpu[WARM:]), len(counted))
