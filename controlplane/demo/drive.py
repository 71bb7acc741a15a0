"""The demo's hands: incidents come in, people decide what reaches them, all from outside over HTTP."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import cycle
from typing import Any

from controlplane.demo.judge import Case
from controlplane.demo.people import Person
from controlplane.demo.platform import OVER, Platform
from controlplane.demo.scenarios import SCENARIOS, Decision, Scenario, Trigger
from controlplane.demo.tickets import Ticket
from controlplane.demo.vendors import CARD_CHANNEL, HTTP, SOCKET, Clicked, Vendors
from controlplane.lib import clock

BOB, CAROL = "U0BOB", "U0CAROL"
FORGED_SECRET = "whsec_Zm9yZ2VkLWZvcmdlZC1mb3JnZWQtZm9yZ2Vk"  # noqa: S105 - what an attacker guesses
HALT_S = 1.5
SECOND_LOOK_S = 1.0
MOST_CLICKS = 20
PACE_S = 0.1
OPEN_AT_ONCE = 4
STATES_EVERY_S = 0.3

Say = Callable[[str], None]


class DemoFailed(RuntimeError):
    """The platform did not do in time what the demo waits for."""


@dataclass
class Seen:
    """What came back while driving."""

    cases: list[Case] = field(default_factory=list)
    duplicate_status: int = 0
    forged_status: int = 0
    forged_number: str = ""
    halted_between: tuple[float, float] | None = None
    problems: list[str] = field(default_factory=list)
    clicks: Counter[str] = field(default_factory=Counter)


@dataclass
class Driver:
    """`people` are signed in to the console: alice administers, bob and carol approve."""

    vendors: Vendors
    platform: Platform
    people: dict[str, Person]
    environment: str
    forbidden_workflow: str
    say: Say
    seen: Seen = field(default_factory=Seen)
    _read: int = 0
    _given_up: bool = False
    _acts: list[Future[None]] = field(default_factory=list)
    _answered: set[str] = field(default_factory=set)
    _ways: Iterator[str] = field(default_factory=lambda: cycle((HTTP, SOCKET)))

    # --- what happens at the vendors ---------------------------------------------------------------------

    def report_all(self, tickets: Sequence[Ticket], scenarios: Sequence[str]) -> None:
        """People report incidents, one after the other; a few are open at a time."""
        for ticket, name in zip(tickets, scenarios, strict=True):
            while self._open_count() >= OPEN_AT_ONCE and not self._given_up:
                time.sleep(PACE_S)
            if self._given_up:
                return
            self.report(ticket, name)
            time.sleep(PACE_S)
        self.forge(tickets[0])

    def report(self, ticket: Ticket, name: str) -> None:
        scenario = SCENARIOS[name]
        told = scenario.trigger is not Trigger.FORBIDDEN_WORKFLOW
        made = self.vendors.report(ticket.title, ticket.text, tell=told)
        case = Case(made["number"], made["sys_id"], name, scenario.expected, ticket.label, timed=scenario.timed)
        case.before = self.vendors.record(case.sys_id)
        if scenario.arrange:
            scenario.arrange(self.vendors, case)
        self.seen.cases.append(case)
        self._trigger(case, scenario)

    def _trigger(self, case: Case, scenario: Scenario) -> None:
        if scenario.trigger is Trigger.WEBHOOK_TWICE:
            self.seen.duplicate_status = self.vendors.redeliver(case.sys_id)
            self.say(f"{case.number}: the same webhook again, answered {self.seen.duplicate_status}")
        if scenario.trigger is Trigger.FORBIDDEN_WORKFLOW:
            trigger = {"sys_id": case.sys_id, "number": case.number}
            self.platform.start(
                workflow=self.forbidden_workflow, environment=self.environment, trigger=trigger, key=case.sys_id
            )
            self.say(f"{case.number}: a workflow that writes a forbidden field was started")

    def forge(self, ticket: Ticket) -> None:
        """An incident that ServiceNow never told about, and a webhook for it that somebody else signed."""
        made = self.vendors.report(f"Forged: {ticket.title}", ticket.text, tell=False)
        self.seen.forged_number = made["number"]
        self.seen.forged_status = self.vendors.redeliver(made["sys_id"], secret=FORGED_SECRET)
        self.say(f"{made['number']}: a forged webhook was answered {self.seen.forged_status}")

    # --- what people do ----------------------------------------------------------------------------------

    def look(self, pool: ThreadPoolExecutor) -> None:
        """Read what is new at the vendors; somebody answers every new card."""
        rows = self.vendors.ledger(self._read)
        self._read += len(rows)
        for row in rows:
            if row["kind"] == "message_posted" and row["channel"] == CARD_CHANNEL:
                self._acts.append(pool.submit(self._answer, row))
        done = [act for act in self._acts if act.done()]
        self._acts = [act for act in self._acts if not act.done()]
        for act in done:
            act.result()

    def _answer(self, card: dict[str, Any]) -> None:
        case = self._case_of(card)
        if case is None or case.sys_id in self._answered:
            return
        self._answered.add(case.sys_id)
        case.card_at = card["at"]
        DECISIONS[SCENARIOS[case.scenario].decision](self, case, card)
        case.decided_at = case.decided_at or clock.now().timestamp()

    def _case_of(self, card: dict[str, Any]) -> Case | None:
        """By the headline, as the body also tells of earlier tickets. A card may be there before the answer to the
        report is."""
        deadline = clock.monotonic() + 3
        while clock.monotonic() < deadline:
            found = next((case for case in self.seen.cases if case.number in card["text"]), None)
            if found:
                return found
            time.sleep(0.02)
        return None

    def approve_in_slack(self, case: Case, card: dict[str, Any]) -> None:
        """Bob says yes; where two people are needed the card stays open, and Carol says yes too."""
        twice = case.scenario == "duplicate"
        self._click(BOB, card, "approve", fault="redelivered" if twice else "")
        case.decided_at = clock.now().timestamp()
        if needs_two(card):
            self._click(CAROL, card, "approve")
            case.decided_at = clock.now().timestamp()

    def reject_in_slack(self, case: Case, card: dict[str, Any]) -> None:
        """Carol is asked why; while the kill switch holds back the question, she presses the button again."""
        words = "The caller has withdrawn the ticket, please close it by hand"
        for _ in range(MOST_CLICKS):
            if self._click(CAROL, card, "reject", fill=words).submitted == 200:
                self.say(f"{case.number}: rejected in Slack")
                return
            time.sleep(SECOND_LOOK_S)
        self.seen.problems.append(f"{case.number}: the rejection was never taken")

    def approve_in_console(self, case: Case, card: dict[str, Any]) -> None:
        page = page_of(card)
        self.people["bob"].approve(page)
        if needs_two(card):
            self.people["carol"].approve(page)

    def halt_approve_release(self, case: Case, card: dict[str, Any]) -> None:
        """Alice stops everything; an approval given meanwhile moves nothing; two people release."""
        self.people["alice"].halt("Demo: something looks wrong, stop and look")
        engaged_at = clock.now().timestamp()
        self.say(f"{case.number}: kill switch engaged")
        self.approve_in_slack(case, card)
        time.sleep(HALT_S)
        released_at = clock.now().timestamp()
        self.people["alice"].ask_for_release("Looked at it: a false alarm")
        self.people["carol"].release()
        self.seen.halted_between = (engaged_at, released_at)
        self.say(f"{case.number}: kill switch released by a second person")

    def _click(self, user: str, card: dict[str, Any], action: str, **how: str) -> Clicked:
        """Clicks come in by turns over HTTP and over the line that the platform holds to Slack."""
        done = self.vendors.click(user=user, ts=card["ts"], action_id=action, via=next(self._ways), **how)
        self.seen.clicks[done.via] += done.status == 200
        if done.status != 200:
            self.seen.problems.append(f"a click on {card['ts']} over {done.via} was answered {done.status}")
        return done

    # --- until all is over -------------------------------------------------------------------------------

    def run(
        self, tickets: Sequence[Ticket], scenarios: Sequence[str], *, limit_s: float, tick: Callable[[int], None]
    ) -> None:
        """Report, decide, wait until every run is over. Raises DemoFailed after `limit_s`."""
        deadline = clock.monotonic() + limit_s
        with ThreadPoolExecutor(8) as pool:
            try:
                self._follow(pool, pool.submit(self.report_all, tickets, scenarios), len(tickets), deadline, tick)
            finally:
                self._given_up = True  # whatever ended this, also Ctrl-C: the pool waits for its threads

    def _follow(
        self,
        pool: ThreadPoolExecutor,
        reporting: Future[None],
        count: int,
        deadline: float,
        tick: Callable[[int], None],
    ) -> None:
        asked_at = 0.0
        while not (reporting.done() and self._is_over(count)):
            if clock.monotonic() > deadline:
                raise DemoFailed(f"not every run was over in time: {self._open()}")
            if reporting.done():
                reporting.result()
            self.look(pool)
            if clock.monotonic() > asked_at + STATES_EVERY_S:
                self._read_states()
                asked_at = clock.monotonic()
            tick(sum(case.run_state in OVER for case in self.seen.cases))
            time.sleep(PACE_S)
        while self._acts:
            self.look(pool)

    def run_of(self, case: Case, runs: Sequence[dict[str, Any]]) -> dict[str, Any]:
        return next(run for run in runs if run["ticket"] == case.number)

    def complete(self, case: Case, runs: Sequence[dict[str, Any]]) -> None:
        """What is known only at the end: the record as it reads now, and the cost of the ticket."""
        case.after = self.vendors.record(case.sys_id)
        run = self.platform.run(self.run_of(case, runs)["id"])
        case.run_state, case.run_code, case.run_detail = run["state"], run["code"], run["detail"]
        case.cost_micros, case.cost_complete = run["cost"]["micros"], run["cost"]["complete"]

    def _read_states(self) -> None:
        by_ticket = {run["ticket"]: run for run in self.platform.runs()}
        for case in self.seen.cases:
            case.run_state = by_ticket.get(case.number, {}).get("state", "")

    def _is_over(self, count: int) -> bool:
        return sum(case.run_state in OVER for case in self.seen.cases) == count

    def _open_count(self) -> int:
        return sum(case.run_state not in OVER for case in self.seen.cases)

    def _open(self) -> str:
        return ", ".join(f"{c.number} {c.run_state or 'no run'}" for c in self.seen.cases if c.run_state not in OVER)


DECISIONS: dict[Decision, Callable[[Driver, Case, dict[str, Any]], None]] = {
    Decision.SLACK_APPROVES: Driver.approve_in_slack,
    Decision.SLACK_REJECTS: Driver.reject_in_slack,
    Decision.WEB_APPROVES: Driver.approve_in_console,
    Decision.HALT_FIRST: Driver.halt_approve_release,
    Decision.NOBODY: Driver.approve_in_slack,
}


def needs_two(card: dict[str, Any]) -> bool:
    """Whether the card says that two people are needed."""
    return "two people" in str(card["blocks"]).lower()


def page_of(card: dict[str, Any]) -> str:
    """The path of the approval's page that the card links to."""
    elements = [element for block in card["blocks"] for element in block.get("elements", [])]
    url: str = next(element["url"] for element in elements if element.get("url"))
    return "/" + url.split("/", 3)[3]
