"""What a check says to a text that is nobody's draft yet, and how a draft differs from what is active."""

import json
from collections.abc import Callable, Mapping
from typing import Any, TypeVar
from uuid import UUID

from django.db import transaction

from policies import checking, publishing
from policies.candidates import Candidate
from policies.drafting import require_fit
from policies.models import Draft
from policies.report import Report
from policies.types import PackSource
from tenants import access as places
from tenants.actors import Actor
from tenants.permissions import Perm, require

L = TypeVar("L")


def check_text(*, environment_id: UUID, pack: str, text: PackSource, actor: Actor) -> Report:
    """The report that a draft of this pack would get on top of what is active now. Needs AUTHOR_POLICY."""
    with transaction.atomic():
        environment = places.environment(actor, environment_id)
        require(actor, Perm.AUTHOR_POLICY, environment.workspace_id, environment.pk)
        seq, standing = publishing.standing_packs(environment_id)
    texts = {"source": text.source, "data": text.data, "tests": text.tests, "golden": list(text.golden)}
    require_fit(texts, text.version)
    return checking.report_on(Candidate(seq, standing, {**standing, pack: text}, pack), seq)


def compared(before: PackSource, draft: Draft, between: Callable[[str, str], list[L]]) -> Mapping[str, list[L]]:
    """Source, tests and configuration, each as `between` compares two texts."""
    pairs = {
        "source": (before.source, draft.source),
        "tests": (before.tests, draft.tests),
        "data": (_pretty(before.data), _pretty(draft.data)),
    }
    return {name: between(*pair) for name, pair in pairs.items()}


def _pretty(value: Any) -> str:
    return json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False)
