"""Rules about who was asked, who said yes to what, and how the answer was used."""

from collections import defaultdict
from collections.abc import Iterator, Sequence, Set

from evidence.verify import jcs
from evidence.verify.envelope import Event
from evidence.verify.matching import filled
from evidence.verify.rules_of_calls import INTENT
from evidence.verify.tale import Broken, Rule, Tale, number, text, texts

REQUESTED = "approval.requested"
VOTE = "approval.vote_cast"
TAKEN_BACK = "approval.vote_taken_back"
CONSUMED = "approval.consumed"
STEPPED_UP = ("high", "critical")
PASSKEY_ONLY = "critical"
INTERESTED = ("requester_id", "run_starter_id", "agent_owner_id")


def nobody_approves_their_own(tale: Tale) -> Iterator[Broken]:
    """Requester, starter of the run, owner of the agent and whom policy excludes are not among the approvers."""
    interested = _interested(tale)
    for line, event in tale.of(CONSUMED):
        own = interested.get(text(event, "request_id"), set()) & texts(event, "approvers")
        if own:
            yield Broken("RULE-SOD", line, f"{', '.join(sorted(own))} approved what they asked for")


def what_was_approved_is_what_runs(tale: Tale) -> Iterator[Broken]:
    """An intent that rests on an approval carries the digest that was approved and consumed."""
    consumed: dict[str, str] = {}
    for line, event in tale.of(CONSUMED, INTENT):
        request, digest = text(event, "request_id"), text(event, "action_digest")
        if event.type == CONSUMED:
            consumed[request] = digest
        elif request and consumed.get(request) != digest:
            yield Broken("RULE-TOCTOU", line, "the action that was sent is not the one that was approved")


def enough_people_agreed(tale: Tale) -> Iterator[Broken]:
    """As many different people as the question asked for."""
    quorum = {text(event, "request_id"): number(event, "quorum") for _, event in tale.of(REQUESTED)}
    for line, event in tale.of(CONSUMED):
        needed, found = quorum.get(text(event, "request_id"), 1), len(texts(event, "approvers"))
        if found < max(needed, 1):
            yield Broken("RULE-QUORUM", line, f"{found} approved where {needed} had to")


def approvers_said_so(tale: Tale) -> Iterator[Broken]:
    """Each who is named as approver has voted yes, on that action, before it was used, and not taken it back."""
    agreed: dict[tuple[str, str], set[str]] = defaultdict(set)
    for line, event in tale.of(VOTE, TAKEN_BACK, CONSUMED):
        about = text(event, "request_id"), text(event, "action_digest")
        if event.type == CONSUMED:
            silent = texts(event, "approvers") - agreed[about]
            if silent:
                yield Broken("RULE-VOTE", line, f"no yes of {', '.join(sorted(silent))} to this action is on record")
        elif event.type == TAKEN_BACK:
            agreed[about].discard(text(event, "voter_id"))
        elif text(event, "verdict") == "approve":
            agreed[about].add(text(event, "voter_id"))


def what_was_shown_is_what_was_asked(tale: Tale) -> Iterator[Broken]:
    """Votes and use carry the digest of the display that the question was put with."""
    shown = {text(event, "request_id"): text(event, "display_digest") for _, event in tale.of(REQUESTED)}
    for line, event in tale.of(VOTE, CONSUMED):
        asked = shown.get(text(event, "request_id"))
        if asked is not None and text(event, "display_digest") != asked:
            yield Broken("RULE-SHOWN", line, "what was shown is not what the question was put with")


def only_people_vote(tale: Tale) -> Iterator[Broken]:
    """A vote is cast by the person whose vote it is."""
    for line, event in tale.of(VOTE):
        if event.actor["kind"] != "human" or event.actor["id"] != text(event, "voter_id"):
            yield Broken("RULE-HUMAN", line, f"the vote of {text(event, 'voter_id')} was not cast by that person")


def an_approval_is_used_once(tale: Tale) -> Iterator[Broken]:
    used: set[str] = set()
    for line, event in tale.of(CONSUMED):
        request = text(event, "request_id")
        if request in used:
            yield Broken("RULE-ONCE", line, f"the approval {request} is used a second time")
        used.add(request)


