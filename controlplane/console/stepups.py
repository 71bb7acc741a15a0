"""Asking for a step-up in the console, without losing what was about to be done.

The page that was sent and lacked a proof is answered by the question. Its answer carries the same fields again and goes
through the same view, the same middleware and the same verb: nothing is resumed behind anybody's back.
"""

import json
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponseBase

from controlplane.console.pages import Page
from controlplane.lib.errors import DomainError, NotFound
from tenants import stepup
from tenants.errors import StepUpRefused, StepUpRequired, TooManyProofs

PROOF = frozenset({"csrfmiddlewaretoken", "challenge", "credential", "code"})


@dataclass(frozen=True, slots=True)
class Deed:
    """What the proof is for. `words`: as the person knows it."""

    action_digest: str
    words: str
    workspace_id: UUID | None = None
    run_id: UUID | None = None


class ProvingPage(Page):
    """A page whose verb may refuse with StepUpRequired: `act` is asked again once there is a proof for `deed`."""

    def deed(self) -> Deed:
        raise NotImplementedError

    def post(self, request: HttpRequest, **kwargs: Any) -> HttpResponseBase:
        try:
            self._prove(request)
            return self.act(request)
        except (StepUpRefused, TooManyProofs) as refusal:
            return self._question(request, passkey_only=False, problem=refusal)
        except StepUpRequired as missing:
            return self._question(request, passkey_only=bool(missing.extra.get("passkey_only")))
        except NotFound:
            raise
        except DomainError as refusal:
            return self.again(refusal)

    def _prove(self, request: HttpRequest) -> None:
        challenge = _uuid(request.POST.get("challenge", ""))
        if challenge is None:
            return
        if "credential" in request.POST:
            given = _credential(request.POST["credential"])
            stepup.complete_passkey(challenge_id=challenge, credential=given, actor=self.actor)
        else:
            stepup.complete_totp(challenge_id=challenge, code=request.POST.get("code", ""), actor=self.actor)

    def _question(
        self, request: HttpRequest, *, passkey_only: bool, problem: DomainError | None = None
    ) -> HttpResponseBase:
        deed = self.deed()
        only = passkey_only or "passkey_only" in request.POST
        try:
            asked = stepup.open_challenge(
                actor=self.actor,
                action_digest=deed.action_digest,
                workspace_id=deed.workspace_id,
                run_id=deed.run_id,
            )
        except StepUpRequired as refusal:
            return self.also("console/step_up.html", {"deed": deed, "problem": refusal}, status=refusal.status)
        carried = [(name, value) for name, value in request.POST.items() if name not in PROOF | {"passkey_only"}]
        context = {"deed": deed, "asked": asked, "carried": carried, "passkey_only": only, "problem": problem}
        return self.also("console/step_up.html", context, status=problem.status if problem else 200)


def _credential(given: str) -> dict[str, Any]:
    try:
        credential = json.loads(given)
    except ValueError as nonsense:
        raise StepUpRefused from nonsense
    if not isinstance(credential, dict):
        raise StepUpRefused
    return credential


def _uuid(given: str) -> UUID | None:
    try:
        return UUID(given) if given else None
    except ValueError as nonsense:
        raise StepUpRefused from nonsense
