"""The committed vectors are what the corpus says, and the command answers each as expected."""

import json
from pathlib import Path

import pytest

from evidence.verify import cli
from evidence.verify.findings import CODES
from tests.conformance import vectors

FOLDERS = sorted(path for path in vectors.FOLDER.iterdir() if path.is_dir())


def test_the_committed_vectors_are_those_of_the_corpus() -> None:
    made = vectors.folders()
    assert [path.name for path in FOLDERS] == sorted(made)
    for path in FOLDERS:
        committed = {file.name: file.read_bytes() for file in path.iterdir()}
        assert committed == vectors.files_of(made[path.name]), f"{path.name}: python -m tests.conformance.vectors"


def test_there_are_many_and_every_code_stands_alone_in_one() -> None:
    expected = [json.loads((path / "expected.json").read_text())["codes"] for path in FOLDERS]
    assert len(FOLDERS) >= 200
    assert {codes[0] for codes in expected if len(codes) == 1} == set(CODES)


@pytest.mark.parametrize("part", range(8))
def test_the_command_answers_each_vector_as_expected(
    part: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for path in FOLDERS[part::8]:
        expected = json.loads((path / "expected.json").read_text())
        code = cli.main(_arguments(path, tmp_path))
        report = json.loads(capsys.readouterr().out)
        found = sorted({finding["code"] for finding in report["findings"] if finding["outcome"] == "FAIL"})
        assert (code, report["exit"], found) == (expected["exit"], expected["exit"], expected["codes"]), path.name


def _arguments(path: Path, tmp_path: Path) -> list[str]:
    asked = json.loads((path / "args.json").read_text())
    arguments = [str(path / "bundle.evb"), "--json", "--at", str(asked["at"]), "--profile", asked["profile"]]
    if (path / "trust.json").exists():
        arguments += ["--trust", str(path / "trust.json")]
    for number, text in enumerate(asked["known"]):
        note = tmp_path / f"{path.name}.{number}.note"
        note.write_text(text, newline="", encoding="utf-8")
        arguments += ["--known", str(note)]
    return arguments
