from collections.abc import Callable
from types import SimpleNamespace

import pytest
from django.test import Client

from approvals import ports
from controlplane.lib.registry import Port


@pytest.fixture
def signed_in(committed_db: str, world: SimpleNamespace) -> Callable[[object], Client]:
    def sign_in(user: object) -> Client:
        client = Client()
        client.force_login(user)
        return client

    return sign_in


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the run was told of a decision, in place of the run."""
    heard: list[str] = []
    port: Port[ports.Decided] = Port("approvals.decided")
    port.bind(lambda *, state, **_: heard.append(state))
    monkeypatch.setattr(ports, "decided", port)
    return heard
