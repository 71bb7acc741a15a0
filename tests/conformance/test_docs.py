"""What docs/evidence.md tells an auditor is so."""

import json
import re
import subprocess
from pathlib import Path

from evidence.verify.findings import CODES, Verdict
from tests.conformance import vectors
from tests.unit.evidence.forge import Kit

GUIDE = Path(__file__).parents[2] / "docs" / "evidence.md"


def test_every_code_is_explained_with_its_exit_code() -> None:
    rows = re.findall(r"^\| ([A-Z][A-Z, -]+) \| (\d) \|", GUIDE.read_text(), re.MULTILINE)
    told = {code: int(digit) for codes, digit in rows for code in codes.split(", ")}
    rules = dict.fromkeys(re.findall(r"^\| (RULE-[A-Z]+) \|", GUIDE.read_text(), re.MULTILINE), 7)
    assert {**told, **rules, "DANGLING-INTENT": 4} == {code: int(verdict) for code, verdict in CODES.items()}


def test_every_exit_code_is_explained() -> None:
    told = dict(re.findall(r"^\| (\d) \| ([A-Z_]+|usage) \|", GUIDE.read_text(), re.MULTILINE))
    assert {int(digit): name.upper() for digit, name in told.items()} == {v.value: v.name for v in Verdict}


def test_the_way_without_any_tool_of_ours_works(tmp_path: Path) -> None:
    (script,) = re.findall(r"```sh\n(.*?)```", GUIDE.read_text(), re.DOTALL)
    (tmp_path / "bundle.evb").write_bytes(Kit().bundle())
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "Signature Verified Successfully" in done.stdout


def test_a_vector_is_in_the_files_that_the_guide_names() -> None:
    folder = next(path for path in vectors.FOLDER.iterdir() if (path / "trust.json").exists())
    assert {path.name for path in folder.iterdir()} == {"bundle.evb", "trust.json", "args.json", "expected.json"}
    assert set(json.loads((folder / "expected.json").read_text())) == {"exit", "codes"}
