"""The verifier runs where nothing of the platform is."""

import hashlib
import json
import shutil
import subprocess
import sys
from pathlib import Path

import evidence.verify
from evidence import zipapp
from evidence.verify import layout
from evidence.verify.container import unpack
from tests.unit.evidence.forge import Kit, chain

ALONE = """
import sys
for name in ("django", "psycopg", "controlplane", "tenants", "rfc8785"):
    sys.modules[name] = None
from evidence.verify.cli import main
sys.exit(main())
"""


def test_the_verifier_runs_alone_in_an_empty_folder(tmp_path: Path) -> None:
    shutil.copytree(Path(evidence.verify.__file__).parent, tmp_path / "evidence" / "verify")
    kit = Kit()
    (tmp_path / "run.evb").write_bytes(kit.bundle())
    (tmp_path / "trust.json").write_text(json.dumps(kit.trust.as_json()))
    command = [sys.executable, "-c", ALONE, "run.evb", "--trust", "trust.json", "--at", str(kit.ask().at_ms)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr + done.stdout
    assert done.stdout.splitlines()[-1].startswith("VERDICT VERIFIED exit=0")


def test_the_page_of_a_bundle_is_self_contained_and_escaped() -> None:
    kit = Kit(chain([("run.started", {"ticket": "<script>alert(1)</script>"})]))
    page = unpack(kit.bundle(disclosures=[]))[layout.REPORT].decode()
    assert "<script" not in page
    assert "http" not in page.replace("interlock", "")
    assert "&lt;script&gt;" in page


def test_the_verifier_in_one_file_is_the_same_bytes_each_time_and_runs(tmp_path: Path) -> None:
    verifier, kit = tmp_path / "interlock-verify.pyz", Kit()
    assert zipapp.write(verifier) == hashlib.sha256(zipapp.build()).hexdigest()
    (tmp_path / "run.evb").write_bytes(kit.bundle())
    (tmp_path / "trust.json").write_text(json.dumps(kit.trust.as_json()))
    question = ["run.evb", "--trust", "trust.json", "--at", str(kit.ask().at_ms)]
    command = [sys.executable, "-I", "-W", "error", str(verifier), "verify", *question]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    where = "import sys; sys.path.insert(0, 'interlock-verify.pyz'); import evidence.verify.cli as c; print(c.__file__)"
    found = subprocess.run(
        [sys.executable, "-I", "-c", where], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert "interlock-verify.pyz" in found.stdout
