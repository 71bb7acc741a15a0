"""Whatever a test of this folder does with a run: the record of it can be played again, here and elsewhere."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from django.db import transaction

from evidence.verify import bag, container, layout, structure
from evidence.verify.disclosure import Disclosure
from workflows.models import Run
from workflows.replay import exact, reading
from workflows.replay.material import of_bundle
from workflows.replay.report import Verdict, told

ROOT = Path(__file__).resolve().parents[3]
STRANGE = {"TZ": "Pacific/Chatham", "LC_ALL": "C", "LANG": "C", "PYTHONHASHSEED": "4711", "PATH": os.environ["PATH"]}


def every_run_comes_out_the_same() -> None:
    """Of all runs that were recorded and whose record is whole."""
    with transaction.atomic():
        runs = list(Run.objects.order_by("id").values_list("pk", flat=True))
    for run_id in runs:
        material = reading.of_run(run_id)
        broken = structure.breaks(material.events)
        assert not broken, broken
        report = exact.replay(material)
        assert report.verdict is not Verdict.DIVERGED, "\n".join(told(report.document()))


def played(*arguments: object, **environment: str) -> tuple[int, list[dict[str, Any]]]:
    """In another process: another time zone, locale and hash seed, and no database that it could reach. Its exit code,
    and what it says of each bundle."""
    command = [sys.executable, "-m", "workflows.replay", *map(str, arguments), "--json"]
    done = subprocess.run(command, capture_output=True, cwd=ROOT, env={**STRANGE, **environment}, check=False)
    assert done.stdout, done.stderr.decode()
    return done.returncode, [json.loads(line) for line in done.stdout.splitlines()]


def elsewhere(*arguments: object, hash_seed: str = "4711") -> tuple[int, dict[str, Any]]:
    """One bundle."""
    code, found = played(*arguments, PYTHONHASHSEED=hash_seed)
    return code, found[0]


def altered(path: Path, places: Mapping[str, str], old: bytes, new: bytes) -> Path:
    """The bundle with the content at `places` (paths by event) changed, as its holder can: no key is needed."""

    def changed(members: dict[str, bytes]) -> None:
        opened = of_bundle(path.read_bytes()).opened.values()
        members[layout.DISCLOSURES] = b"".join(_changed(each, places, old, new).line() + b"\n" for each in opened)

    return rebuilt(path, changed)


def rebuilt(path: Path, change: Callable[[dict[str, bytes]], None]) -> Path:
    """The bundle with other members; its bag fits again."""
    members = {name: data for name, data in container.unpack(path.read_bytes()).items() if name not in bag.TAG_FILES}
    change(members)
    target = path.with_name("altered.evb")
    target.write_bytes(container.pack({**members, **bag.tag_files(members)}))
    return target


def _changed(opened: Disclosure, places: Mapping[str, str], old: bytes, new: bytes) -> Disclosure:
    if places.get(opened.event) != opened.path:
        return opened
    changed = opened.content.replace(old, new)
    assert changed != opened.content
    return replace(opened, content=changed)