def only_a_yes_is_used(tale: Tale) -> Iterator[Broken]:
    """What was rejected, has expired or was taken back is not used, nor what nobody decided."""
    approved: set[str] = set()
    for line, event in tale.of("approval.decided", "approval.voided", "approval.withdrawn", CONSUMED):
        request = text(event, "request_id")
        if event.type == CONSUMED and request not in approved:
            yield Broken("RULE-REFUSED", line, f"the request {request} was not approved when it was used")
        elif event.type == "approval.decided" and text(event, "state") == "APPROVED":
            approved.add(request)
        elif event.type != CONSUMED:
            approved.discard(request)


def high_tiers_need_a_second_factor(tale: Tale) -> Iterator[Broken]:
    """In the tiers high and critical each yes brought a second factor, in critical a passkey."""
    tiers = {text(event, "request_id"): text(event, "tier") for _, event in tale.of(REQUESTED)}
    for line, event in tale.of(VOTE):
        tier, factor = tiers.get(text(event, "request_id"), ""), text(event, "step_up")
        lacks = (tier in STEPPED_UP and not factor) or (tier == PASSKEY_ONLY and factor != "passkey")
        if text(event, "verdict") == "approve" and lacks:
            yield Broken("RULE-STEPUP", line, f"a yes in the tier {tier} without the second factor that it asks for")


def the_places_were_filled(tale: Tale) -> Iterator[Broken]:
    """Where the question names roles, different people filled them; where it wants different roles, they had them."""
    asked = {text(event, "request_id"): event for _, event in tale.of(REQUESTED)}
    for line, event, votes in _used(tale):
        question = asked.get(text(event, "request_id"))
        if question is None:
            continue
        people, places = [texts(vote, "roles") for vote in votes], _list(question, "roles")
        among, quorum = _among(question, people), number(question, "quorum")
        if filled(places, people) < len(places) or (among and filled(among, people) < quorum):
            yield Broken("RULE-ROLES", line, "the approvers do not fill the places that the question names")


def a_right_counts_once(tale: Tale) -> Iterator[Broken]:
    """Who stands in for somebody uses that person's right: once, and not if that person may not decide."""
    interested = _interested(tale)
    for line, event, votes in _used(tale):
        rights = [text(vote, "right_of") or text(vote, "voter_id") for vote in votes]
        if len(set(rights)) < len(rights):
            yield Broken("RULE-RIGHT", line, "one right was used for two votes")
        own = interested.get(text(event, "request_id"), set()) & set(rights) - texts(event, "approvers")
        if own:
            yield Broken("RULE-RIGHT", line, f"the right of {', '.join(sorted(own))}, who may not decide, was used")


def _interested(tale: Tale) -> dict[str, set[str]]:
    """Who stands behind each question, and whom policy excludes."""
    return {
        text(event, "request_id"): {text(event, role) for role in INTERESTED if role in event.data}
        | texts(event, "also_excluded")
        for _, event in tale.of(REQUESTED)
    }


def _used(tale: Tale) -> Iterator[tuple[int, Event, list[Event]]]:
    """Each use of an approval with the votes that it rests on, one of each approver: the last yes before it."""
    yes: dict[tuple[str, str], Event] = {}
    for line, event in tale.of(VOTE, CONSUMED):
        request = text(event, "request_id")
        if event.type == VOTE and text(event, "verdict") == "approve":
            yes[request, text(event, "voter_id")] = event
        elif event.type == CONSUMED:
            given = [yes.get((request, approver)) for approver in sorted(texts(event, "approvers"))]
            yield line, event, [vote for vote in given if vote is not None]


def _list(event: Event, member: str) -> list[str]:
    value = event.data.get(member, "")
    return [jcs.shown(item) for item in value] if isinstance(value, list) else []


def _among(question: Event, people: Sequence[Set[str]]) -> list[str]:
    """Each role once, where the question wants people of different roles."""
    return sorted(set().union(*people)) if question.data.get("distinct_roles") is True else []


RULES: tuple[Rule, ...] = (
    nobody_approves_their_own,
    what_was_approved_is_what_runs,
    enough_people_agreed,
    approvers_said_so,
    what_was_shown_is_what_was_asked,
    only_people_vote,
    an_approval_is_used_once,
    only_a_yes_is_used,
    high_tiers_need_a_second_factor,
    the_places_were_filled,
    a_right_counts_once,
)
