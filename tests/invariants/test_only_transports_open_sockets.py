"""No way out but the transports: in the source of the connectors, and at run time."""

import ast
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from connectors import registry
from connectors.sandbox import accounts
from connectors.types import CallContext, Done, Instance
from controlplane.lib import clock

ROOT = Path(__file__).parents[2]
APPS = ("approvals", "connectors", "controlplane", "evidence", "metering", "policies", "tenants", "workflows")
WIRES = frozenset(
    {
        *("socket", "ssl", "http.client", "urllib.request", "ftplib", "smtplib", "telnetlib", "xmlrpc.client"),
        *("requests", "httpx", "httpx2", "httpcore2", "urllib3", "aiohttp", "websockets"),
        *("pysnow", "slack_sdk", "boto3"),
    }
)
ALLOWED_NAMES = ("transport", "egress_")
"""File names that may hold a client: the drivers' transports, and the operator's own infrastructure."""

OUTSIDE = {
    "connectors/sandbox": "the stand-in servers are vendors, not the platform",
    "controlplane/cli": "the command line is a client of our own API",
    "controlplane/demo": "the demo drives the platform from outside",
    "policies/engine/confine.py": "asks for a socket to prove that the confinement refuses one",
}


def sources() -> Iterator[Path]:
    for app in APPS:
        for path in (ROOT / app).rglob("*.py"):
            inside = path.relative_to(ROOT).as_posix()
            exempt = any(inside == place or inside.startswith(f"{place}/") for place in OUTSIDE)
            if not exempt and not path.name.startswith(ALLOWED_NAMES):
                yield path


def imported(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return {wire for wire in WIRES for name in names if name == wire or name.startswith(f"{wire}.")}


def test_only_transports_import_what_can_open_a_socket() -> None:
    offenders = {path.relative_to(ROOT).as_posix(): found for path in sources() if (found := imported(path))}
    assert offenders == {}


def test_no_exemption_outlives_its_file() -> None:
    assert [place for place in OUTSIDE if not (ROOT / place).exists()] == []


def test_the_check_sees_a_client_when_there_is_one() -> None:
    assert "httpx2" in imported(ROOT / "connectors" / "transport.py")
    assert "pysnow" in imported(ROOT / "connectors" / "servicenow" / "transport.py")


CALLS: list[tuple[str, str, dict[str, Any], dict[str, str], dict[str, Any]]] = [
    (
        "servicenow",
        "servicenow.choices.get",
        {},
        {"client_secret": accounts.SERVICENOW_CLIENT_SECRET},
        {"client_id": accounts.SERVICENOW_CLIENT_ID},
    ),
    (
        "slack",
        "slack.message.post",
        {"channel": "C0ITSM", "text": "hello"},
        {"bot_token": accounts.SLACK_BOT_TOKEN},
        {},
    ),
    (
        "anthropic",
        "llm.generate",
        {
            "model": accounts.AZURE_DEPLOYMENTS[0],
            "prompt": "triage@1",
            "input": {"text": "x"},
            "schema": "triage_result@1",
        },
        {"api_key": accounts.ANTHROPIC_KEY},
        {"wire_api": "anthropic.messages"},
    ),
]


@pytest.mark.parametrize(("vendor", "tool", "args", "secrets", "config"), CALLS, ids=[call[1] for call in CALLS])
def test_every_connection_of_a_call_is_opened_by_the_base_transport(
    stand_ins: Any,
    monkeypatch: pytest.MonkeyPatch,
    vendor: str,
    tool: str,
    args: dict[str, Any],
    secrets: dict[str, str],
    config: dict[str, Any],
) -> None:
    opened = _watched(monkeypatch)
    driver = "llm" if vendor == "anthropic" else vendor
    context = CallContext(
        Instance(vendor, driver, f"{stand_ins.url}/{vendor}", config, allow_loopback=True),
        {slot: secret.encode() for slot, secret in secrets.items()},
        "[interlock:1:2]",
        clock.monotonic() + 5,
        lambda: None,
    )
    outcome = registry.verbs(driver, tool).do(context, args, {})
    assert isinstance(outcome, Done), outcome
    assert opened
    assert len(opened) <= len(outcome.wire), "a connection may serve several requests, not the other way round"
    assert all("connectors/transport.py" in stack for stack in opened)


def _watched(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The files on the stack of every connection that is opened from now on."""
    import traceback

    opened: list[str] = []
    connect: Callable[..., None] = socket.socket.connect

    def noted(self: socket.socket, address: object) -> None:
        opened.append(" ".join(frame.filename for frame in traceback.extract_stack()))
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", noted)
    return opened
