"""Privacy: erase a person, keep a run for a case, say how long content is kept."""

from typing import Annotated, Any

import typer

from controlplane.cli import output
from controlplane.cli.client import connect
from controlplane.cli.options import Key, Output, Reason
from controlplane.cli.output import Format

app = typer.Typer(no_args_is_help=True, help="Erasure, legal hold, retention of content.")


@app.command()
def erase(
    text: Annotated[list[str] | None, typer.Option(help="a name, address or id of the person; repeat for more")] = None,
    ticket: Annotated[list[str] | None, typer.Option(help="number of a ticket of theirs; repeat for more")] = None,
    reason: Annotated[str, typer.Option(help="on what ground")] = "",
    preview: Annotated[bool, typer.Option("--preview", help="only look what would be erased")] = False,
    form: Output = Format.TABLE,
) -> None:
    """Erase a person: every content that holds the texts, and all that is kept of those runs. The record stays."""
    body: dict[str, Any] = {"texts": text or [], "tickets": ticket or [], "preview": preview}
    output.one(connect().post("/v1/erasures", {**body, "reason": reason or ("preview" if preview else "")}), form)


@app.command()
def hold(run_id: str, reason: Reason, key: Key = None, form: Output = Format.TABLE) -> None:
    """Keep what is kept of a run, whatever its time, until it is released."""
    output.one(connect().post(f"/v1/runs/{run_id}/hold", {"reason": reason}, key), form)


@app.command()
def release(run_id: str, key: Key = None) -> None:
    """End the legal hold of a run."""
    connect().post(f"/v1/runs/{run_id}/release-hold", {}, key)


@app.command()
def retention(
    content_days: Annotated[int | None, typer.Option(help="14 to 30", min=14, max=30)] = None,
    audit_days: Annotated[int | None, typer.Option(help="half a year at least", min=183)] = None,
    form: Output = Format.TABLE,
) -> None:
    """Show for how many days content and the record are kept, or set it."""
    client = connect()
    known = client.get("/v1/retention")
    if content_days or audit_days:
        wanted = {"content_days": content_days, "audit_days": audit_days}
        known = client.post("/v1/retention", {**known, **{name: days for name, days in wanted.items() if days}})
    output.one(known, form)
