"""`interlock-verify`: no network, no database, no platform. The exit code is the verdict."""

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from evidence.verify import commands
from evidence.verify.findings import Verdict
from evidence.verify.malformed import Malformed
from evidence.verify.verifier import PROFILES

EPILOG = """exit codes: 0 VERIFIED, 1 TAMPERED, 2 usage or unreadable file, 3 UNTRUSTED, 4 INCOMPLETE,
5 MALFORMED, 6 EQUIVOCATION, 7 RULE-VIOLATION, 8 REPLAY-MISMATCH. A skipped check is never a pass.
`interlock-verify BUNDLE …` is short for `interlock-verify verify BUNDLE …`."""

Command = Callable[[argparse.Namespace], int]

COMMANDS: dict[str, tuple[Command, str]] = {
    "verify": (commands.verify, "judge a bundle"),
    "inspect": (commands.inspect, "say what a bundle holds, without judging it"),
    "sample": (commands.sample, "draw events of a period that nobody could choose beforehand"),
    "consistency": (commands.consistency, "ask whether a bundle extends an older bundle or note"),
    "pin": (commands.pin, "keep the signed head of a bundle that verifies"),
    "replay": (commands.replay, "ask whether the runs could have happened as told (R0)"),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code (argparse itself exits with 2 on wrong usage)."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if given and not given[0].startswith("-") and given[0] not in COMMANDS:
        given.insert(0, "verify")
    options = _parser().parse_args(given)
    try:
        return COMMANDS[options.command][0](options)
    except (OSError, Malformed) as error:
        print(f"interlock-verify: {error}", file=sys.stderr)  # noqa: T201 - this is a command
        return Verdict.USAGE


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "interlock-verify", description="Verify evidence bundles offline.", epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    found = parser.add_subparsers(dest="command", required=True)
    parsers = {name: found.add_parser(name, help=words, epilog=EPILOG) for name, (_, words) in COMMANDS.items()}
    for name, one in parsers.items():
        _common(one, judges=name != "inspect")
    _particular(parsers)
    return parser


def _common(parser: argparse.ArgumentParser, *, judges: bool) -> None:
    parser.add_argument("--json", action="store_true", help="the answer as canonical JSON")
    if not judges:
        return
    parser.add_argument("--trust", type=Path, help="trust file from outside the bundle; without it: UNTRUSTED")
    parser.add_argument("--known", type=Path, action="append", default=[], help="a note remembered from before")
    parser.add_argument("--profile", choices=PROFILES, default="basic", help="how many skipped checks to tolerate")
    parser.add_argument("--at", type=int, metavar="MS", help="judge as of this time, in ms since 1970 (default: now)")


def _particular(parsers: dict[str, argparse.ArgumentParser]) -> None:
    parsers["consistency"].add_argument("old", type=Path, help="an older bundle, or the note of its head")
    for parser in parsers.values():
        parser.add_argument("bundle", type=Path, help="the .evb file")
    verify = parsers["verify"]
    verify.add_argument("--save-note", type=Path, metavar="FILE", help="remember the verified head for the next time")
    verify.add_argument("--save-proof", type=Path, metavar="FILE", help="keep two signed heads that contradict")
    sample = parsers["sample"]
    sample.add_argument("--nonce", required=True, help="a word of your own, chosen after the bundle was made")
    sample.add_argument("-n", type=int, default=25, dest="count", help="how many events (25)")
    sample.add_argument("--type", default="", help="draw among events of this type only")
    parsers["pin"].add_argument("--to", type=Path, metavar="FILE", help="file to write; standard output when left out")
