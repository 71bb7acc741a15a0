"""A tenant with the triage policy in force, questions to it, and a real OPA server that has pulled its bundle."""

import http.client
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

from django.db import transaction

from policies import active, bundles, packs, point, publishing
from policies.active import Active
from policies.types import PackSource
from tenants import scope
from tenants.actors import Actor
from tests import opa_servers
from tests.opa_servers import RealOpa, Stub
from tests.policy_questions import question

CHANNEL = "C0TEAM0001"
PATH = "/v1/data/interlock/main/decision?provenance=true&strict-builtin-errors=true"


def actor_of(side: SimpleNamespace) -> Actor:
    return Actor("human", side.alice.id, side.tenant.id, side.alice.label, "session")


@contextmanager
def governed(side: SimpleNamespace) -> Iterator[Active]:
    """In the tenant's scope, with triage in force in prod."""
    with scope.enter(side.tenant.id):
        publishing.activate_first(
            environment_id=side.environment.id,
            packs={"triage": triage()},
            actor=actor_of(side),
            reason="bench",
            ttl_s=900,
        )
        with transaction.atomic():
            found = active.of(side.environment.id)
        yield found


def triage(*more: str) -> PackSource:
    return packs.triage(channels=[CHANNEL, *more])


def questions(side: SimpleNamespace, count: int) -> list[dict[str, Any]]:
    """As the gateway asks: reads, writes, posts, and what nobody grants."""
    kinds: list[dict[str, Any]] = [
        {"tool": "servicenow.incident.get", "kind": "read", "risk": "low", "args": {"sys_id": "0" * 32}},
        {},
        {"tool": "slack.message.post", "args": {"channel": CHANNEL, "text": "x"}},
        {"tool": "nobody.knows"},
    ]
    return [question(side, **kinds[number % len(kinds)]) for number in range(count)]


@contextmanager
def opa(side: SimpleNamespace, found: Active) -> Iterator[RealOpa | None]:
    """A real server with the bundle in force, or None where there is no program."""
    if opa_servers.program() is None:
        yield None
        return
    signing, name = point.keyring().signing(), str(side.environment.id)
    stub = Stub()
    with transaction.atomic():
        statement, contents = active.in_force(side.environment.id)
    stub.bundle = bundles.build_served(contents, statement, key=signing.private, kid=signing.kid)
    with TemporaryDirectory() as folder:
        server = RealOpa(Path(folder), server_settings(stub.url, name))
        try:
            opa_servers.until(
                lambda: server.status().get(name, {}).get("active_revision") == found.program.revision, "no bundle"
            )
            yield server
        finally:
            server.stop()
            stub.stop()


def server_settings(service: str, environment: str) -> dict[str, Any]:
    """Of an OPA server that pulls one bundle and keeps its decisions to itself."""
    from cryptography.hazmat.primitives import serialization

    signing = point.keyring().signing()
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    pem = signing.private.public_key().public_bytes(serialization.Encoding.PEM, form).decode()
    made = opa_servers.configuration(
        service=service, token="bench", environment=environment, kid=signing.kid, public_pem=pem
    )
    return {name: made[name] for name in ("services", "keys", "bundles", "status")}


def asking(server: RealOpa) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """The barest client there is: one connection that is kept, nothing checked."""
    parts = urlsplit(server.url)
    connection = http.client.HTTPConnection(str(parts.hostname), parts.port or 0)

    def ask(document: dict[str, Any]) -> dict[str, Any]:
        body = json.dumps({"input": document})
        connection.request("POST", PATH, body, {"Content-Type": "application/json"})
        found: dict[str, Any] = json.loads(connection.getresponse().read())["result"]
        return found

    return ask
