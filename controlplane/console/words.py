"""How the events of a run read in its timeline: short sentences from their facts. Pure but for the registration."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from controlplane.console.templatetags.console import usd
from evidence import presenters
from evidence.verify.envelope import Event

Facts = Mapping[str, Any]


def _decided(facts: Facts) -> str:
    codes = ", ".join(dict.fromkeys(reason["code"] for reason in facts["reasons"]))
    on = facts["tool"] or facts["action"]
    return f"{facts['effect']} for {on}" + (f": {codes}" if codes else "")


def _money(micros: int, *, known: bool) -> str:
    return usd(micros) if known else f"at least {usd(micros)}"


def _used(facts: Facts) -> str:
    tokens = f"{facts['tokens_in']} tokens in, {facts['tokens_out']} out, " if facts["model"] else ""
    payee = " ".join(name for name in (facts["provider"], facts["model"]) if name)
    return f"{payee}: {tokens}{_money(facts['cost_micros'], known=facts['known'])}"


def _completed(facts: Facts) -> str:
    return " ".join(str(part) for part in (facts["tool"], facts.get("code"), facts.get("label")) if part)


WORDS: Mapping[str, Callable[[Facts], str]] = MappingProxyType(
    {
        "policy.decided": _decided,
        "tool.call.proposed": lambda facts: f"{facts['tool']} through {facts['connector']} for step {facts['step']}",
        "tool.call.intent": lambda facts: f"attempt {facts['attempt']}: {facts['tool']} on {facts['target']}",
        "tool.call.completed": _completed,
        "tool.call.held": lambda facts: f"{facts['tool']}: {facts['code']}",
        "tool.call.denied": lambda facts: f"{facts['tool']}: {facts['code']}",
        "tool.call.closed": lambda facts: f"{facts['tool']} ended as {facts['state'].lower()}: {facts['code']}",
        "tool.call.probed": lambda facts: f"{facts['tool']}: {facts['found']}",
        "run.paused": lambda facts: f"held up at the next step: {facts['reason']}",
        "run.resumed": lambda _: "goes on",
        "run.recalled": lambda _: "called back by the run that started it",
        "run.retried": lambda facts: f"a second attempt from {facts['from_step']}",
        "run.sub_run_started": lambda facts: f"{facts['step']}: {facts['workflow']} {facts['version']}",
        "run.loop_begun": lambda facts: f"{facts['step']}: {facts['items']} items",
        "approval.requested": lambda facts: f"{facts['quorum']} person needed, tier {facts['tier']}",
        "approval.vote_cast": lambda facts: f"{facts['verdict']} by {facts['channel']}",
        "approval.decided": lambda facts: f"{facts['state'].lower()}, {facts['approvals']} of {facts['quorum']} votes",
        "approval.consumed": lambda _: "used for exactly this call",
        "approval.voided": lambda facts: facts["reason"],
        "approval.withdrawn": lambda _: "nobody decides it any more",
        "approval.vote_taken_back": lambda _: "a yes was taken back",
        "approval.reminded": lambda facts: f"{facts['stage']}, {len(facts['asked'])} could decide",
        "metering.reserved": lambda facts: f"{usd(facts['estimate_micros'])} held",
        "metering.usage_settled": _used,
        "metering.human_time_recorded": lambda facts: (
            f"{facts['seconds']} s of a person, {_money(facts['cost_micros'], known=facts['known'])}"
        ),
    }
)


def register() -> None:
    """Fill the closed registry of evidence; once, when the application is composed."""
    for event_type, words in WORDS.items():
        presenters.presents(event_type)(_from_facts(words))


def _from_facts(words: Callable[[Facts], str]) -> presenters.Presenter:
    def present(event: Event) -> str:
        return words(event.data)

    return present
