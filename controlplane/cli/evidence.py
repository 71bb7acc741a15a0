"""Evidence: export a bundle, verify it offline."""

import subprocess
import sys
from pathlib import Path
from typing import Annotated
from urllib.parse import urlencode

import typer

from controlplane.cli import custody, output, streaming
from controlplane.cli.client import connect
from controlplane.cli.exits import Exit
from controlplane.cli.options import Key, Limit, Output
from controlplane.cli.output import Format

app = typer.Typer(no_args_is_help=True, help="Bundles that a stranger can check.")


@app.command()
def export(
    run_id: Annotated[str, typer.Argument(help="id of the run")],
    to: Annotated[Path | None, typer.Option("--to", help="file to write; <run>.evb when left out")] = None,
) -> None:
    """Download the evidence bundle of a run."""
    _save(f"/v1/runs/{run_id}/evidence", to or Path(f"{run_id}.evb"))


@app.command()
def approval(
    request_id: Annotated[str, typer.Argument(help="id of the approval")],
    to: Annotated[Path | None, typer.Option("--to", help="file to write; approval-<id>.evb when left out")] = None,
) -> None:
    """Download the evidence of an approval: its run up to the last word about it."""
    _save(f"/v1/approvals/{request_id}/evidence", to or Path(f"approval-{request_id}.evb"))


@app.command()
def period(
    log_id: Annotated[
        str, typer.Argument(help="id of the log: a workspace, or the tenant; see `interlock evidence logs`")
    ],
    since: Annotated[str, typer.Option("--since", help="time; from the first event when left out")] = "",
    until: Annotated[str, typer.Option("--until", help="time; up to the newest signed head when left out")] = "",
    to: Annotated[Path | None, typer.Option("--to", help="file to write; period-<log>.evb when left out")] = None,
) -> None:
    """Download all events of a log in a period, complete by proof."""
    asked = urlencode({name: value for name, value in (("since", since), ("until", until)) if value})
    _save(f"/v1/logs/{log_id}/evidence?{asked}", to or Path(f"period-{log_id}.evb"))


@app.command()
def logs() -> None:
    """The logs you may see, each with its newest signed head."""
    for log in connect().get("/v1/logs")["results"]:
        sys.stdout.write(f"{log['id']}  {log['label']:<20}  {log['signed_size']:>8} sealed  {log['frozen_reason']}\n")


@app.command("custody")
def show_custody(form: Output = Format.TABLE) -> None:
    """Who signs the record and who outside has seen it: keys, heads, anchors, epochs, what was set aside, guards."""
    found = connect().get("/v1/custody")
    custody.show(found) if form is Format.TABLE else output.one(found, form)


@app.command("start")
def start_export(
    run: Annotated[str | None, typer.Option(help="of this run (id)")] = None,
    approval: Annotated[str | None, typer.Option(help="of this approval (id), with --run")] = None,
    log: Annotated[str | None, typer.Option(help="of a period of this log (id)")] = None,
    since: Annotated[str | None, typer.Option(help="RFC 3339: where the period begins")] = None,
    until: Annotated[str | None, typer.Option(help="RFC 3339: where it ends")] = None,
    key: Key = None,
    form: Output = Format.TABLE,
) -> None:
    """Have a bundle made as a job; `jobs` tells how far it is, `fetch` downloads it."""
    kind = "period" if log else "approval" if approval else "run"
    given = {"run_id": run, "request_id": approval, "log_id": log, "since": since, "until": until}
    wanted = {"kind": kind, **{name: value for name, value in given.items() if value}}
    output.one(connect().post("/v1/exports", wanted, key=key), form)


@app.command("jobs")
def export_jobs(limit: Limit = 50, form: Output = Format.TABLE) -> None:
    """Exports that were asked for, newest first, and how far they are."""
    rows = connect().pages("/v1/exports", limit)
    output.rows(rows, ("id", "kind", "state", "done", "total", "problem", "created_at"), form, "no export yet")


@app.command()
def fetch(
    job: Annotated[str, typer.Argument(help="id of an export")],
    to: Annotated[Path | None, typer.Option("--to", help="file to write; <job>.evb when left out")] = None,
) -> None:
    """Download what an export made."""
    target = to or Path(f"{job}.evb")
    target.write_bytes(connect().download(f"/v1/exports/{job}/bundle"))
    sys.stdout.write(f"{target}\n")


@app.command()
def stream(
    log: Annotated[str, typer.Argument(help="id of a log")],
    state: Annotated[Path, typer.Option("--state", help="file that remembers how far the stream got")],
    to: Annotated[str | None, typer.Option("--to", help="URL of a collector; standard output when left out")] = None,
    form: Annotated[str, typer.Option("--view", help="cloudevents or ocsf")] = "cloudevents",
    every: Annotated[float | None, typer.Option("--every", min=1, help="seconds; go on for ever")] = None,
) -> None:
    """Send the sealed events of a log on to a SIEM, at least once, from where it ended the last time."""
    client, send = connect(), streaming.poster(to) if to else streaming.printer

    def fetch(begin: int) -> tuple[bytes, int, str]:
        return client.batch(f"/v1/logs/{log}/stream", view=form, limit=500, **{"from": begin})

    def once() -> int:
        return streaming.forward(fetch, send, state)

    if every:
        streaming.follow(once, every)
    output.say(f"next: {once()}")


@app.command()
def search(
    ticket: Annotated[str | None, typer.Option(help="of runs about this ticket")] = None,
    run: Annotated[str | None, typer.Option(help="of this run (id)")] = None,
    actor: Annotated[str | None, typer.Option(help="done by this person (id or name) or part (id)")] = None,
    since: Annotated[str | None, typer.Option(help="RFC 3339: not before")] = None,
    until: Annotated[str | None, typer.Option(help="RFC 3339: before")] = None,
    limit: Limit = 50,
    form: Output = Format.TABLE,
) -> None:
    """What is on record, newest first; every filter narrows."""
    rows = connect().pages("/v1/events", limit, ticket=ticket, run=run, actor=actor, since=since, until=until)
    output.rows(rows, ("at", "type", "actor", "run", "leaf", "summary"), form, "no event matches")


@app.command()
def trust(to: Annotated[Path, typer.Option("--to", help="file to write")] = Path("trust.json")) -> None:
    """Download the trust file. Keep it away from the platform: it is what a bundle is checked against."""
    to.write_bytes(connect().download("/v1/trust"))
    sys.stdout.write(f"{to}\n")


@app.command()
def verify(
    bundle: Annotated[Path, typer.Argument(exists=True, dir_okay=False)],
    trust_file: Annotated[Path, typer.Option("--trust", exists=True, dir_okay=False, help="the trust file you kept")],
) -> None:
    """Verify a bundle without the platform. Ends with 0 verified, 9 failed, 10 could not be verified."""
    command = [sys.executable, "-m", "evidence.verify", str(bundle), "--trust", str(trust_file)]
    done = subprocess.run(command, check=False)  # noqa: S603 - our own verifier
    verdicts = {0: Exit.OK, 2: Exit.NOT_VERIFIED, 3: Exit.NOT_VERIFIED, 4: Exit.NOT_VERIFIED}
    raise typer.Exit(verdicts.get(done.returncode, Exit.VERIFICATION_FAILED))


def _save(path: str, target: Path) -> None:
    content = connect().download(path)
    target.write_bytes(content)
    output.say(f"{len(content):,} bytes")
    sys.stdout.write(f"{target}\n")
