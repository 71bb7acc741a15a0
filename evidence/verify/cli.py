"""`interlock-verify`: no network, no database, no platform. The exit code is the verdict."""

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from evidence.verify import container, trust
from evidence.verify.dossier import Question
from evidence.verify.findings import Report, Verdict
from evidence.verify.history import remembered
from evidence.verify.malformed import Malformed
from evidence.verify.verifier import PROFILES, verify

EPILOG = """exit codes: 0 VERIFIED, 1 TAMPERED, 2 usage or unreadable file, 3 UNTRUSTED, 4 INCOMPLETE,
5 MALFORMED, 6 EQUIVOCATION, 7 RULE-VIOLATION, 8 REPLAY-MISMATCH. A skipped check is never a pass."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Verify one bundle; returns the exit code (argparse itself exits with 2 on wrong usage)."""
    options = _parser().parse_args(arguments)
    try:
        question = _question(options)
        bundle = _read(options.bundle, container.MAX_BYTES + 1)
    except (OSError, Malformed) as error:
        print(f"interlock-verify: {error}", file=sys.stderr)  # noqa: T201 - this is a command
        return Verdict.USAGE
    report = verify(bundle, question)
    _show(report, as_json=options.json)
    if options.save_note is not None and report.verdict is Verdict.VERIFIED:
        options.save_note.write_text(report.note, encoding="utf-8")
    return report.verdict


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "interlock-verify", description="Verify an evidence bundle offline.", epilog=EPILOG
    )
    parser.add_argument("bundle", type=Path, help="the .evb file")
    parser.add_argument("--trust", type=Path, help="trust file from outside the bundle; without it: UNTRUSTED")
    parser.add_argument(
        "--known", type=Path, action="append", default=[], help="a checkpoint note remembered from before"
    )
    parser.add_argument("--json", action="store_true", help="the report as canonical JSON")
    parser.add_argument("--profile", choices=PROFILES, default="basic", help="how many skipped checks to tolerate")
    parser.add_argument("--at", type=int, metavar="MS", help="judge as of this time, in ms since 1970 (default: now)")
    parser.add_argument("--save-note", type=Path, metavar="FILE", help="remember the verified head for the next time")
    return parser


def _question(options: argparse.Namespace) -> Question:
    trusted = trust.parse(_read(options.trust)) if options.trust is not None else None
    known = tuple(remembered(_read(path)) for path in options.known)
    at_ms = options.at if options.at is not None else time.time_ns() // 1_000_000
    return Question(trusted, known, at_ms, options.profile)


def _read(path: Path, most: int = 1024 * 1024) -> bytes:
    with path.open("rb") as file:
        return file.read(most)


def _show(report: Report, *, as_json: bool) -> None:
    sys.stdout.write(report.json().decode() + "\n" if as_json else report.text())
