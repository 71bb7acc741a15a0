"""What the figures are made of: lags from commits and sightings, and a stranger who verifies a long period."""

import bisect
import json
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from uuid import UUID

from evidence.bundling import Material, assemble
from evidence.verify import envelope, layout, merkle, note
from tests import ground
from tests.bench.evidence import crew
from tests.unit.evidence.forge import NOW, ORIGIN, Kit, Log, chain

STEPS = [
    (
        "test.noted",
        {
            "decision_id": "01a1ffc3-9f5a-7d0e-8000-000000000000",
            "environment_id": "01a1ffc3-9f5a-7d0e-8000-000000000001",
            "effect": "ALLOW",
            "reasons": [{"effect": "ALLOW", "code": "granted", "rule": "itsm.triage"}],
            "revision": "itsm-2026-11-21",
            "bundle_sha256": "0" * 64,
            "decision_digest": "0" * 64,
            "duration_us": number,
        },
    )
    for number in range(99)
]
"""A run of a hundred events with its seal."""


def lags_ms(commits: Sequence[tuple[str, float]], seen: Sequence[tuple[int, float]], log: UUID) -> list[float]:
    """For each event: from its commit until the head was seen to hold it. What was never seen is left out."""
    with crew.admin() as session:
        rows = session.execute("SELECT id::text, index FROM evidence_leaf WHERE log_id = %s", [log]).fetchall()
    places = dict(rows)
    sizes, times = [size for size, _ in seen], [when for _, when in seen]
    found = []
    for event, committed in commits:
        at = bisect.bisect_right(sizes, places[event]) if event in places else len(sizes)
        if at < len(times):
            found.append(max(0.0, times[at] - committed) * 1000)
    return found


def verify_s(events: int, folder: Path) -> float:
    """How long `interlock-verify` takes, start to end, for a bundle of the period with so many events."""
    bundle, trust = folder / "period.evb", folder / "trust.json"
    kit = Kit()
    bundle.write_bytes(period(kit, events))
    trust.write_text(json.dumps(kit.trust.as_json()))
    command = [sys.executable, "-m", "evidence.verify", str(bundle), "--trust", str(trust), "--at", str(NOW + events)]
    started = time.perf_counter()
    done = subprocess.run([*command, "--json"], cwd=ground.ROOT, capture_output=True, text=True, check=False)
    took = time.perf_counter() - started
    report = json.loads(done.stdout)
    if done.returncode or report["events"] != events:
        raise RuntimeError(f"the period does not verify: {done.stdout[-2000:]}")
    return took


def period(kit: Kit, events: int) -> bytes:
    """Runs one after the other, all of a log, under one head."""
    log, bodies = Log(), []
    for number in range(events // 100):
        bodies += chain(STEPS, of=f"run-{number + 2}")
    for place, body in enumerate(bodies):
        log.add(envelope.event_hash(body), NOW + place // 100)
    root = merkle.root_of([merkle.leaf_hash(leaf) for leaf in log.leaves])
    head = note.sign(note.Checkpoint(ORIGIN, len(bodies), root), kit.checkpointer)
    material = Material(
        origin=ORIGIN,
        kind=layout.PERIOD,
        events=bodies,
        leaves=log.leaves,
        proofs={},
        frontier=[],
        notes=[head],
        consistency={},
        keyring=kit.ring(),
        disclosures=[],
        erased=0,
        generated_at=NOW + events,
    )
    return assemble(material, kit.sealer)
