"""What docs/evidence.md tells an auditor is so."""

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

from evidence import zipapp
from evidence.verify.findings import CODES, Verdict
from tests.conformance import vectors
from tests.unit.evidence.forge import Kit
from tests.unit.evidence.forge_kinds import Period

GUIDE = Path(__file__).parents[2] / "docs" / "evidence.md"


def test_every_code_is_explained_with_its_exit_code() -> None:
    rows = re.findall(r"^\| ([A-Z][A-Z, -]+) \| (\d) \|", GUIDE.read_text(), re.MULTILINE)
    told = {code: int(digit) for codes, digit in rows for code in codes.split(", ")}
    rules = dict.fromkeys(re.findall(r"^\| (RULE-[A-Z]+) \|", GUIDE.read_text(), re.MULTILINE), 7)
    assert {**told, **rules, "DANGLING-INTENT": 4} == {code: int(verdict) for code, verdict in CODES.items()}


def test_every_exit_code_is_explained() -> None:
    told = dict(re.findall(r"^\| (\d) \| ([A-Z_]+|usage) \|", GUIDE.read_text(), re.MULTILINE))
    assert {int(digit): name.upper() for digit, name in told.items()} == {v.value: v.name for v in Verdict}


def test_the_commands_of_the_guide_work_as_they_stand(tmp_path: Path) -> None:
    """In a folder with nothing but the one file, two bundles and the trust file."""
    kit, period = Kit(), Period(begin=0)
    zipapp.write(tmp_path / "interlock-verify.pyz")
    (tmp_path / "run.evb").write_bytes(kit.bundle())
    (tmp_path / "period.evb").write_bytes(period.bundle())
    (tmp_path / "trust.json").write_text(json.dumps(kit.trust.as_json()))
    commands = re.findall(r"python3 (interlock-verify\.pyz [^\n`]+)", GUIDE.read_text())
    assert [shlex.split(command)[1] for command in commands] == ["verify", "pin", "sample"]
    for command in commands:
        told = [sys.executable, "-I", *shlex.split(command), "--at", str(kit.ask().at_ms)]
        done = subprocess.run(told, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, ""), command
    assert (tmp_path / "head.note").read_text() == kit.note(kit.sizes[-1])


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
