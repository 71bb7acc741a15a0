"""Two verifiers that share no code, in Python and in TypeScript, say the same bytes about every bundle."""

import random
from base64 import urlsafe_b64decode
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from evidence.verify.verifier import verify
from tests.conformance import nonsense, vectors
from tests.conformance.other import disagreements, vector, written
from tests.unit.evidence import attacks_time
from tests.unit.evidence.attacks_passkeys import asked, proved, voted
from tests.unit.evidence.forge import Kit, chain
from tests.unit.evidence.softkey import SoftKey, b64url
from tests.unit.evidence.stamps import Stamper


def differing(folder: Path, cases: Sequence[nonsense.Case]) -> list[str]:
    return disagreements([written(folder / f"{number:04d}", *case) for number, case in enumerate(cases)])


def test_both_say_the_same_of_every_vector(tmp_path: Path) -> None:
    folders = sorted(path for path in vectors.FOLDER.iterdir() if path.is_dir())
    assert len(folders) >= 200
    assert disagreements([vector(folder, tmp_path) for folder in folders]) == []


@pytest.mark.parametrize("seed", range(2))
def test_both_say_the_same_of_nonsense(tmp_path: Path, seed: int) -> None:
    assert differing(tmp_path, nonsense.cases(seed, 100)) == []


def test_both_read_the_texts_that_parsers_differ_on_alike(tmp_path: Path) -> None:
    kit = Kit()
    bundles = [
        kit.resigned(lambda members, text=text, name=name: members.update({name: text}))
        for text in nonsense.MINEFIELD
        for name in ("data/proofs.json", "data/disclosures.jsonl")
    ]
    assert differing(tmp_path, [(bundle, kit.ask()) for bundle in bundles]) == []


def signed_by(key: SoftKey, **changes: str) -> nonsense.Case:
    """A run whose approver's passkey is this one, which the auditor has pinned."""
    kit = Kit(chain(voted(proved(key.assertion("d1", **changes)))))
    return kit.bundle(disclosures=[]), asked(kit, key.pinned())


def test_both_check_an_rsa_passkey(tmp_path: Path) -> None:
    key = SoftKey("rsa", rsa.generate_private_key(65537, 2048))
    good, bad = signed_by(key), signed_by(key, signature=b64url(key.sign(b"other")))
    assert verify(*good).assurance.name == "A4"
    assert verify(*bad).failures == ["APPROVAL-SIG"]
    assert differing(tmp_path, [good, bad]) == []


def test_both_say_the_same_of_assertions_with_a_flipped_bit(tmp_path: Path) -> None:
    key, source, cases = SoftKey(), random.Random(20261122), []
    honest = key.assertion("d1")
    for name in ("authenticator_data", "client_data_json", "signature"):
        for _ in range(40):
            flipped = bytearray(urlsafe_b64decode(honest[name] + "=="))
            flipped[source.randrange(len(flipped))] ^= 1 << source.randrange(8)
            cases.append(signed_by(key, **{name: b64url(bytes(flipped))}))
    assert {tuple(verify(*case).failures) for case in cases} == {("APPROVAL-SIG",)}
    assert differing(tmp_path, cases) == []


def test_both_say_the_same_of_time_stamps_with_a_flipped_bit(tmp_path: Path) -> None:
    kit, stamper, source = Kit(), Stamper(), random.Random(20261121)
    honest = attacks_time.anchor(kit, stamper)
    cases = []
    for _ in range(150):
        token = bytearray(honest.tokens[0])
        token[source.randrange(len(token))] ^= 1 << source.randrange(8)
        cases.append((kit.bundle(anchors=[replace(honest, tokens=(bytes(token),))]), attacks_time.asked(kit, stamper)))
    assert differing(tmp_path, cases) == []
