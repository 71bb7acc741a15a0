"""Approvals: what waits, exactly what would be written, and the vote."""

from typing import Annotated, Any

import typer

from controlplane.cli import output
from controlplane.cli.client import connect
from controlplane.cli.options import Key, Limit, Output
from controlplane.cli.output import Format

app = typer.Typer(no_args_is_help=True, help="Decide what may be sent.")
RequestId = Annotated[str, typer.Argument(help="id of the approval request")]


@app.command("list")
def list_requests(
    which: Annotated[str, typer.Option("--which", help="mine, all or decided")] = "mine",
    limit: Limit = 50,
    form: Output = Format.TABLE,
) -> None:
    """What waits for a decision, the nearest deadline first."""
    columns = ("id", "state", "title", "tier", "expires_at", "may_vote")
    output.rows(connect().pages("/v1/approvals", limit, which=which), columns, form, "no decisions are waiting")


@app.command()
def show(request_id: RequestId, form: Output = Format.TABLE) -> None:
    """The whole request: field diff, why policy asks, the exact undo, the digest."""
    output.one(connect().get(f"/v1/approvals/{request_id}"), form)


@app.command()
def diff(request_id: RequestId, form: Output = Format.TABLE) -> None:
    """Only what would change."""
    display: dict[str, Any] = connect().get(f"/v1/approvals/{request_id}")["display"]
    output.rows(display.get("changes", []), ("label", "before", "after"), form, "no field would change")


@app.command()
def approve(
    request_id: RequestId,
    digest: Annotated[str, typer.Option(help="the digest that `show` printed: you approve exactly that")],
    reason: Annotated[str, typer.Option(help="a comment")] = "",
    key: Key = None,
    form: Output = Format.TABLE,
) -> None:
    """Vote yes."""
    _vote(request_id, "approve", digest, reason, key, form)


@app.command()
def reject(
    request_id: RequestId,
    reason: Annotated[str, typer.Option(help="why not; required")],
    digest: Annotated[str, typer.Option(help="the digest that `show` printed")],
    key: Key = None,
    form: Output = Format.TABLE,
) -> None:
    """Vote no."""
    _vote(request_id, "reject", digest, reason, key, form)


def _vote(request_id: str, verdict: str, digest: str, reason: str, key: str | None, form: Format) -> None:
    body = {"verdict": verdict, "reason": reason, "seen_digest": digest}
    output.one(connect().post(f"/v1/approvals/{request_id}/votes", body, key), form)
