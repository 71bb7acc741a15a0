"""Reconcile tasks: outcomes that only a person can tell."""

from typing import Annotated

import typer

from controlplane.cli import output
from controlplane.cli.client import connect
from controlplane.cli.exits import CliError, Exit
from controlplane.cli.options import DryRun, Key, Limit, Output, rehearsal
from controlplane.cli.output import Format

app = typer.Typer(no_args_is_help=True, help="Outcomes that no probe could tell, for a person to answer.")
COLUMNS = ("id", "state", "tool", "target", "step", "claimed_by", "created_at")
ANSWERS = ("landed", "not_landed", "undo")
TaskId = Annotated[str, typer.Argument(help="id of the task")]


@app.command("list")
def list_tasks(
    every: Annotated[bool, typer.Option("--all", help="the answered ones too")] = False,
    limit: Limit = 50,
    form: Output = Format.TABLE,
) -> None:
    """Newest first."""
    found = connect().pages("/v1/reconcile-tasks", limit, every="true" if every else None)
    output.rows(found, COLUMNS, form, "nothing waits for an answer")


@app.command()
def show(task_id: TaskId, form: Output = Format.TABLE) -> None:
    """What is known, and how to look by hand."""
    output.one(connect().get(f"/v1/reconcile-tasks/{task_id}"), form)


@app.command()
def claim(task_id: TaskId, key: Key = None, form: Output = Format.TABLE) -> None:
    """Say that you are looking at it."""
    output.one(connect().post(f"/v1/reconcile-tasks/{task_id}/claim", {}, key), form)


@app.command()
def release(task_id: TaskId, key: Key = None, form: Output = Format.TABLE) -> None:
    """Give it back."""
    output.one(connect().post(f"/v1/reconcile-tasks/{task_id}/release", {}, key), form)


@app.command()
def answer(
    task_id: TaskId,
    said: Annotated[str, typer.Argument(metavar="ANSWER", help="landed, not_landed or undo")],
    note: Annotated[str, typer.Option("--note", help="what you saw at the target; kept in the evidence")],
    dry_run: DryRun = False,
    form: Output = Format.TABLE,
) -> None:
    """Say what became of the call: it landed, it did not land, or it landed and is to be undone."""
    if said not in ANSWERS:
        raise CliError(f"say one of {', '.join(ANSWERS)}", Exit.USAGE)
    path, body = f"/v1/reconcile-tasks/{task_id}/answer", {"answer": said, "note": note}
    if dry_run:
        rehearsal("POST", path, body)
        return
    output.one(connect().post(path, body), form)
