"""What `interlock-verify` can be asked. Each command returns the exit code."""

import sys
import time
from argparse import Namespace
from collections import Counter
from pathlib import Path
from typing import Any

from evidence.verify import container, dsse, envelope, jcs, layout, note, sampling, statement, structure, trust
from evidence.verify.chains import runs_of
from evidence.verify.dossier import Dossier, Question, lines_of
from evidence.verify.findings import Report, Verdict
from evidence.verify.history import remembered
from evidence.verify.malformed import Malformed
from evidence.verify.verifier import CONSISTENT, judge

COMPLETE = frozenset({Verdict.VERIFIED, Verdict.RULE_VIOLATION})


def verify(options: Namespace) -> int:
    """The verdict, finding by finding."""
    report, _ = _judged(options)
    _say(report.json() if options.json else report.text().removesuffix("\n").encode())
    if options.save_note is not None and report.verdict is Verdict.VERIFIED:
        options.save_note.write_text(report.note, encoding="utf-8", newline="")
    if options.save_proof is not None and report.conflicting_notes:
        options.save_proof.write_text("\n".join(report.conflicting_notes), encoding="utf-8", newline="")
    return report.verdict


def inspect(options: Namespace) -> int:
    """What the bundle says of itself. Nothing here is checked."""
    try:
        members = container.unpack(_read(options.bundle))
        sealed = dsse.parse(members.get(layout.STATEMENT, b""), statement.PAYLOAD_TYPE)
        claims = statement.parse(sealed.payload).predicate.as_json()
        types = Counter(event.type for event in lines_of(members, layout.EVENTS, envelope.parse_event))
    except (Malformed, KeyError) as error:
        print(f"interlock-verify: not a bundle: {error}", file=sys.stderr)  # noqa: T201 - this is a command
        return Verdict.MALFORMED
    sizes: dict[str, jcs.Json] = {name: len(content) for name, content in members.items()}
    counts: dict[str, jcs.Json] = {kind: types[kind] for kind in sorted(types)}
    _tell(options, {"verified": False, "claims": claims, "events": counts, "files": sizes})
    return Verdict.VERIFIED


def sample(options: Namespace) -> int:
    """Events of a period that the operator could not choose: the draw hangs on the signed root and on your word."""
    report, dossier = _judged(options)
    if dossier is None or report.verdict not in COMPLETE or report.kind != layout.PERIOD:
        return _refused(report, "a sample is drawn from a period that verifies")
    drawn = sampling.draw(dossier, nonce=options.nonce, count=options.count, kind=options.type)
    _tell(options, drawn)
    return report.verdict


def consistency(options: Namespace) -> int:
    """Whether the newer bundle extends the older bundle, or the note that was kept of it."""
    options.known = [*options.known, options.old]
    report, _ = _judged(options)
    shown = [finding for finding in report.findings if finding.outcome == "FAIL" or finding.where.startswith("known:")]
    told: list[jcs.Json] = [dict(vars(finding)) for finding in shown]
    _tell(
        options,
        {
            "extends": report.verdict in CONSISTENT and any(one.outcome == "PASS" for one in shown),
            "verdict": report.verdict.name,
            "findings": told,
            "conflicting_notes": list(report.conflicting_notes),
        },
    )
    return report.verdict


def pin(options: Namespace) -> int:
    """The signed head, to be given back with `--known`: some 200 bytes that no operator can talk away."""
    report, _ = _judged(options)
    if report.verdict is not Verdict.VERIFIED:
        return _refused(report, "only what verifies is worth remembering")
    if options.to is not None:
        options.to.write_text(report.note, encoding="utf-8", newline="")
    else:
        sys.stdout.write(report.note)
    return report.verdict


def replay(options: Namespace) -> int:
    """R0: the events of each run that is shown from its start are the trace of a run that could have happened."""
    report, dossier = _judged(options)
    if dossier is None or report.verdict not in CONSISTENT:
        return _refused(report, "only what verifies is played")
    runs = [[event for _, event in events] for events in runs_of(dossier.events).values()]
    whole = [events for events in runs if events[0].seq == 1]
    found: list[jcs.Json] = [
        {"run": events[0].run, "seq": fault.seq, "type": fault.type, "message": fault.message}
        for events in whole
        for fault in structure.breaks(events)
    ]
    _tell(options, {"level": "R0", "runs": len(whole), "events": sum(map(len, whole)), "breaks": found})
    return Verdict.REPLAY_MISMATCH if found else report.verdict


def _judged(options: Namespace) -> tuple[Report, Dossier | None]:
    trusted = trust.parse(_read(options.trust, 1024 * 1024)) if options.trust is not None else None
    known = tuple(_note_of(path) for path in options.known)
    at_ms = options.at if options.at is not None else time.time_ns() // 1_000_000
    return judge(_read(options.bundle), Question(trusted, known, at_ms, options.profile))


def _note_of(path: Path) -> str:
    """A note, or the last one of a bundle. A bundle is only asked for its note: the new one is what is judged."""
    content = _read(path)
    if not content.startswith(b"PK"):
        return remembered(content)
    members = container.unpack(content)
    heads = [note.parse(members[name]) for name in members if name.startswith(layout.CHECKPOINTS)]
    if not heads:
        raise Malformed("MISSING-FILE", "the older bundle has no checkpoint", str(path))
    return max(heads, key=lambda head: head.checkpoint.size).text


def _refused(report: Report, why: str) -> int:
    print(f"interlock-verify: {why}\n{report.text()}", end="", file=sys.stderr)  # noqa: T201 - this is a command
    return report.verdict or Verdict.USAGE


def _read(path: Path, most: int = container.MAX_BYTES + 1) -> bytes:
    with path.open("rb") as file:
        return file.read(most)


def _tell(options: Namespace, answer: dict[str, Any]) -> None:
    _say(jcs.dumps(answer) if options.json else "\n".join(_lines(answer)).encode())


def _lines(value: Any, depth: int = 0) -> list[str]:
    """The answer for people: names and values, nested ones further in."""
    pad = "  " * depth
    if isinstance(value, dict):
        found = []
        for name, inner in value.items():
            simple = not isinstance(inner, dict | list)
            found += [f"{pad}{name}: {inner}"] if simple else [f"{pad}{name}:", *_lines(inner, depth + 1)]
        return found
    if isinstance(value, list):
        return [pad + "  ".join(str(cell) for cell in _cells(item)) for item in value]
    return [pad + str(value)]


def _cells(item: Any) -> list[Any]:
    return list(item.values()) if isinstance(item, dict) else [item]


def _say(text: bytes) -> None:
    sys.stdout.write(text.decode() + "\n")
