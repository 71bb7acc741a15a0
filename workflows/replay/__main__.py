"""`python -m workflows.replay BUNDLE.evb`: a replay with no database, no network and no account."""

import argparse
import json
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from workflows.replay.material import Material
    from workflows.replay.report import Report

NOWHERE = "postgresql://nobody@127.0.0.1:1/none"
UNREADABLE, DIFFERS = 2, 9
_GRAVITY = (0, 10, DIFFERS, UNREADABLE)


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code 0: the same, 9: diverged or tampered, 10: not all of it could be played. Of several the gravest."""
    options = _parser().parse_args(arguments)
    _compose()
    return max((_one(bundle, options) for bundle in options.bundle), key=_GRAVITY.index)


def _one(bundle: Path, options: argparse.Namespace) -> int:
    from evidence.verify.malformed import Malformed
    from workflows.replay.material import of_bundle

    try:
        content = bundle.read_bytes()
        material = of_bundle(content)
    except (OSError, Malformed) as error:
        print(f"interlock replay: {bundle}: {error}", file=sys.stderr)  # noqa: T201 - this is a command
        return UNREADABLE
    reports = _reports(material, options)
    genuine = _genuine(content, options)
    _show(reports, genuine, as_json=options.json)
    codes = [int(report.exit_code) for report in reports]
    return max([*codes, DIFFERS if genuine == "TAMPERED" else 0], key=_GRAVITY.index)


def _compose() -> None:
    """The platform's code without its database: an address where nothing listens."""
    os.environ.update(DJANGO_SETTINGS_MODULE="controlplane.settings", DATABASE_URL=NOWHERE)
    import django

    django.setup()


def _reports(material: "Material", options: argparse.Namespace) -> "list[Report]":
    from policies.types import PackSource
    from workflows.definition.loading import read
    from workflows.replay import counterfactual, decisions, services
    from workflows.replay.report import Level

    if options.policy:
        packs = {path.stem: PackSource(path.read_text(), _data(path)) for path in options.policy}
        return [decisions.what_if(material, packs)]
    if options.workflow:
        definition = read(options.workflow.read_text(), file=str(options.workflow)).definition
        return [counterfactual.what_if(material, definition.document)]
    return [services.LEVELS[Level(level)](material) for level in options.level or ["R0", "R1", "R2"]]


def _data(path: Path) -> dict[str, Any]:
    """The configuration beside a pack: `<name>.data.json`."""
    beside = path.with_suffix(".data.json")
    found: dict[str, Any] = json.loads(beside.read_text()) if beside.exists() else {}
    return found


def _genuine(content: bytes, options: argparse.Namespace) -> str:
    """The verifier's word; without a trust file nobody says whose bundle it is."""
    from evidence.verify import trust
    from evidence.verify.dossier import Question
    from evidence.verify.verifier import verify

    trusted = trust.parse(options.trust.read_bytes()) if options.trust else None
    return verify(content, Question(trusted, (), time.time_ns() // 1_000_000)).verdict.name


def _show(reports: "list[Report]", genuine: str, *, as_json: bool) -> None:
    from controlplane.lib.canonical import canonical
    from workflows.replay.report import told

    documents = [report.document() for report in reports]
    if as_json:
        sys.stdout.write(canonical({"bundle": genuine, "reports": documents}).decode() + "\n")
        return
    lines = [line for document in documents for line in told(document)]
    sys.stdout.write("\n".join([*lines, f"bundle: {genuine}"]) + "\n")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("interlock replay", description=__doc__)
    parser.add_argument("bundle", type=Path, nargs="+", help="an .evb file")
    parser.add_argument(
        "--level", action="append", choices=("R0", "R1", "R2"), help="repeat for more; all when left out"
    )
    parser.add_argument("--policy", type=Path, action="append", help="a Rego pack: what would it have decided?")
    parser.add_argument("--workflow", type=Path, help="a definition: what would it have done?")
    parser.add_argument("--trust", type=Path, help="trust file from outside the bundle")
    parser.add_argument("--json", action="store_true", help="the report as canonical JSON")
    return parser


if __name__ == "__main__":
    sys.exit(main())
