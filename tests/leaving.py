"""Every durable transaction of the product is watched: rows of business that it changed, and events that it left.

PostgreSQL counts itself (`pg_stat_xact_user_tables`), so nothing that goes past a model is missed. Row changes and the
event are in one transaction, so a verb that leaves its event here cannot change anything without it.
"""

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import FrameType
from typing import Any

import pytest
from django.db import connection, transaction

TECHNICAL = {
    "approvals_reminder": "who was reminded when; the reminder itself is a governed call",
    "console_loginwindow": "failed sign-ins are counted by name and address",
    "django_q_ormq": "a wake-up call",
    "django_session": "a browser's session; sign-ins are recorded by name",
    "tenants_payload": "content, which expires; events commit to it",
    "workflows_wakeup": "a wake-up call",
}
"""Tables whose rows say nothing that anybody would ask about later, and why."""

SILENT = {
    "connectors.cards._note": "which state of a request a card shows; the message itself is a governed call",
    "connectors.enforcement._claimed": "whose turn it is to send a canary",
    "connectors.gateway.observation.take_over": "what a read has seen; the read is a call of its own",
    "connectors.gateway.progress._claim": "a lease",
    "connectors.gateway.recovery._claim": "a lease",
    "connectors.gateway.resolution._taken": "a lease; the answer is recorded when it is settled",
    "connectors.inbound.forget_slack_deliveries": "keys against replay, after they have expired",
    "connectors.slack.linking._count_try": "tries are counted before a code is looked at; a link is recorded",
    "connectors.slack.reports.hang_up": "how a line stands, as its process says",
    "connectors.slack.reports.say": "how a line stands, as its process says",
    "connectors.slack.once.note": "a key against replay; what a click changes is recorded",
    "connectors.summons._take": "whose turn it is to send a digest; the message is a governed call",
    "controlplane.console.throttle.forgive": "a window that counts failed sign-ins is closed",
    "evidence.jobs._claim": "a lease",
    "evidence.jobs._end": "how far an export came; who ordered it and what it took are recorded",
    "evidence.jobs._keep": "how far an export came; who ordered it and what it took are recorded",
    "evidence.jobs._note": "how far an export came",
    "evidence.jobs._pause": "a lease",
    "evidence.exports._last_event": "reads only",
    "policies.serving.report_status": "what a server said of itself last",
    "policies.serving.take_log": "what a server said that it decided; our own decisions are recorded",
    "policies.simulation._claim": "a lease",
    "policies.simulation._pause": "a lease; the result is recorded at the end",
    "tenants.rekeying._move": "the same content under the key of this epoch",
    "tenants.rekeying._old_keys": "a data key under the key of this epoch",
    "tenants.services.note_token_use": "last use of a token, to the minute",
    "tenants.stepup._count_attempt": "attempts are counted before a proof is looked at; a proof is recorded",
    "tenants.stepup.open_challenge": "a question to one's own device; a proof is recorded",
    "workflows.claiming.Queue.claim": "leases",
    "workflows.claiming.make_due": "a wake-up call",
    "workflows.engine.sub_runs.let_go": "a wake-up call",
    "workflows.engine.sub_runs.tell_parent": "a wake-up call",
    "workflows.halting.stop_covered_runs": "marks runs under a halt; that they turn back is recorded",
    "workflows.locks.claim": "a lease",
    "workflows.locks.renew": "a lease",
    "workflows.services._unknown_call": "reads only",
}
"""Verbs that leave no event of their own, and why."""

SOMETIMES = {
    "approvals.expiring._look": "only when to look again, if nothing has happened yet",
    "connectors.drills._begin": "a drill is recorded at its end, with all its times",
    "tenants.halts.engage": "the kill switch always engages; what the record misses is filled from its row",
}
"""Verbs that leave their event, but not each time."""

COUNTS = """
SELECT relname, n_tup_ins + n_tup_upd + n_tup_del, n_tup_ins FROM pg_stat_xact_user_tables
 WHERE schemaname = 'public' AND n_tup_ins + n_tup_upd + n_tup_del > 0
"""
Counts = Mapping[str, tuple[int, int]]


@contextmanager
def watching(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, set[str]]]:
    """Yields what changed without an event, by verb; filled as transactions end."""
    found: dict[str, set[str]] = {}
    enter, leave = transaction.Atomic.__enter__, transaction.Atomic.__exit__
    began: dict[int, tuple[str, Counts]] = {}

    def watched_enter(self: Any) -> None:
        enter(self)
        verb = _verb(sys._getframe(1)) if self.durable else ""
        if verb:
            began[id(self)] = (verb, _counts())

    def watched_leave(self: Any, kind: Any, error: Any, trace: Any) -> Any:
        verb, before = began.pop(id(self), ("", {}))
        if verb and kind is None and not connection.needs_rollback:
            tables = _untold(before, _counts())
            if tables and verb not in SILENT and verb not in SOMETIMES:
                found.setdefault(verb, set()).update(tables)
        return leave(self, kind, error, trace)

    monkeypatch.setattr(transaction.Atomic, "__enter__", watched_enter)
    monkeypatch.setattr(transaction.Atomic, "__exit__", watched_leave)
    yield found


def _counts() -> Counts:
    """Asked past Django, whose statements some tests count."""
    rows = connection.connection.cursor().execute(COUNTS).fetchall()
    return {table: (changed, inserted) for table, changed, inserted in rows}


def _untold(before: Counts, after: Counts) -> set[str]:
    if after.get("evidence_event", (0, 0))[1] > before.get("evidence_event", (0, 0))[1]:
        return set()
    changed = {table for table, count in after.items() if count[0] > before.get(table, (0, 0))[0]}
    return {table for table in changed if table not in TECHNICAL and not table.startswith("evidence_")}


def _verb(frame: FrameType | None) -> str:
    """Who opened the transaction, as `module.function`; empty for a test."""
    if frame is not None and frame.f_code.co_name == "inner" and "func" in frame.f_locals:
        function = frame.f_locals["func"]
        name = f"{function.__module__}.{function.__qualname__}"
    else:
        name = f"{frame.f_globals['__name__']}.{frame.f_code.co_qualname}" if frame is not None else ""
    return "" if name.startswith("tests.") or "conftest" in name else name
