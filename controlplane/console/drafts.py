"""Drafts of policy: begun, written in an editor, checked, proposed, decided about by others, activated."""

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any, ClassVar

from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponseBase

from controlplane.console import draft_steps, draft_texts, impact, textdiff
from controlplane.console.draft_texts import SKELETON, SKELETON_TESTS, TextUnreadable
from controlplane.console.pages import PAGE, Page, older
from controlplane.console.policies import named, uuid_of
from controlplane.console.querystate import Allowed
from controlplane.lib import clock
from controlplane.lib.errors import DomainError, Invalid, NotFound
from policies import access, drafting, publishing, versions
from policies.models import Draft
from policies.types import DraftState, PackSource
from policies.versions import Bump
from tenants import access as places
from tenants.permissions import held, holds
from tenants.roles import Perm

RANGE = timedelta(days=7)
MOST = 10_000


class Drafts(Page):
    """POST begins a draft: of a new pack, of the next version of an active one, or of a pack's removal."""

    template_name = "console/policy_drafts.html"
    here = "policies"
    filters: ClassVar[Allowed] = {"state": frozenset(DraftState)}

    def context(self) -> dict[str, Any]:
        state = self.query.first("state")
        rows = access.drafts(self.actor, state=DraftState(state) if state else None, before=self.cursor, limit=PAGE)
        mine = [
            row
            for row in places.environments(self.actor)
            if holds(self.actor, Perm.AUTHOR_POLICY, row.workspace_id, row.pk)
        ]
        return {
            "drafts": rows,
            "names": names(self, rows),
            "older": older(self.query, rows[-1].id if len(rows) == PAGE else None),
            "states": [(each.value, each.value == state) for each in DraftState],
            "places": [(str(row.pk), f"{row.workspace.slug} / {row.slug}") for row in mine],
            "packs": sorted({name for row in mine for name in publishing.standing_packs(row.pk)[1]}),
        }

    def act(self, request: HttpRequest) -> HttpResponseBase:
        place = uuid_of(request.POST.get("environment", ""), "environment")
        pack = request.POST.get("pack", "").strip()
        if request.POST.get("action") == "remove":
            draft = drafting.remove_pack(environment_id=place, pack=pack, actor=self.actor)
        else:
            draft = drafting.save(environment_id=place, pack=pack, actor=self.actor, **self._begun(place, pack))
        return self.to("policy-draft", draft.pk)

    def _begun(self, place: Any, pack: str) -> dict[str, Any]:
        """The active text of that pack, or an outline of a new one."""
        with transaction.atomic():
            places.environment(self.actor, place)
            active: PackSource | None = publishing.standing_packs(place)[1].get(pack)
        if active is None:
            outline = {"source": SKELETON.format(pack=pack), "tests": SKELETON_TESTS.format(pack=pack)}
            return {**outline, "version": versions.FIRST_VERSION}
        texts = {"source": active.source, "tests": active.tests, "data": active.data, "golden": active.golden}
        return {**texts, "version": versions.least(active.version, Bump.PATCH)}


class PolicyDraft(Page):
    """POST takes one step. Whatever is refused, the texts that were sent stay in the editor."""

    template_name = "console/policy_draft.html"
    here = "policies"

    def context(self) -> dict[str, Any]:
        draft = access.draft(self.actor, self.row_id)
        votes = access.votes(draft)
        voted = any(vote.actor_id == self.actor.id and vote.proposal == draft.proposal for vote in votes)
        rights = held(self.actor, draft.environment.workspace_id, draft.environment_id)
        at = draft_steps.situation(draft, self.actor, rights, voted=voted)
        return {
            "draft": draft,
            "place": places.environment(self.actor, draft.environment_id),
            "why_not": draft_steps.why_not(at),
            "votes": votes,
            "needed": access.needed(draft),
            "names": names(self, [draft], votes),
            **self._studied(draft),
        }

    def _studied(self, draft: Draft) -> dict[str, Any]:
        posted = self._posted()
        wrong = getattr(self, "wrong", None)
        texts = draft_texts.of(draft, posted, wrong)
        known = {draft_texts.module_of(draft, text.name) for text in texts}
        return {
            "texts": [(text, json.dumps(list(text.problems)), json.dumps(list(text.uncovered))) for text in texts],
            "elsewhere": [each for each in draft.report.get("findings", []) if each["module"] not in known],
            "problems": sum(len(text.problems) for text in texts),
            "posted": posted,
            "version": (posted or {}).get("version", draft.version),
            "revision": (posted or {}).get("revision", draft.revision),
            "changed": posted is not None,
        }

    def _posted(self) -> dict[str, str] | None:
        """The form that was refused just now, if it had the texts in it."""
        if self.request.method != "POST" or "source" not in self.request.POST:
            return None
        return {name: str(value) for name, value in self.request.POST.items()}

    def _sent(self) -> dict[str, str]:
        posted = self._posted()
        if posted is None:
            raise Invalid("the texts are missing: open the page again", field="source")
        return posted

    def act(self, request: HttpRequest) -> HttpResponseBase:
        step = STEPS.get(request.POST.get("action", ""))
        if step is None:
            raise Invalid("there is no such action", field="action")
        messages.success(request, step(self))
        return self.to("policy-draft", self.row_id)

    def again(self, refusal: DomainError) -> HttpResponseBase:
        self.wrong = refusal if isinstance(refusal, TextUnreadable) else None
        return super().again(refusal)

    def said(self, name: str) -> str:
        return str(self.request.POST.get(name, ""))

    def save(self) -> str:
        texts = draft_texts.read(self._sent())
        drafting.save(draft_id=self.row_id, revision=_number(self.said("revision")), actor=self.actor, **texts)
        return "Saved."

    def save_and_check(self) -> str:
        """What is checked is what is in the editor: it is saved first."""
        self.save()
        draft = drafting.check(draft_id=self.row_id, actor=self.actor)
        found = len(draft.report["findings"])
        return f"Checked: {found} to change." if found else "Checked: nothing to change."

    def rebase(self) -> str:
        texts = draft_texts.read(self._sent())
        revision = _number(self.said("revision"))
        drafting.save(draft_id=self.row_id, revision=revision, rebase=True, actor=self.actor, **texts)
        return "It now stands on what is active. Check it again."

    def check(self) -> str:
        drafting.check(draft_id=self.row_id, actor=self.actor)
        return "Checked."

    def reopen(self) -> str:
        with transaction.atomic():
            draft = access.draft(self.actor, self.row_id)
        texts = {name: getattr(draft, name) for name in ("source", "tests", "data", "golden", "version")}
        drafting.save(draft_id=draft.pk, revision=draft.revision, actor=self.actor, **texts)
        return "Taken back: it can be changed, and must be checked and proposed again."

    def propose(self) -> str:
        drafting.propose(draft_id=self.row_id, reason=self.said("reason"), actor=self.actor)
        return "Proposed. Somebody else decides about it."

    def approve(self) -> str:
        return self._vote(approve=True)

    def reject(self) -> str:
        return self._vote(approve=False)

    def _vote(self, *, approve: bool) -> str:
        seen, reason = self.said("digest"), self.said("reason")
        draft = drafting.vote(draft_id=self.row_id, approve=approve, digest=seen, reason=reason, actor=self.actor)
        if not approve:
            return "Rejected: it does not become policy."
        done = draft.state == DraftState.APPROVED
        return "Approved." if done else "Your vote counts; it waits for another person."

    def activate(self) -> str:
        made = drafting.activate(draft_id=self.row_id, actor=self.actor)
        return f"Active as #{made.seq}."

    def withdraw(self) -> str:
        drafting.withdraw(draft_id=self.row_id, actor=self.actor)
        return "Withdrawn."


