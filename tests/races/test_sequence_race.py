"""Two runs on one ticket cannot slip past each other: read personal data ∥ post to everybody, in real threads.

Each dispatch compares the history that its decision saw with the one that stands, so the calls about a ticket have one
order. A post that went out stands before every read in it.
"""

import itertools
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import connections, transaction

from approvals import ports
from connectors import gateway
from connectors.calls import CallSpec, CallState, CallStatus
from connectors.gateway import dispatch, sending
from connectors.gateway.progress import MOST_ROUNDS
from connectors.models import CallAttempt, History, ToolCall
from tenants import scope
from tests import gateway_ground as ground
from tests.corpus.sequences.playing import SPECIAL, furnish
from tests.stand_ins import StandIns

pytestmark = pytest.mark.races

SHARED, TEAM = "C0GENERAL", "C0ITSM"
TRIALS = 25
CROWD = 8
FRESH = dispatch._require_fresh


@pytest.fixture
def floor(
    committed_db: str, ready: SimpleNamespace, vendors: StandIns, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> "Floor":
    settings.INTERLOCK_EVIDENCE_MAX_LAG_S = 3600
    monkeypatch.setattr(ports.decided, "_bound", lambda **_: None)
    furnish(ready, vendors)
    return Floor(ready, vendors, monkeypatch)


class Floor:
    def __init__(self, side: SimpleNamespace, vendors: StandIns, patches: pytest.MonkeyPatch) -> None:
        self.side, self.vendors, self.patches = side, vendors, patches
        self.sys_id = vendors.incident(category="inquiry")

    def read(self, ticket: str, sys_id: str = "", **changes: Any) -> CallSpec:
        args = {"sys_id": sys_id or self.sys_id}
        return self._spec("servicenow.incident.get", "servicenow", args, ticket=ticket, **changes)

    def post(self, ticket: str, channel: str = SHARED, **changes: Any) -> CallSpec:
        text = f"Abel Tuter called {uuid.uuid4().hex}"
        return self._spec("slack.message.post", "slack", {"channel": channel, "text": text}, ticket=ticket, **changes)

    def look(self, ticket: str, ts: str) -> CallSpec:
        return self._spec("slack.message.get", "slack", {"channel": TEAM, "ts": ts}, ticket=ticket)

    def _spec(self, tool: str, instance: str, args: dict[str, Any], **changes: Any) -> CallSpec:
        return ground.spec_for(self.side, tool, instance, args, workflow="corpus", **changes)

    def go(self, spec: CallSpec) -> CallStatus:
        """In a thread of its own: with its own connection and its own scope."""
        try:
            with scope.enter(self.side.tenant.id):
                return ground.go(self.side, spec)
        finally:
            connections.close_all()

    def at_once(self, specs: list[CallSpec]) -> list[CallStatus]:
        barrier = threading.Barrier(len(specs))

        def one(spec: CallSpec) -> CallStatus:
            barrier.wait()
            return self.go(spec)

        with ThreadPoolExecutor(len(specs)) as pool:
            return list(pool.map(one, specs))

    def all_decided_first(self, count: int) -> None:
        """The first dispatch of each of the next calls begins when all of them have been decided."""
        barrier, met = threading.Barrier(count), set[str]()

        def meet(ruling: Any) -> None:
            key = ruling.bound.action.idempotency_key
            if key not in met:
                met.add(key)
                barrier.wait(timeout=30)
            FRESH(ruling)

        self.patches.setattr(dispatch, "_require_fresh", meet)

    def told(self) -> int:
        return len(self.vendors.ledger(vendor="slack", origin="api"))

    def calls(self, statuses: list[CallStatus]) -> list[ToolCall]:
        with transaction.atomic():
            return list(ToolCall.objects.filter(pk__in=[status.call_id for status in statuses]))


def _judge(floor: Floor, read: CallStatus, post: CallStatus, told: int) -> str:
    """Who was first. The second has seen the first; a post that was second has not gone out."""
    seen = {call.tool: call.history_version for call in floor.calls([read, post])}
    assert read.state is CallState.SUCCEEDED
    if post.state is CallState.SUCCEEDED:
        assert seen["slack.message.post"] < seen["servicenow.incident.get"], seen
        assert told == 1
        return "post"
    assert (post.state, post.code, told) == (CallState.DENIED, "carries_data", 0)
    assert seen["servicenow.incident.get"] == 0
    return "read"


def test_decided_side_by_side_one_of_both_has_seen_the_other(floor: Floor) -> None:
    """The worst interleaving, again and again: both are decided before either is dispatched."""
    first = []
    for _ in range(TRIALS):
        floor.all_decided_first(2)
        before, ticket = floor.told(), f"INC{uuid.uuid4().hex[:8]}"
        read, post = floor.at_once([floor.read(ticket), floor.post(ticket)])
        first.append(_judge(floor, read, post, floor.told() - before))
    assert set(first) <= {"read", "post"}


def test_however_they_fall_the_order_is_one(floor: Floor) -> None:
    """Both orders happen, and each ends as its order says."""
    first = []
    for turn in range(TRIALS):
        before, ticket = floor.told(), f"INC{uuid.uuid4().hex[:8]}"
        specs = [floor.read(ticket), floor.post(ticket)]
        if turn % 3 == 1:
            ends = [floor.go(specs[0]), floor.go(specs[1])]
        elif turn % 3 == 2:
            ends = [floor.go(specs[1]), floor.go(specs[0])][::-1]
        else:
            ends = floor.at_once(specs)
        first.append(_judge(floor, *ends, floor.told() - before))
    assert set(first) == {"read", "post"}


def test_a_crowd_on_one_ticket_has_one_order_and_comes_to_an_end(floor: Floor) -> None:
    """Who has lost too often is held with a code, and goes on later: nobody decides for ever."""
    ticket = f"INC{uuid.uuid4().hex[:8]}"
    specs = [make(ticket) for make in (floor.read, floor.post) for _ in range(CROWD)]
    ends = floor.at_once(specs)
    assert {end.state for end in ends} <= {CallState.SUCCEEDED, CallState.DENIED, CallState.THROTTLED}
    assert {end.code for end in ends if end.state is CallState.THROTTLED} <= {"decision_stale"}
    with scope.enter(floor.side.tenant.id):
        ends = [gateway.advance(call_id=end.call_id, actor=ground.worker(floor.side)) for end in ends]
        assert {end.state for end in ends} <= {CallState.SUCCEEDED, CallState.DENIED}
        done = [call for call in floor.calls(ends) if call.state == CallState.SUCCEEDED]
        places = [call.history_version for call in done]
        assert len(set(places)) == len(places), "two dispatches saw the same history"
        reads = [call.history_version for call in done if call.kind == "read"]
        posts = [call.history_version for call in done if call.kind == "write"]
        assert len(reads) == CROWD
        assert all(place < min(reads) for place in posts)
        assert floor.told() == len(posts)
        with transaction.atomic():
            assert CallAttempt.objects.count() == len(done)


def test_decisions_are_made_again_a_few_times_only(floor: Floor, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody else is always faster: after so many rounds the call is held, and nothing was sent."""
    ticket, asked = f"INC{uuid.uuid4().hex[:8]}", itertools.count()
    real = dispatch._require_fresh

    def always_late(ruling: Any) -> None:
        next(asked)
        with transaction.atomic():
            History.objects.filter(subject=f"ticket:{ticket.casefold()}").update(version=100 + next(asked))
        real(ruling)

    floor.go(floor.read(ticket))
    monkeypatch.setattr(dispatch, "_require_fresh", always_late)
    end = floor.go(floor.post(ticket, TEAM))
    assert (end.state, end.code) == (CallState.THROTTLED, "decision_stale")
    assert next(asked) == 2 * MOST_ROUNDS
    assert floor.told() == 0


def test_tickets_named_crosswise_do_not_deadlock(floor: Floor) -> None:
    """One names the ticket A with the id B, the other the ticket B with the id A."""
    one, other = (f"a{uuid.uuid4().hex[:8]}", f"b{uuid.uuid4().hex[:8]}")
    pairs = itertools.islice(itertools.cycle([(one, other), (other, one)]), 2 * CROWD)
    ends = floor.at_once([floor.read(ticket, ticket_id=as_id) for ticket, as_id in pairs])
    assert {end.code for end in ends} <= {"", "decision_stale"}
    assert any(end.state is CallState.SUCCEEDED for end in ends)


def test_what_is_carried_to_a_place_while_it_is_read_comes_back_with_the_answer(
    floor: Floor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The read was decided and dispatched before anything was carried there, and reads after it."""
    early = floor.go(floor.post("INC-first", TEAM))
    floor.go(floor.read("INC-one"))
    intended, carried, real = threading.Event(), threading.Event(), sending.send

    def held_up(call: ToolCall, *args: Any, **more: Any) -> Any:
        if call.tool == "slack.message.get":
            intended.set()
            assert carried.wait(30)
        return real(call, *args, **more)

    monkeypatch.setattr(sending, "send", held_up)
    with ThreadPoolExecutor(1) as pool:
        looking = pool.submit(floor.go, floor.look("INC-two", (early.output or {})["ts"]))
        assert intended.wait(30)
        assert floor.go(floor.post("INC-one", TEAM)).state is CallState.SUCCEEDED
        carried.set()
        assert looking.result().state is CallState.SUCCEEDED
    end = floor.go(floor.post("INC-two"))
    assert (end.state, end.code) == (CallState.DENIED, "carries_data")


def test_what_only_the_answer_told_voids_a_decision_that_did_not_know(
    floor: Floor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The post to the team was decided when the read was under way, and personal data may go there. The answer says
    that it is secret, and is settled before the post is dispatched."""
    secret = floor.vendors.incident(**SPECIAL["H"])
    sent, decided, real_send, real_fresh = threading.Event(), threading.Event(), sending.send, dispatch._require_fresh
    settled = threading.Event()

    def slow(call: ToolCall, *args: Any, **more: Any) -> Any:
        if call.tool == "servicenow.incident.get":
            sent.set()
            assert decided.wait(30)
        return real_send(call, *args, **more)

    def late(ruling: Any) -> None:
        if ruling.bound.tool.action.tool == "slack.message.post" and not decided.is_set():
            decided.set()
            assert settled.wait(30)
        real_fresh(ruling)

    monkeypatch.setattr(sending, "send", slow)
    monkeypatch.setattr(dispatch, "_require_fresh", late)
    with ThreadPoolExecutor(2) as pool:
        reading = pool.submit(floor.go, floor.read("INC-s", secret))
        assert sent.wait(30)
        posting = pool.submit(floor.go, floor.post("INC-s", TEAM))
        assert reading.result().state is CallState.SUCCEEDED
        settled.set()
        end = posting.result()
    assert (end.state, end.code) == (CallState.DENIED, "carries_data")
    assert floor.told() == 0
