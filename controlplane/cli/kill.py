"""The kill switch. Engaging is one command; releasing takes two people."""

from typing import Annotated

import typer

from controlplane.cli import output
from controlplane.cli.client import connect
from controlplane.cli.options import DryRun, Key, Output, Reason, rehearsal
from controlplane.cli.output import Format

app = typer.Typer(no_args_is_help=True, help="Stop the bleeding: status, on, off.")
COLUMNS = ("id", "kind", "value", "mode", "state", "reason", "engaged_by", "engaged_at", "confirmed_after_ms")


@app.command()
def status(
    everything: Annotated[bool, typer.Option("--all", help="the history too")] = False,
    form: Output = Format.TABLE,
) -> None:
    """Halts in force."""
    found = connect().get("/v1/halts", all="1" if everything else None)["results"]
    output.rows(found, COLUMNS, form, "nothing is halted")


@app.command()
def on(
    reason: Reason,
    kind: Annotated[
        str, typer.Option("--scope", help="tenant, workspace, environment, workflow, connector, tool, agent, global")
    ],
    value: Annotated[str, typer.Option(help="its name; none for tenant and global")] = "",
    undo: Annotated[bool, typer.Option("--undo", help="also undo what open runs have written")] = False,
    dry_run: DryRun = False,
    key: Key = None,
    form: Output = Format.TABLE,
) -> None:
    """Halt a scope now: nothing is dispatched under it any more."""
    body = {"kind": kind, "value": value, "mode": "stop_and_undo" if undo else "freeze", "reason": reason}
    if dry_run:
        rehearsal("POST", "/v1/halts", body)
        return
    output.one(connect().post("/v1/halts", body, key), form)


@app.command()
def off(
    halt_id: Annotated[str, typer.Argument(help="id of the halt")],
    reason: Annotated[str, typer.Option("--reason", help="why it is safe; asks for the release")] = "",
    form: Output = Format.TABLE,
) -> None:
    """With --reason: ask for the release. Without: be the second person and release."""
    client = connect()
    if reason:
        row = client.post(f"/v1/halts/{halt_id}/request-release", {"reason": reason})
        output.say("asked for; a second person runs `interlock kill off " + halt_id + "`")
    else:
        row = client.post(f"/v1/halts/{halt_id}/release", {})
    output.one(row, form)
