"""`make torture`: MINUTES=10 WRITERS=64 SEQUENCERS=4 SEED=0. Prints the verdict, writes build/torture.json.

Exit code 1 when anything was lost, doubled, forked, left out or cried wolf about.
"""

import json
import os
import sys
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory

from tests import ground

REPORT = ground.ROOT / "build" / "torture.json"


def main() -> int:
    import django

    django.setup()
    from django.conf import settings

    from tests.torture.rig import Plan

    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    plan = Plan(
        writers=int(os.environ.get("WRITERS", "64")),
        sequencers=int(os.environ.get("SEQUENCERS", "4")),
        seconds=60 * float(os.environ.get("MINUTES", "10")),
        seed=int(os.environ.get("SEED", "0")),
    )
    try:
        with TemporaryDirectory() as folder:
            report = _play(plan, Path(folder))
    finally:
        from django.db import connections

        connections.close_all()
        ground.drop(ground.session_database())
    REPORT.parent.mkdir(exist_ok=True)
    REPORT.write_text(json.dumps(report, indent=2) + "\n")
    sys.stdout.write(json.dumps(report, indent=2) + "\n")
    return 0 if report["clean"] else 1


def _play(plan: object, folder: Path) -> dict[str, object]:
    from tests.conftest import build_world
    from tests.torture.judge import alarms, judge
    from tests.torture.rig import Rig

    tenant = build_world().a.tenant.id
    rig = Rig(plan, tenant, folder, lambda: alarms(tenant))
    rig.run()
    rig.drain()
    verdict = judge(rig)
    noted = {what: len(rig.noted(what)) for what in ("kept", "undone")}
    done = {"kills": dict(rig.kills), "looks": rig.looks, **noted}
    return {**asdict(plan), **done, **asdict(verdict), "clean": verdict.clean}


if __name__ == "__main__":
    os.environ.setdefault("INTERLOCK_LOG_LEVEL", "ERROR")
    sys.exit(main())
