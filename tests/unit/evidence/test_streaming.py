"""The stream for a SIEM: both views, and a forwarder that resumes where the collector last said yes."""

import json
from pathlib import Path

import pytest

from controlplane.cli import streaming as forwarding
from controlplane.cli.exits import CliError
from evidence.streaming import Sealed, cloud_event, ocsf
from evidence.verify import merkle
from tests.unit.evidence.forge import ORIGIN, Kit


def sealed(position: int = 1) -> Sealed:
    kit = Kit()
    index = kit.indices[position]
    return Sealed(index, kit.bodies[position], kit.log.leaves[index])


def test_a_cloud_event_carries_place_and_fingerprint() -> None:
    one = sealed()
    event = cloud_event(one)
    assert {"specversion", "id", "source", "type"} <= event.keys()
    assert (event["source"], event["subject"], event["sequence"]) == (f"//{ORIGIN}", "run-1", str(one.index))
    assert event["evleaf"] == merkle.leaf_hash(one.leaf).hex()
    assert event["data"] == json.loads(one.body)
    assert all(name.isalnum() and name.islower() for name in event)


def test_an_ocsf_event_has_what_every_class_asks_for_and_the_bytes_that_are_signed() -> None:
    one = sealed()
    event = ocsf(one)
    required = {"activity_id", "category_uid", "class_uid", "metadata", "severity_id", "time", "type_uid"}
    assert required <= event.keys()
    assert event["type_uid"] == event["class_uid"] * 100 + event["activity_id"]
    assert event["raw_data"].encode() == one.body
    assert event["attestation"]["chain_uid"] == ORIGIN
    assert event["attestation"]["fingerprint"]["value"] == merkle.leaf_hash(one.leaf).hex()


class Log:
    """Nine events, in batches of four."""

    def fetch(self, begin: int) -> tuple[bytes, int, str]:
        batch = list(range(begin, min(begin + 4, 9)))
        return json.dumps(batch).encode(), begin + len(batch), "application/json"


class Collector:
    """Takes batches, but says no to some of its calls."""

    def __init__(self, *refused: int) -> None:
        self.refused, self.calls, self.taken = refused, 0, []

    def send(self, content: bytes, media_type: str) -> None:
        self.calls += 1
        if self.calls in self.refused:
            raise CliError("503")
        self.taken += json.loads(content)


def test_a_stream_resumes_behind_the_last_delivered_batch(tmp_path: Path) -> None:
    collector, state = Collector(2, 3), tmp_path / "state"
    for _ in range(2):
        with pytest.raises(CliError):
            forwarding.forward(Log().fetch, collector.send, state)
        assert forwarding.wanted(state) == 4
    assert forwarding.forward(Log().fetch, collector.send, state) == 9
    assert collector.taken == list(range(9))
    assert forwarding.forward(Log().fetch, collector.send, state) == 9
    assert collector.calls == 5


def test_a_state_file_of_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("hello")
    with pytest.raises(CliError):
        forwarding.wanted(tmp_path / "state")
