"""Where a line may be dialled, and how long a refusal is waited out."""

import pytest

from connectors.slack import transport_socket
from connectors.slack.transport_socket import LineRefused, SocketLine, admitted
from connectors.types import Failed, Instance
from controlplane.lib import clock

SLACK = Instance("slack", "slack", "https://slack.com")
HERE = Instance("slack", "slack", "http://127.0.0.1:8090/slack", allow_loopback=True)


@pytest.mark.parametrize(
    ("instance", "url"),
    [
        (SLACK, "wss://wss-primary.slack.com/link/?ticket=1"),
        (SLACK, "wss://slack.com/link/?ticket=1"),
        (HERE, "ws://127.0.0.1:8090/slack/link/?ticket=1"),
    ],
)
def test_a_line_leads_to_the_vendor(instance: Instance, url: str) -> None:
    assert admitted(url, instance) == url


@pytest.mark.parametrize(
    ("instance", "url"),
    [
        (SLACK, "wss://slack.com.evil.test/link/"),
        (SLACK, "wss://evilslack.com/link/"),
        (SLACK, "ws://wss-primary.slack.com/link/"),
        (SLACK, "wss://127.0.0.1/link/"),
        (SLACK, "https://slack.com/link/"),
        (SLACK, ""),
        (HERE, "ws://127.0.0.1:9999/link/"),
        (HERE, "ws://10.0.0.1:8090/link/"),
        (Instance("slack", "slack", "http://127.0.0.1:8090/slack"), "ws://127.0.0.1:8090/slack/link/"),
    ],
)
def test_a_line_leads_nowhere_else(instance: Instance, url: str) -> None:
    with pytest.raises(LineRefused):
        admitted(url, instance)


def test_a_refusal_is_waited_out(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Failed] = []

    def refuse(line: SocketLine) -> Failed:
        asked.append(Failed(permanent=False, code="rate_limited", detail="", retry_after_s=30.0))
        return asked[-1]

    monkeypatch.setattr(SocketLine, "_asked", refuse)
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.test:3128")
    line = SocketLine(SLACK, "xapp-1")
    try:
        assert line.proxy is None, "no proxy of the environment"
        start = clock.monotonic()
        for later, count in ((0, 1), (29, 1), (31, 2)):
            monkeypatch.setattr(transport_socket.clock, "monotonic", lambda at=start + later: at)
            with pytest.raises(LineRefused):
                line.issue_new_wss_url()
            assert len(asked) == count
    finally:
        monkeypatch.undo()
        line.close()
