"""`Idempotency-Key`: the key, the verb and its first answer commit in one transaction.

A verb is a function decorated with `transaction.atomic(durable=True)`. Here its undecorated body runs inside the
durable transaction that also holds the key, so a crash leaves both or neither.
"""

from collections.abc import Callable
from typing import Any, TypeVar

from django.db import transaction
from rest_framework import status as http
from rest_framework.request import Request
from rest_framework.response import Response

from controlplane.lib.canonical import sha256_hex
from controlplane.lib.errors import Conflict, Invalid
from controlplane.models import IdempotencyKey
from tenants.actors import Actor

T = TypeVar("T")
HEADER = "Idempotency-Key"
REPLAYED = "Idempotent-Replayed"
LONGEST = 200


class KeyReused(Conflict):
    code, status, title = "idempotency_key_reused", 422, "The key was used for another request"


def once(
    request: Request,
    *,
    actor: Actor,
    verb: Callable[..., T],
    render: Callable[[T], Any],
    status: int = http.HTTP_200_OK,
    prepare: Callable[[], dict[str, Any]] | None = None,
    **arguments: Any,
) -> Response:
    """Run `verb(**arguments, actor=actor)` once per key and answer with `render(outcome)`.

    Without the header the verb simply runs. A repeated key answers as the first time did, with
    `Idempotent-Replayed: true`; with another body it is refused (422). `prepare` gives further arguments: work that
    takes long and changes nothing, done before the transaction and only for a key that has no answer yet.
    """
    key = request.headers.get(HEADER, "")
    if not key:
        arguments |= prepare() if prepare else {}
        return Response(render(verb(**arguments, actor=actor)), status=status)
    if len(key) > LONGEST or not key.isprintable():
        raise Invalid(f"{HEADER} has up to {LONGEST} printable characters", field=HEADER)
    if prepare is not None and not _known(actor, key):
        arguments |= prepare()
    with transaction.atomic(durable=True):
        row, fresh = _claim(actor, key, _fingerprint(request))
        if fresh:
            row.status, row.body = status, render(_body_of(verb)(**arguments, actor=actor))
            row.save(update_fields=["status", "body"])
    return Response(row.body, status=row.status, headers={} if fresh else {REPLAYED: "true"})


@transaction.atomic
def _known(actor: Actor, key: str) -> bool:
    """Keys are never taken back, so a known one is answered without any work."""
    return IdempotencyKey.objects.filter(actor_id=actor.id, key=key).exists()


def _claim(actor: Actor, key: str, fingerprint: str) -> tuple[IdempotencyKey, bool]:
    """Insert the key, or wait for the request that holds it and read its answer."""
    draft = IdempotencyKey(actor_id=actor.id, key=key, fingerprint=fingerprint)
    IdempotencyKey.objects.bulk_create([draft], ignore_conflicts=True)
    row = IdempotencyKey.objects.select_for_update().get(actor_id=actor.id, key=key)
    if row.fingerprint != fingerprint:
        raise KeyReused("send a new key for a new request")
    return row, row.id == draft.id


def _fingerprint(request: Request) -> str:
    return sha256_hex(f"{request.method} {request.path}\n".encode() + request._request.body)


def _body_of(verb: Callable[..., T]) -> Callable[..., T]:
    """The verb without its own transaction; a verb without one is a defect."""
    body: Callable[..., T] | None = getattr(verb, "__wrapped__", None)
    if body is None:
        raise TypeError(f"{verb!r} is not a verb with a transaction of its own")
    return body
