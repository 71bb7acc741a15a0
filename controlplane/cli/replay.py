"""Replay: a run played again, on the server by its id, or here from its bundle, without the server."""

import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Annotated, Any

import typer

from controlplane.cli import output, policy_folder
from controlplane.cli.client import connect
from controlplane.cli.exits import CliError, Exit
from controlplane.cli.options import Output
from controlplane.cli.output import Format
from controlplane.cli.policies import environment_id

LEVELS = ("R0", "R1", "R2")
CODES = {"SAME": Exit.OK, "DIVERGED": Exit.VERIFICATION_FAILED, "NOT_COVERED": Exit.NOT_VERIFIED}


def replay(
    what: Annotated[str, typer.Argument(help="a bundle (.evb), played here and offline, or the id of a run")],
    level: Annotated[
        list[str] | None, typer.Option(help="R0 structure, R1 every event, R2 every decision; all when left out")
    ] = None,
    policy: Annotated[
        Path | None, typer.Option(help="a pack: folder for a run, .rego for a bundle. What would it have decided?")
    ] = None,
    workflow: Annotated[
        str | None, typer.Option(help="another version (of a run) or definition (.yaml, for a bundle)")
    ] = None,
    trust: Annotated[Path | None, typer.Option(help="trust file, for a bundle", exists=True, dir_okay=False)] = None,
    form: Output = Format.TABLE,
) -> None:
    """Play a run again. Ends with 0 the same, 9 diverged (the first divergence is shown), 10 not all of it could be
    played."""
    if unknown := sorted(set(level or []) - set(LEVELS)):
        raise CliError(f"{unknown[0]} is no level", Exit.USAGE, f"one of {', '.join(LEVELS)}")
    if Path(what).is_file():
        raise typer.Exit(_offline(Path(what), level or [], policy, workflow, trust, form))
    if what.endswith(".evb"):
        raise CliError(f"{what} is not there", Exit.USAGE)
    _online(what, level or list(LEVELS), policy, workflow, form)


def _offline(
    bundle: Path, level: list[str], policy: Path | None, workflow: str | None, trust: Path | None, form: Format
) -> int:
    """In a process of its own that knows no server."""
    options = {"--policy": policy, "--workflow": workflow, "--trust": trust}
    chosen = [word for name, value in options.items() if value is not None for word in (name, str(value))]
    chosen += [word for each in level for word in ("--level", each)]
    command = [sys.executable, "-m", "workflows.replay", str(bundle), *chosen]
    command += ["--json"] if form is Format.JSON else []
    return subprocess.run(command, check=False).returncode  # noqa: S603 - our own replay


def _online(run_id: str, levels: list[str], policy: Path | None, workflow: str | None, form: Format) -> None:
    bodies: list[dict[str, Any]] = [{"level": level} for level in levels]
    if policy is not None:
        folder = policy_folder.read(policy)
        bodies = [{"packs": {folder.pack: folder.body}}]
    elif workflow is not None:
        bodies = [{"version": workflow}]
    client = connect()
    reports = [client.post(f"/v1/runs/{run_id}/replays", body) for body in bodies]
    for report in reports:
        _show(report, form)
    verdicts = [CODES[report["verdict"]] for report in reports]
    raise typer.Exit(max(verdicts, key=[Exit.OK, Exit.NOT_VERIFIED, Exit.VERIFICATION_FAILED].index))


def _show(report: dict[str, Any], form: Format) -> None:
    if form is Format.TABLE:
        sys.stdout.write("\n".join(report["words"]) + "\n")
    else:
        output.one(report, form)


def decisions(
    environment: Annotated[str, typer.Option(help="dev, staging or prod")] = "prod",
    most: Annotated[int, typer.Option(help="at most so many, the newest", min=1)] = 10_000,
    form: Output = Format.TABLE,
) -> None:
    """Decide recorded decisions again by the bundles that made them. Ends with 0 the same, 9 diverged, 10 not all of
    them could be decided."""
    client = connect()
    path = f"/v1/policies/{environment_id(client, environment)}/decide-again"
    found: list[dict[str, Any]] = []
    cursor, left = None, most
    while left > 0 and (not found or cursor):
        found.append(client.post(path, {"most": left, **({"before": cursor} if cursor else {})}))
        cursor, left = found[-1]["cursor"], left - found[-1]["decisions"]
        output.say(f"{most - left:,} decisions")
    verdict = max((each["verdict"] for each in found), key=["SAME", "NOT_COVERED", "DIVERGED"].index)
    counts = Counter[str]()
    for each in found:
        counts.update(each["counts"])
    first = next((each["first"] for each in found if each["first"]), None)
    output.one({"verdict": verdict, "decisions": most - left, **counts, "first": first}, form)
    raise typer.Exit(CODES[verdict])
