"""Dead letters: by cause, one by one, and their way back as a bounded job."""

import time
from typing import Annotated, Any

import typer

from controlplane.cli import output
from controlplane.cli.client import Client, connect
from controlplane.cli.options import DryRun, Key, Limit, Output, Reason, rehearsal
from controlplane.cli.output import Format

app = typer.Typer(no_args_is_help=True, help="Dead letters: work whose attempts are used up.")
jobs = typer.Typer(no_args_is_help=True, help="Redrives: list, show, start, pause, stop.")
app.add_typer(jobs, name="jobs")

LETTERS = ("id", "run", "step", "connector", "tool", "code", "detail", "created_at")
GROUPS = ("count", "workspace", "connector", "tool", "code", "oldest_at", "newest_at")
JOBS = ("id", "state", "connector", "tool", "code", "total", "counts", "per_minute", "planned_by", "created_at")
ITEMS = ("position", "state", "code", "dead_letter", "old_run", "new_run", "done_at")

JobId = Annotated[str, typer.Argument(help="id of the redrive")]
Connector = Annotated[str, typer.Option(help="the connector instance")]
Tool = Annotated[str, typer.Option(help="the tool")]
Code = Annotated[str, typer.Option(help="the cause")]
Workflow = Annotated[str, typer.Option(help="only of this workflow")]
Workspace = Annotated[str, typer.Option(help="the workspace, where there are several")]


@app.command("list")
def list_letters(
    state: Annotated[str, typer.Option(help="OPEN, REDRIVEN or DISMISSED")] = "OPEN",
    code: Code = "",
    limit: Limit = 50,
    form: Output = Format.TABLE,
) -> None:
    """Newest first."""
    pages = connect().pages("/v1/dead-letters", limit, state=state, code=code or None)
    output.rows(pages, LETTERS, form, "no dead letters")


@app.command()
def groups(form: Output = Format.TABLE) -> None:
    """Open ones by connector, tool and cause."""
    output.rows(connect().get("/v1/dead-letters/groups")["results"], GROUPS, form, "no dead letters")


@app.command()
def dismiss(
    letter_id: Annotated[str, typer.Argument()], reason: Reason, key: Key = None, form: Output = Format.TABLE
) -> None:
    """Nobody needs it done any more. It is kept and can be opened again."""
    output.one(connect().post(f"/v1/dead-letters/{letter_id}/dismiss", {"reason": reason}, key), form)


@app.command()
def reopen(
    letter_id: Annotated[str, typer.Argument()], reason: Reason, key: Key = None, form: Output = Format.TABLE
) -> None:
    """It is needed after all."""
    output.one(connect().post(f"/v1/dead-letters/{letter_id}/reopen", {"reason": reason}, key), form)


@app.command()
def redrive(
    letter_id: Annotated[str, typer.Argument(help="one dead letter; left out, all that the options select")] = "",
    reason: Annotated[str, typer.Option("--reason", help="why; needed for a selection")] = "",
    connector: Connector = "",
    tool: Tool = "",
    code: Code = "",
    workflow: Workflow = "",
    workspace: Workspace = "",
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="at most so many, the oldest first")] = 1_000,
    per_minute: Annotated[int, typer.Option(min=1, max=6_000, help="no more than so many in a minute")] = 60,
    start: Annotated[bool, typer.Option("--start", help="begin at once; else it is frozen and shown")] = False,
    wait: Annotated[bool, typer.Option("--wait", help="follow it to its end")] = False,
    dry_run: DryRun = False,
    key: Key = None,
    form: Output = Format.TABLE,
) -> None:
    """One as a new run, or a frozen selection as a job. Every call is decided, approved and paid for anew."""
    path, body = f"/v1/dead-letters/{letter_id}/redrive", dict[str, Any]()
    if not letter_id:
        wanted = {"connector": connector, "tool": tool, "code": code, "workflow": workflow, "workspace": workspace}
        more = {"limit": limit, "per_minute": per_minute, "reason": reason, "start": start or wait}
        path, body = "/v1/redrive-jobs", {**wanted, **more}
    if dry_run:
        rehearsal("POST", path, body)
        return
    client = connect()
    made = client.post(path, body, key)
    output.one(_followed(client, made) if wait and not letter_id else made, form)


@jobs.command("list")
def list_jobs(limit: Limit = 50, form: Output = Format.TABLE) -> None:
    """Newest first."""
    output.rows(connect().pages("/v1/redrive-jobs", limit), JOBS, form, "no redrives")


@jobs.command()
def show(job_id: JobId, form: Output = Format.TABLE) -> None:
    """How far it is."""
    output.one(connect().get(f"/v1/redrive-jobs/{job_id}"), form)


@jobs.command()
def items(
    job_id: JobId, after: Annotated[int, typer.Option(help="after this position")] = -1, form: Output = Format.TABLE
) -> None:
    """The frozen selection, with what came of each letter."""
    found = connect().get(f"/v1/redrive-jobs/{job_id}/items", after=after)["results"]
    output.rows(found, ITEMS, form, "no more")


@jobs.command()
def start(job_id: JobId, key: Key = None, form: Output = Format.TABLE) -> None:
    """Begin, or go on after a pause."""
    _move(job_id, "start", key, form)


@jobs.command()
def pause(job_id: JobId, key: Key = None, form: Output = Format.TABLE) -> None:
    """Stand still."""
    _move(job_id, "pause", key, form)


@jobs.command()
def stop(job_id: JobId, key: Key = None, form: Output = Format.TABLE) -> None:
    """End it here; what is pending stays a dead letter."""
    _move(job_id, "stop", key, form)


def _move(job_id: str, do: str, key: str | None, form: Format) -> None:
    output.one(connect().post(f"/v1/redrive-jobs/{job_id}/{do}", {}, key), form)


def _followed(client: Client, job: dict[str, Any]) -> dict[str, Any]:
    while job["state"] == "RUNNING":
        output.say(f"{job['total'] - job['counts']['PENDING']} of {job['total']}")
        time.sleep(2)
        job = client.get(f"/v1/redrive-jobs/{job['id']}")
    return job
