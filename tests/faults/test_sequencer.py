"""Writers, three sequencers, kill -9: dense logs, no forks, nothing lost, nothing twice."""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from uuid import UUID

import pytest
from django.core.management import CommandError, call_command

from controlplane.lib.ids import uuid7
from evidence import retained, sequencing, trees
from evidence.models import Checkpoint, Event, Leaf, LogHead, Pending, RunHead
from evidence.verify import envelope, merkle
from tests import ground
from tests.integration.evidence.conftest import as_sequencer  # noqa: F401 - a fixture

pytestmark = [pytest.mark.faults, pytest.mark.usefixtures("committed_db")]

EVENTS = 80
KILLS = 2


def start(role: str, *command: str, output: int = subprocess.DEVNULL) -> subprocess.Popen[str]:
    environment = {**os.environ, "INTERLOCK_DB_ROLE": role}
    return subprocess.Popen([sys.executable, *command], cwd=ground.ROOT, env=environment, stdout=output, text=True)


def sequencer() -> subprocess.Popen[str]:
    return start("sequencer", "manage.py", "sequencer", output=subprocess.PIPE)


def writer(tenant: UUID, log: UUID, seed: int) -> subprocess.Popen[str]:
    arguments = (str(tenant), str(log), str(EVENTS), str(seed))
    return start("app", "-m", "tests.faults.evidence_writer", *arguments, output=subprocess.PIPE)


def end(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.wait()
    if process.stdout is not None:
        process.stdout.close()


@pytest.fixture
def logs(world: object) -> list[UUID]:
    return [world.a.workspace.id, uuid7()]


@pytest.fixture
def committed(world: object, logs: list[UUID]) -> Iterator[list[str]]:
    """Runs everything at once; yields the ids that the writers saw committed."""
    source = random.Random(7)
    writers = [writer(world.a.tenant.id, log, seed) for seed, log in enumerate(logs)]
    sequencers = [sequencer() for _ in range(KILLS + 1)]
    try:
        for victim in sequencers[:KILLS]:
            assert victim.stdout.readline() == "sequencing\n"
            time.sleep(source.random())
            end(victim)
        yield [line for process in writers for line in process.communicate(timeout=60)[0].split()]
        sequencers[-1].send_signal(signal.SIGTERM)
        assert sequencers[-1].wait(timeout=30) == 0, "asked to stop, a sequencer ends its round and leaves"
    finally:
        for process in [*sequencers, *writers]:
            end(process)


def test_no_kill_makes_a_gap_a_fork_or_a_loss(
    world: object,
    committed: list[str],
    logs: list[UUID],
    in_scope: Callable,
    as_sequencer: Callable,  # noqa: F811 - a fixture
) -> None:
    while as_sequencer(sequencing.run_once):
        pass
    with in_scope(world.a.tenant):
        assert len(committed) > EVENTS
        assert not Pending.objects.exists()
        assert set(map(str, Leaf.objects.values_list("pk", flat=True))) >= set(committed)
        assert Leaf.objects.count() == Event.objects.count()
        assert not LogHead.objects.exclude(frozen_reason="").exists()
        for log_id in logs:
            _assert_one_history(log_id)
        for run in RunHead.objects.all():
            _assert_run_in_order(run)


def _assert_one_history(log_id: UUID) -> None:
    rows = list(Leaf.objects.filter(log_id=log_id).order_by("index"))
    hashes = [bytes(row.leaf_hash) for row in rows]
    leaves = [envelope.parse_leaf(bytes(row.leaf)) for row in rows]
    assert [leaf.index for leaf in leaves] == list(range(len(rows)))
    assert [leaf.previous for leaf in leaves] == [envelope.NO_LEAF, *hashes[:-1]]
    assert [leaf.time_ms for leaf in leaves] == sorted(leaf.time_ms for leaf in leaves)
    nodes = merkle.nodes_over(hashes)
    checkpoints = list(Checkpoint.objects.filter(log_id=log_id).order_by("size"))
    assert checkpoints[-1].size == len(rows)
    assert all(bytes(point.root) == merkle.root_at(point.size, nodes) for point in checkpoints)
    assert retained.last(log_id) == retained.Signed(len(rows), trees.root_of(LogHead.objects.get(pk=log_id)))


def _assert_run_in_order(run: RunHead) -> None:
    events = Event.objects.filter(run_id=run.pk).order_by("run_seq")
    indices = [Leaf.objects.get(pk=event.pk).index for event in events]
    assert [event.run_seq for event in events] == list(range(1, run.seq + 1))
    assert indices == sorted(indices)


def test_the_sequencer_refuses_to_run_in_another_role() -> None:
    with pytest.raises(CommandError, match="INTERLOCK_DB_ROLE=sequencer"):
        call_command("sequencer", once=True)
