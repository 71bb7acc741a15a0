"""Apply, then drop: the vendor has written and we do not hear of it. No write is made twice, judged by the ledgers.

Through the whole gateway, on real PostgreSQL and the stand-ins over HTTP: a bounded number in `make test`, a
thousand per write tool in `make test-faults`.
"""

from collections import Counter
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest
from django.db import transaction

from connectors import gateway
from connectors.calls import CallState
from connectors.models import ToolCall
from tests import gateway_ground as ground
from tests.faults.doubts import LONGER_S, Passing, impatient, luck, proposed, trials
from tests.stand_ins import StandIns

pytestmark = [pytest.mark.faults, pytest.mark.timeout(3600)]

BOUNDED = 6
OFTEN = {
    "drop_after": 30,
    "500_after": 15,
    "truncate": 15,
    "half_body": 20,
    "stalled": 5,
    "stalled_body": 5,
    "drop_before": 6,
    "html": 4,
}
"""How often each strikes, in percent; after all but the last two the write has landed."""
STALLED = {"stalled": "hang_after", "stalled_body": "half_body"}


class Trial:
    """One write of which the reply is lost at a random point, carried on until it is over."""

    def __init__(self, side: SimpleNamespace, vendors: StandIns, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
        self.side, self.vendors, self.monkeypatch = side, vendors, monkeypatch
        self.luck, self.passing = luck(name), Passing(side, vendors)
        self.struck: Counter[str] = Counter()

    def run(self, verb: Callable[[], Any], *, write: dict[str, str], look: dict[str, str]) -> Any:
        (kind,) = self.luck.choices(list(OFTEN), weights=list(OFTEN.values()))
        self.struck[kind] += 1
        stall = {"seconds": LONGER_S} if kind in STALLED else {}
        self.vendors.fault(STALLED.get(kind, kind), args=stall, **write)
        carried = impatient(self.monkeypatch, verb) if kind in STALLED else verb
        done = self.passing.at_last(carried, self._a_look_may_fail_too(look))
        self.vendors.ctl("faults", method="DELETE")
        return done

    def _a_look_may_fail_too(self, look: dict[str, str]) -> Callable[[], None]:
        turns: list[int] = []

        def meanwhile() -> None:
            turns.append(1)
            if len(turns) in (2, 3) and self.luck.random() < 0.2:
                self.vendors.fault(self.luck.choice(("status", "drop_after")), **look)

        return meanwhile

    def advance(self, call_id: UUID) -> Callable[[], Any]:
        return lambda: gateway.advance(call_id=call_id, actor=ground.worker(self.side))

    def all_struck(self, count: int) -> None:
        """The proof is one only if the faults were there."""
        assert sum(self.struck.values()) == count
        if count >= 200:
            assert set(self.struck) == set(OFTEN)


PATCH = {"method": "PATCH", "path": "/api/now"}
GET = {"method": "GET", "path": "/api/now"}
HISTORY = {"path": "conversations.history"}


def _marker_of(call_id: UUID) -> str:
    with transaction.atomic():
        return ToolCall.objects.values_list("marker", flat=True).get(pk=call_id)


def _notes(vendors: StandIns) -> Counter[str]:
    """How often each marker was written into the notes."""
    rows = vendors.ledger(vendor="servicenow", kind="note_appended", origin="api")
    return Counter(f"[{marker}]" for row in rows for marker in row["markers"])


def test_an_incident_is_updated_once_with_one_note(
    free: SimpleNamespace, vendors: StandIns, monkeypatch: pytest.MonkeyPatch
) -> None:
    trial, count, markers = Trial(free, vendors, monkeypatch, "update"), trials(BOUNDED), []
    for _ in range(count):
        args = ground.update_args(vendors.incident(category="inquiry"))
        call = proposed(free, trial.passing, "servicenow.incident.update", "servicenow", args)
        done = trial.run(trial.advance(call.call_id), write=PATCH, look=GET)
        assert done.state is CallState.SUCCEEDED, done
        markers.append(_marker_of(call.call_id))
    assert _notes(vendors) == dict.fromkeys(markers, 1)
    assert set(Counter(row["target"] for row in ground.writes(vendors)).values()) == {1}
    assert len(ground.writes(vendors)) == count
    trial.all_struck(count)


def test_an_update_is_undone_once_with_one_correcting_note(
    free: SimpleNamespace, vendors: StandIns, monkeypatch: pytest.MonkeyPatch
) -> None:
    trial, count, markers = Trial(free, vendors, monkeypatch, "restore"), trials(BOUNDED), []
    for _ in range(count):
        args = ground.update_args(vendors.incident(category="inquiry"))
        call = proposed(free, trial.passing, "servicenow.incident.update", "servicenow", args)
        assert trial.passing.at_last(trial.advance(call.call_id)).state is CallState.SUCCEEDED
        undone = trial.run(
            lambda call=call: gateway.compensate(call_id=call.call_id, actor=ground.worker(free)),
            write=PATCH,
            look=GET,
        )
        assert (undone.state, undone.label) == (CallState.SUCCEEDED, "RESTORED"), undone
        markers += [_marker_of(call.call_id), _marker_of(undone.call_id)]
    assert _notes(vendors) == dict.fromkeys(markers, 1)
    assert set(Counter(row["target"] for row in ground.writes(vendors)).values()) == {2}
    trial.all_struck(count)


def test_a_message_is_posted_once(free: SimpleNamespace, vendors: StandIns, monkeypatch: pytest.MonkeyPatch) -> None:
    trial, count, markers = Trial(free, vendors, monkeypatch, "post"), trials(BOUNDED), []
    for number in range(count):
        args = {"channel": ground.CHANNEL, "text": f"message {number}"}
        call = proposed(free, trial.passing, "slack.message.post", "slack", args)
        done = trial.run(trial.advance(call.call_id), write={"path": "chat.postMessage"}, look=HISTORY)
        assert done.state is CallState.SUCCEEDED, done
        markers.append(_marker_of(call.call_id))
    posted = Counter(row["key"]["marker"] for row in vendors.ledger(vendor="slack", kind="message_posted"))
    assert posted == dict.fromkeys(markers, 1)
    trial.all_struck(count)


def test_a_message_is_replaced_once(free: SimpleNamespace, vendors: StandIns, monkeypatch: pytest.MonkeyPatch) -> None:
    trial, count, markers = Trial(free, vendors, monkeypatch, "replace"), trials(BOUNDED), []
    post = {"channel": ground.CHANNEL, "text": "to be replaced"}
    for number in range(count):
        first = proposed(free, trial.passing, "slack.message.post", "slack", post)
        posted = trial.passing.at_last(trial.advance(first.call_id))
        assert posted.output is not None
        args = {"channel": ground.CHANNEL, "ts": posted.output["ts"], "text": f"replaced {number}"}
        call = proposed(free, trial.passing, "slack.message.update", "slack", args)
        done = trial.run(trial.advance(call.call_id), write={"path": "chat.update"}, look=HISTORY)
        assert done.state is CallState.SUCCEEDED, done
        markers.append(_marker_of(call.call_id))
    replaced = Counter(row["key"]["marker"] for row in vendors.ledger(vendor="slack", kind="message_updated"))
    assert replaced == dict.fromkeys(markers, 1)
    trial.all_struck(count)


LATE = [
    ("servicenow.incident.update", "servicenow", PATCH, 70.0),
    ("slack.message.post", "slack", {"path": "chat.postMessage"}, 10.0),
]


@pytest.mark.parametrize(("tool", "instance", "write", "settle_s"), LATE)
def test_a_vendor_that_lands_the_write_late_lands_it_once(
    free: SimpleNamespace,
    vendors: StandIns,
    monkeypatch: pytest.MonkeyPatch,
    tool: str,
    instance: str,
    write: dict[str, str],
    settle_s: float,
) -> None:
    """At any moment of the action's settle time, also after the first probes have found nothing."""
    trial, count, markers = Trial(free, vendors, monkeypatch, f"late {tool}"), trials(BOUNDED), []
    for number in range(count):
        slack = {"channel": ground.CHANNEL, "text": f"late {number}"}
        args = slack if instance == "slack" else ground.update_args(vendors.incident(category="inquiry"))
        call = proposed(free, trial.passing, tool, instance, args)
        vendors.fault("late", **write)
        sent = trial.passing.now
        lands_s = trial.luck.uniform(0, settle_s * 0.99)

        def meanwhile(sent: Any = sent, lands_s: float = lands_s) -> None:
            if (trial.passing.now - sent).total_seconds() >= lands_s:
                vendors.ctl("land", {})

        done = trial.passing.at_last(trial.advance(call.call_id), meanwhile)
        assert done.state is CallState.SUCCEEDED, done
        assert vendors.ctl("land", {}) == {"landed": 0}
        markers.append(_marker_of(call.call_id))
    slack_rows = vendors.ledger(vendor="slack", kind="message_posted")
    seen = Counter(row["key"]["marker"] for row in slack_rows) if instance == "slack" else _notes(vendors)
    assert seen == dict.fromkeys(markers, 1)
