"""The kill switch. Engaging is one command; releasing takes two people."""

from typing import Annotated

import typer

from controlplane.cli import output
from controlplane.cli.client import connect
from controlplane.cli.exits import CliError, Exit
from controlplane.cli.options import DryRun, Key, Output, Reason, rehearsal
from controlplane.cli.output import Format

app = typer.Typer(no_args_is_help=True, help="Stop the bleeding: status, on, off.")
DRILLS = ("started_at", "environment", "passed", "engaged_ms", "refused_ms", "refused_as", "resumed_as", "detail")
TRIGGERS = ("id", "name", "kind", "watch_kind", "watch_value", "threshold", "window_s", "mode", "reach", "enabled")
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


@app.command()
def drill(
    environment: Annotated[str, typer.Option(help="dev, staging or prod")] = "prod",
    form: Output = Format.TABLE,
) -> None:
    """Rehearse it: a call that must be refused, and pass once released. Stops nothing real."""
    done = connect().post("/v1/halt-drills", {"environment": environment})
    output.one(done, form)
    if not done["passed"]:
        raise CliError("the drill failed: " + done["detail"], Exit.VERIFICATION_FAILED)


@app.command()
def drills(form: Output = Format.TABLE) -> None:
    """Rehearsals and what they proved, newest first."""
    output.rows(connect().get("/v1/halt-drills")["results"], DRILLS, form, "never rehearsed")


@app.command()
def triggers(form: Output = Format.TABLE) -> None:
    """Rules by which it engages itself."""
    output.rows(connect().get("/v1/halt-triggers")["results"], TRIGGERS, form, "no rules")


@app.command("set-trigger")
def set_trigger(
    name: Annotated[str, typer.Argument(help="name of the rule")],
    kind: Annotated[str, typer.Option(help="budget_breach, error_rate, canary or evidence_backpressure")],
    watch: Annotated[str, typer.Option(help="what it watches, for example connector or connector:slack")] = "",
    threshold: Annotated[int, typer.Option(help="percent of budgets and errors, else a count")] = 1,
    window_s: Annotated[int, typer.Option("--window", help="seconds")] = 300,
    minimum: Annotated[int, typer.Option(help="of how many calls at least")] = 1,
    undo: Annotated[bool, typer.Option("--undo", help="also undo what open runs have written")] = False,
    everything: Annotated[
        bool, typer.Option("--everything", help="halt the tenant, not only what is measured")
    ] = False,
    off: Annotated[bool, typer.Option("--off", help="keep the rule, switched off")] = False,
    key: Key = None,
    form: Output = Format.TABLE,
) -> None:
    """Make or change a rule."""
    watched, _, value = watch.partition(":")
    body = {
        "name": name,
        "kind": kind,
        "watch_kind": watched,
        "watch_value": value,
        "threshold": threshold,
        "window_s": window_s,
        "minimum": minimum,
        "mode": "stop_and_undo" if undo else "freeze",
        "reach": "tenant" if everything else "measured",
        "enabled": not off,
    }
    output.one(connect().post("/v1/halt-triggers", body, key), form)
