"""Latency and throughput: the engines side by side, and what the enforcement point puts around them."""

import itertools
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from types import SimpleNamespace
from typing import Any

from django.db import transaction

from controlplane.lib import clock, ids
from policies import active, asking, point, services
from policies.active import Active
from policies.asking import Occasion
from policies.engine.egress_opa import Address, ServerPoint
from policies.engine.embedded import EmbeddedPoint
from policies.engine.protocol import JsonObject, Layers, PointFailure, Program
from tests.bench.policy import site, timing
from tests.bench.policy.timing import Times
from tests.opa_servers import RealOpa

THREADS = 4


class Timed:
    """A decision point that notes how long its engine took."""

    def __init__(self, inner: EmbeddedPoint) -> None:
        self._inner = inner
        self.last_s = 0.0

    def evaluate(self, program: Program, document: JsonObject) -> JsonObject:
        began = time.perf_counter()
        try:
            return self._inner.evaluate(program, document)
        finally:
            self.last_s = time.perf_counter() - began

    def evaluate_many(self, program: Program, documents: Sequence[JsonObject]) -> list[JsonObject | PointFailure]:
        return self._inner.evaluate_many(program, documents)

    def layers(self) -> Layers:
        return self._inner.layers()


def engines(
    side: SimpleNamespace, found: Active, embedded: EmbeddedPoint, server: RealOpa | None, rounds: int
) -> dict[str, Times]:
    """In turns: the embedded child, OPA by the barest client, OPA through our adapter."""
    asked = itertools.cycle(site.questions(side, 64))
    works: dict[str, Callable[[], object]] = {"embedded": lambda: embedded.evaluate(found.program, next(asked))}
    if server is not None:
        bare, ours = site.asking(server), ServerPoint(Address(server.url), deadline_s=2)
        works["OPA server"] = lambda: bare(next(asked))
        works["OPA server, our adapter"] = lambda: ours.evaluate(found.program, next(asked))
    return timing.in_turns(works, rounds)


def throughput(
    side: SimpleNamespace, found: Active, embedded: EmbeddedPoint, server: RealOpa | None, seconds: float
) -> dict[str, float]:
    """Decisions per second, from one thread and from several."""

    def by_child() -> Callable[[], object]:
        asked = itertools.cycle(site.questions(side, 64))
        return lambda: embedded.evaluate(found.program, next(asked))

    def by_server() -> Callable[[], object]:
        assert server is not None
        asked, ask = itertools.cycle(site.questions(side, 64)), site.asking(server)
        return lambda: ask(next(asked))

    counted = {"embedded": by_child} | ({"OPA server": by_server} if server else {})
    return {
        f"{name}, {threads} thread{'s' if threads > 1 else ''}": timing.per_second([maker] * threads, seconds)
        for name, maker in counted.items()
        for threads in (1, THREADS)
    }


def enforcement(side: SimpleNamespace, embedded: EmbeddedPoint, rounds: int) -> dict[str, Times]:
    """The whole point in turns: asked in an open transaction, and decided with its record and a commit of its own.

    `overhead`: what was taken besides the engine's own time, question by question.
    """
    timed = Timed(embedded)
    asked, engine, recorded, around = [], [], [], []
    with ExitStack() as stack:
        stack.enter_context(point.replaced_by(timed))
        for document in _fresh(side, rounds + 20):
            whole, inside = _enforced(side, document, timed)
            asked.append(whole)
            engine.append(inside)
            whole, inside = _recorded(side, document, timed)
            recorded.append(whole)
            around.append(whole - inside)
    overhead = [whole - inside for whole, inside in zip(asked, engine, strict=True)]
    named = {"PEP": asked, "engine within": engine, "PEP overhead": overhead, "recorded": recorded}
    return {name: timing.of(times[20:]) for name, times in {**named, "recorded, overhead": around}.items()}


def _fresh(side: SimpleNamespace, count: int) -> Iterator[dict[str, Any]]:
    """Questions of now, each its own."""
    for document in itertools.islice(itertools.cycle(site.questions(side, 64)), count):
        context = {**document["context"], "now_ns": clock.now_ns()}
        yield {**document, "request_id": str(ids.uuid7()), "context": context}


def _enforced(side: SimpleNamespace, document: dict[str, Any], timed: Timed) -> tuple[float, float]:
    with transaction.atomic():
        began = time.perf_counter()
        asking.ask_many([_occasion(side, document)], rules=active.of)
        return time.perf_counter() - began, timed.last_s


def _recorded(side: SimpleNamespace, document: dict[str, Any], timed: Timed) -> tuple[float, float]:
    began = time.perf_counter()
    services.decide_many([_occasion(side, document)], actor=site.actor_of(side))
    return time.perf_counter() - began, timed.last_s


def _occasion(side: SimpleNamespace, document: dict[str, Any]) -> Occasion:
    return Occasion(document, side.workspace.id, side.environment.id, None, None)
