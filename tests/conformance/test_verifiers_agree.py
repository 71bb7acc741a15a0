"""Two verifiers that share no code, in Python and in TypeScript, say the same bytes about every bundle."""

import random
from dataclasses import replace
from pathlib import Path

import pytest

from tests.conformance import nonsense
from tests.conformance.other import disagreements
from tests.unit.evidence import attacks_time
from tests.unit.evidence.attacks import ATTACKS
from tests.unit.evidence.forge import Kit
from tests.unit.evidence.stamps import Stamper


def test_both_say_the_same_of_every_attack(tmp_path: Path) -> None:
    assert disagreements(tmp_path, [case.make() for case in ATTACKS]) == []


@pytest.mark.parametrize("seed", range(2))
def test_both_say_the_same_of_nonsense(tmp_path: Path, seed: int) -> None:
    assert disagreements(tmp_path, nonsense.cases(seed, 100)) == []


def test_both_read_the_texts_that_parsers_differ_on_alike(tmp_path: Path) -> None:
    kit = Kit()
    bundles = [
        kit.resigned(lambda members, text=text, name=name: members.update({name: text}))
        for text in nonsense.MINEFIELD
        for name in ("data/proofs.json", "data/disclosures.jsonl")
    ]
    assert disagreements(tmp_path, [(bundle, kit.ask()) for bundle in bundles]) == []


def test_both_say_the_same_of_time_stamps_with_a_flipped_bit(tmp_path: Path) -> None:
    kit, stamper, source = Kit(), Stamper(), random.Random(20261121)
    honest = attacks_time.anchor(kit, stamper)
    cases = []
    for _ in range(150):
        token = bytearray(honest.tokens[0])
        token[source.randrange(len(token))] ^= 1 << source.randrange(8)
        cases.append((kit.bundle(anchors=[replace(honest, tokens=(bytes(token),))]), attacks_time.asked(kit, stamper)))
    assert disagreements(tmp_path, cases) == []
