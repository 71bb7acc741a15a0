"""The supervisor with real child processes."""

import socket

import pytest

from controlplane.demo.processes import ProcessFailed, Supervisor, listen

SLEEPER = "import time; print('up', flush=True); time.sleep(60)"
STUBBORN = "import signal, time; signal.signal(15, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"


@pytest.fixture
def supervisor(tmp_path, monkeypatch):
    monkeypatch.setattr("controlplane.demo.processes.GRACE_S", 0.5)
    made = Supervisor(tmp_path / "logs", {})
    yield made
    made.stop()


def up(child) -> bool:
    return "up" in child.log.read_text()


def test_children_are_stopped_even_when_they_do_not_listen(supervisor):
    polite, stubborn = supervisor.start("a", "-c", SLEEPER), supervisor.start("b", "-c", STUBBORN)
    supervisor.wait_until("both", lambda: up(polite) and up(stubborn))
    supervisor.stop()
    assert (polite.process.returncode, stubborn.process.returncode) == (-15, -9)


def test_a_command_that_fails_says_why(supervisor):
    with pytest.raises(ProcessFailed, match=r"(?s)code 3.*no such thing"):
        supervisor.run("broken", "-c", "import sys; print('no such thing'); sys.exit(3)")


def test_a_child_that_dies_is_noticed_while_waiting(supervisor):
    supervisor.start("short", "-c", "pass")
    with pytest.raises(ProcessFailed, match="short ended"):
        supervisor.wait_until("it", lambda: False, timeout_s=20)


def test_a_taken_port_gives_way_to_a_free_one():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with listen(taken.getsockname()[1]) as door:
            assert door.getsockname()[1] != taken.getsockname()[1]
