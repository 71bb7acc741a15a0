"""No bundle makes the verifier fall over: whatever an insider signs, the answer is a report."""

import json
import random
from typing import Any

import pytest

from evidence.verify import container, jcs, layout
from evidence.verify.findings import Verdict
from evidence.verify.verifier import verify
from tests.unit.evidence.forge import Kit

JUNK: list[Any] = [
    0,
    -1,
    2**53 - 1,
    True,
    "",
    "x",
    "é\u0000",
    [],
    {},
    ["x"],
    {"c": "x", "len": 1, "mt": "y"},
    {"path": []},
]
STRUCTURED = (layout.EVENTS, layout.LEAVES, layout.PROOFS, layout.CONSISTENCY, layout.DISCLOSURES)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Paths of every member and element, the whole included."""
    found = [path]
    if isinstance(value, dict):
        found += [one for name in value for one in places(value[name], (*path, name))]
    elif isinstance(value, list):
        found += [one for index, item in enumerate(value) for one in places(item, (*path, index))]
    return found


def replaced(value: Any, path: tuple[Any, ...], junk: Any) -> Any:
    if not path:
        return junk
    if isinstance(value, dict):
        return {**value, path[0]: replaced(value[path[0]], path[1:], junk)}
    return [replaced(item, path[1:], junk) if index == path[0] else item for index, item in enumerate(value)]


@pytest.mark.parametrize("seed", range(4))
def test_signed_nonsense_gets_a_report(seed: int) -> None:
    source, kit = random.Random(seed), Kit()
    for _ in range(30):
        name = source.choice(STRUCTURED)

        def spoil(members: dict[str, bytes], name: str = name) -> None:
            lines = members[name].splitlines()
            at = source.randrange(len(lines))
            value = json.loads(lines[at])
            lines[at] = jcs.dumps(replaced(value, source.choice(places(value)), source.choice(JUNK)))
            members[name] = b"\n".join(lines) + (b"\n" if name.endswith("l") else b"")

        bundle = kit.resigned(spoil)
        if container.unpack(bundle)[name] != container.unpack(kit.bundle())[name]:
            report = verify(bundle, kit.ask())
            assert report.verdict is not Verdict.VERIFIED, report.text()


@pytest.mark.parametrize("seed", range(1))
def test_cut_and_joined_bytes_get_a_report(seed: int) -> None:
    source, kit = random.Random(seed), Kit()
    bundle = kit.bundle()
    for _ in range(200):
        start, end = sorted(source.sample(range(len(bundle)), 2))
        cut = bundle[:start] + source.randbytes(source.randrange(8)) + bundle[end:]
        assert verify(cut, kit.ask()).verdict is not Verdict.VERIFIED
