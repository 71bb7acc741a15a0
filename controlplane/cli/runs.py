"""Runs: list, look, start, wait, cancel, pause, resume, retry."""

import json
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from controlplane.cli import output
from controlplane.cli.client import Client, connect
from controlplane.cli.exits import CliError, Exit
from controlplane.cli.options import DryRun, Key, Limit, Output, Reason, rehearsal
from controlplane.cli.output import Format

app = typer.Typer(no_args_is_help=True, help="Runs of workflows.")
COLUMNS = ("id", "state", "workflow", "version", "ticket", "created_at")
ENDED_WELL = frozenset({"SUCCEEDED"})
ENDED = ENDED_WELL | {"FAILED", "REJECTED", "CANCELLED", "ROLLED_BACK", "NEEDS_ATTENTION", "ABANDONED"}
RunId = Annotated[str, typer.Argument(help="id of the run")]


@app.command("list")
def list_runs(
    state: Annotated[list[str] | None, typer.Option(help="only these states; repeat for more")] = None,
    workflow: Annotated[str | None, typer.Option(help="only this workflow")] = None,
    limit: Limit = 50,
    form: Output = Format.TABLE,
) -> None:
    """Newest first."""
    found = connect().pages("/v1/runs", limit, state=state, workflow=workflow)
    output.rows(found, COLUMNS, form, "no runs match")


@app.command()
def show(run_id: RunId, form: Output = Format.TABLE) -> None:
    """One run with its steps, calls and cost."""
    output.one(connect().get(f"/v1/runs/{run_id}"), form)


@app.command()
def events(run_id: RunId, form: Output = Format.TABLE) -> None:
    """What happened, from the evidence."""
    found = connect().get(f"/v1/runs/{run_id}/events")["results"]
    output.rows(found, ("seq", "at", "type", "actor", "summary"), form, "nothing yet")


@app.command()
def start(
    workflow: Annotated[str, typer.Argument(help="name of the workflow")],
    environment: Annotated[str, typer.Option(help="dev, staging or prod")] = "prod",
    trigger: Annotated[Path | None, typer.Option(help="JSON file with the trigger's members", exists=True)] = None,
    priority: Annotated[str | None, typer.Option(help="low, normal or high; else as the workflow says")] = None,
    dry_run: DryRun = False,
    key: Key = None,
    form: Output = Format.TABLE,
) -> None:
    """Start a run."""
    body = {"workflow": workflow, "environment": environment, "trigger": _read(trigger)}
    body |= {"priority": priority} if priority else {}
    if dry_run:
        rehearsal("POST", "/v1/runs", body)
        return
    output.one(connect().post("/v1/runs", body, key), form)


@app.command("try")
def dry_run(
    workflow: Annotated[str, typer.Argument(help="name of the workflow")],
    environment: Annotated[str, typer.Option(help="dev, staging or prod")] = "prod",
    trigger: Annotated[Path | None, typer.Option(help="JSON file with the trigger's members", exists=True)] = None,
    with_model: Annotated[bool, typer.Option("--with-model", help="ask models too, at their price")] = False,
    form: Output = Format.TABLE,
) -> None:
    """Try a run without effect: read what the systems say now, show what would be written, decided and undone."""
    body = {"environment": environment, "trigger": _read(trigger), "with_model": with_model}
    found = connect().post(f"/v1/workflows/{workflow}/dry-runs", body, None)
    if form is Format.TABLE:
        _tell(found)
    else:
        output.one(found, form)


def _tell(found: dict[str, Any]) -> None:
    """The steps, the fields that would change, and how all of it would be taken back."""
    changes = [{"step": step["id"], **change} for step in found["steps"] for change in step["changes"]]
    output.rows(found["steps"], ("id", "would", "effect", "title", "depends_on", "detail"), Format.TABLE, "no steps")
    output.rows(changes, ("step", "label", "before", "after"), Format.TABLE, "no field would change")
    output.rows(found["undo"], ("step", "summary", "cannot"), Format.TABLE, "nothing to undo")
    cost = found["cost"]
    known = f"{cost['known_calls']} of {cost['calls']} calls"
    output.say(f"{found['verdict']}; about {cost['micros']} micro-USD over {known}")


@app.command()
def cancel(run_id: RunId, reason: Reason, key: Key = None, form: Output = Format.TABLE) -> None:
    """Stop a run at the next step; what it has written is undone."""
    output.one(connect().post(f"/v1/runs/{run_id}/cancel", {"reason": reason}, key), form)


@app.command()
def pause(run_id: RunId, reason: Reason, key: Key = None, form: Output = Format.TABLE) -> None:
    """Hold a run and its sub-runs up at the next step."""
    output.one(connect().post(f"/v1/runs/{run_id}/pause", {"reason": reason}, key), form)


@app.command()
def resume(run_id: RunId, key: Key = None, form: Output = Format.TABLE) -> None:
    """Let a paused run go on."""
    output.one(connect().post(f"/v1/runs/{run_id}/resume", {}, key), form)


@app.command()
def retry(
    run_id: RunId,
    step: Annotated[
        str | None, typer.Option("--from", help="a second attempt at a run that is over, from here")
    ] = None,
    key: Key = None,
    form: Output = Format.TABLE,
) -> None:
    """Try now what waits for a later time; with --from, start a second attempt as a new run."""
    body = {"from_step": step} if step else {}
    output.one(connect().post(f"/v1/runs/{run_id}/retry", body, key), form)


@app.command()
def wait(
    run_id: RunId,
    seconds: Annotated[int, typer.Option("--timeout", min=1, help="give up after so many seconds")] = 600,
    form: Output = Format.TABLE,
) -> None:
    """Wait for the end of a run. Ends with 0 when it succeeded, 1 when it ended otherwise, 8 when time ran out."""
    run = _until_ended(connect(), run_id, seconds)
    output.one(run, form)
    if run["state"] not in ENDED:
        raise CliError(f"still {run['state']} after {seconds} s", Exit.PENDING)
    if run["state"] not in ENDED_WELL:
        raise CliError(f"the run ended as {run['state']}", Exit.FAILED)


def _until_ended(client: Client, run_id: str, seconds: int) -> dict[str, Any]:
    """Progress goes to stderr, one line per change of state."""
    deadline = time.monotonic() + seconds
    said = ""
    while True:
        run: dict[str, Any] = client.get(f"/v1/runs/{run_id}")
        if run["state"] != said:
            said = run["state"]
            output.say(f"{run_id}: {said}")
        if said in ENDED or time.monotonic() >= deadline:
            return run
        time.sleep(min(1.0, max(0.0, deadline - time.monotonic())))


def _read(path: Path | None) -> Any:
    if path is None:
        return {}
    try:
        return json.loads(path.read_text())
    except ValueError as error:
        raise CliError(f"{path} is not JSON: {error}", Exit.USAGE) from error
