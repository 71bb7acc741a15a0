"""A few seeds of `make torture`, each until enough was killed and enough was written."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.torture.judge import alarms, judge
from tests.torture.rig import Plan, Rig

pytestmark = [pytest.mark.faults, pytest.mark.timeout(900), pytest.mark.usefixtures("committed_db")]


@pytest.mark.parametrize("seed", [1, 2])
def test_one_history_whoever_dies(world: SimpleNamespace, tmp_path: Path, seed: int) -> None:
    plan = Plan(writers=16, threads=8, sequencers=4, logs=3, seconds=0, kills=9, transactions=150, look_s=1, seed=seed)
    tenant = world.a.tenant.id
    rig = Rig(plan, tenant, tmp_path, lambda: alarms(tenant))
    rig.run()
    rig.drain()
    verdict = judge(rig)
    assert verdict.problems == []
    assert verdict.clean
    assert rig.looks > 0
    assert verdict.leaves > plan.transactions
    assert verdict.checkpoints > 0
    assert rig.noted("undone") != []
