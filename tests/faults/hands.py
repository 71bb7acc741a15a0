"""People's verbs in processes of their own, so that one can be killed in the middle of what a person does.

One JSON object per line of a named pipe, `{"verb", "tenant", "person", "arguments"}`; each is done by a forked child,
which answers with nothing: what became of it is read from the rows.
"""

import json
import os
import signal
import sys
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any
from uuid import UUID

from django.db import transaction

from tenants import scope
from tenants.actors import Actor


def serve(pipe: Path) -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    with os.fdopen(os.open(pipe, os.O_RDWR)) as lines:
        while line := lines.readline():
            if os.fork() == 0:
                try:
                    _do(json.loads(line))
                except Exception:  # noqa: BLE001 - told in the log of the hands
                    traceback.print_exc()
                finally:
                    sys.stderr.flush()
                    os._exit(0)


def _do(order: Mapping[str, Any]) -> None:
    tenant_id = UUID(order["tenant"])
    with scope.enter(tenant_id):
        VERBS[order["verb"]](_person(UUID(order["person"]), tenant_id), order["arguments"])


@transaction.atomic
def _person(user_id: UUID, tenant_id: UUID) -> Actor:
    from tenants.models import User

    user = User.objects.get(pk=user_id)
    return Actor(user.kind, user.pk, tenant_id, user.label, "session")


def _start(actor: Actor, arguments: Mapping[str, Any]) -> None:
    from workflows import services

    environment_id = UUID(arguments["environment_id"])
    services.start_run(**{**arguments, "environment_id": environment_id}, starter=actor)


def _vote(actor: Actor, arguments: Mapping[str, Any]) -> None:
    from approvals import services
    from approvals.types import Channel, Verdict

    verdict = Verdict(arguments["verdict"])
    reason = "not this one" if verdict is Verdict.REJECT else "as asked"
    services.cast_vote(
        request_id=UUID(arguments["request_id"]),
        actor=actor,
        verdict=verdict,
        reason=reason,
        channel=Channel.CONSOLE,
        seen_digest=arguments["seen_digest"],
    )


def _cancel(actor: Actor, arguments: Mapping[str, Any]) -> None:
    from workflows import services

    services.cancel(run_id=UUID(arguments["run_id"]), reason="stopped by the matrix", actor=actor)


def _engage(actor: Actor, arguments: Mapping[str, Any]) -> None:
    from tenants import halts

    where = halts.Scope(halts.Kind(arguments["kind"]), arguments["value"])
    halts.engage(scope=where, mode=arguments["mode"], reason="the matrix", actor=actor)


def _ask_release(actor: Actor, arguments: Mapping[str, Any]) -> None:
    from tenants import halts

    halts.request_release(halt_id=UUID(arguments["halt_id"]), reason="it is over", actor=actor)


def _release(actor: Actor, arguments: Mapping[str, Any]) -> None:
    from tenants import halts

    halts.release(halt_id=UUID(arguments["halt_id"]), actor=actor)


VERBS: Mapping[str, Callable[[Actor, Mapping[str, Any]], None]] = MappingProxyType(
    {
        "start": _start,
        "vote": _vote,
        "cancel": _cancel,
        "engage": _engage,
        "ask_release": _ask_release,
        "release": _release,
    }
)
