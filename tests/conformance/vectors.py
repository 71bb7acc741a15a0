"""The public test vectors: a folder each, made from the corpus of attacks, always the same bytes.

    bundle.evb      what is judged
    trust.json      what the auditor brings; where it is missing, they bring nothing
    args.json       {"about", "at": ms, "profile", "known": [notes that the auditor remembers]}
    expected.json   {"exit": exit code, "codes": the codes of all that fails, sorted}

Another verifier may compare its whole report with that of `interlock-verify verify --json`. `python -m
tests.conformance.vectors` writes the folders anew.
"""

import json
import re
import shutil
from pathlib import Path
from typing import Any

from tests.unit.evidence.attacks import ATTACKS, Attack

FOLDER = Path(__file__).with_name("evidence")


def slug(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower().replace("2^53", "2-53")).strip("-")[:80]


def files_of(attack: Attack) -> dict[str, bytes]:
    """The files of one vector by name."""
    bundle, question = attack.make()
    args = {"about": attack.name, "at": question.at_ms, "profile": question.profile, "known": list(question.known)}
    expected = {"exit": int(attack.verdict), "codes": sorted(attack.codes)}
    files = {"bundle.evb": bundle, "args.json": _text(args), "expected.json": _text(expected)}
    return files if question.trust is None else {**files, "trust.json": _text(question.trust.as_json())}


def folders() -> dict[str, Attack]:
    named = {slug(attack.name): attack for attack in ATTACKS}
    if len(named) != len(ATTACKS):
        raise ValueError("two attacks would share a folder")
    return named


def write() -> int:
    shutil.rmtree(FOLDER, ignore_errors=True)
    for name, attack in folders().items():
        (FOLDER / name).mkdir(parents=True)
        for file, content in files_of(attack).items():
            (FOLDER / name / file).write_bytes(content)
    return len(folders())


def _text(value: Any) -> bytes:
    return (json.dumps(value, indent=1, ensure_ascii=False) + "\n").encode()


if __name__ == "__main__":
    print(f"{write()} vectors in {FOLDER}")  # noqa: T201