STEPS: Mapping[str, Callable[[PolicyDraft], str]] = MappingProxyType(
    {
        "save": PolicyDraft.save,
        "check": PolicyDraft.save_and_check,
        "check-only": PolicyDraft.check,
        "rebase": PolicyDraft.rebase,
        "reopen": PolicyDraft.reopen,
        "propose": PolicyDraft.propose,
        "approve": PolicyDraft.approve,
        "reject": PolicyDraft.reject,
        "activate": PolicyDraft.activate,
        "withdraw": PolicyDraft.withdraw,
    }
)


class DraftChanges(Page):
    """The draft against what is active where it would stand."""

    template_name = "console/policy_changes.html"
    here = "policies"
    filters: ClassVar[Allowed] = {"view": frozenset({"split", "unified"})}

    def context(self) -> dict[str, Any]:
        draft = access.draft(self.actor, self.row_id)
        if draft.restores_id:
            raise NotFound
        active, split = access.text_before(draft), self.query.first("view") != "unified"
        before = _texts_of(active) if active else {}
        after = {} if draft.removes else {**draft_texts.values(draft), "version": draft.version}
        return {
            "draft": draft,
            "active": active,
            "split": split,
            "other_view": self.query.with_only("view", "unified" if split else "split"),
            "diffs": textdiff.of_texts(before, after, side_by_side=split),
        }


def _texts_of(pack: PackSource) -> dict[str, str]:
    json_texts = {"golden": draft_texts.as_json(list(pack.golden)), "data": draft_texts.as_json(dict(pack.data))}
    return {"source": pack.source, "tests": pack.tests, **json_texts, "version": pack.version}


class DraftImpact(Page):
    """What the draft would have decided otherwise. POST has it weighed on recorded decisions."""

    template_name = "console/policy_impact.html"
    here = "policies"

    def context(self) -> dict[str, Any]:
        draft = access.draft(self.actor, self.row_id)
        rights = held(self.actor, draft.environment.workspace_id, draft.environment_id)
        at = draft_steps.situation(draft, self.actor, rights, voted=False)
        return {
            "draft": draft,
            "place": places.environment(self.actor, draft.environment_id),
            "why_not": draft_steps.why_not(at),
            "simulation": draft.simulation,
            "since": f"{clock.now() - RANGE:%Y-%m-%dT%H:%M}",
            "until": f"{clock.now():%Y-%m-%dT%H:%M}",
            "most": MOST,
            **(impact.shown(draft.simulation) if draft.simulation else {}),
        }

    def act(self, request: HttpRequest) -> HttpResponseBase:
        since, until = (_moment(request.POST.get(name, ""), name) for name in ("since", "until"))
        most = _number(request.POST.get("most", ""))
        drafting.simulate(draft_id=self.row_id, since=since, until=until, most=most or 0, actor=self.actor)
        messages.success(request, "It is being weighed on recorded decisions.")
        return self.to("policy-impact", self.row_id)


def names(page: Page, drafts: list[Draft], votes: Any = ()) -> dict[str, str]:
    """Names by id of everybody who had a hand in them."""
    ids = {who for row in drafts for who in (row.author_id, row.proposed_by_id) if who}
    ids |= {vote.actor_id for vote in votes}
    return named(page, ids)


def _number(text: str) -> int | None:
    return int(text) if text.isdecimal() and len(text) < 10 else None


def _moment(text: str, name: str) -> datetime:
    """As a browser's time field sends it; UTC."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise Invalid(f"{name} is a time such as 2026-11-21T03:00", field=name) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
