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
    """What waits for a decision, the oldest first."""
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


@app.command()
def withdraw(
    request_id: RequestId,
    reason: Annotated[str, typer.Option(help="why")],
    key: Key = None,
    form: Output = Format.TABLE,
) -> None:
    """Take a question back that you are behind: nobody decides it any more, nothing is sent."""
    output.one(connect().post(f"/v1/approvals/{request_id}/withdrawal", {"reason": reason}, key), form)


@app.command("take-back")
def take_back(
    request_id: RequestId,
    reason: Annotated[str, typer.Option(help="why")],
    key: Key = None,
    form: Output = Format.TABLE,
) -> None:
    """Take your own yes back while it is not used; where it was decisive, that is a no."""
    output.one(connect().post(f"/v1/approvals/{request_id}/take-back", {"reason": reason}, key), form)


@app.command()
def select(
    request_ids: Annotated[list[str], typer.Argument(help="ids of approval requests")], form: Output = Format.TABLE
) -> None:
    """Freeze a selection and show it: what would change by each. The token that it prints decides exactly these."""
    made = connect().post("/v1/approval-selections", {"request_ids": request_ids})
    if form is not Format.TABLE:
        output.one(made, form)
        return
    output.rows([_line(one) for one in made["chosen"]], ("id", "title", "changes"), form, "nothing can be decided")
    for one in made["left_out"]:
        output.say(f"left out: {one['approval']['id']}: {one['left_out']}")
    output.say(f"token: {made['token']}")


@app.command("decide-selected")
def decide_selected(
    verdict: Annotated[str, typer.Argument(help="approve or reject")],
    token: Annotated[str, typer.Option(help="what `select` printed: you decide exactly what it showed")],
    reason: Annotated[str, typer.Option(help="required to reject")] = "",
    form: Output = Format.TABLE,
) -> None:
    """Decide a frozen selection, each request by a vote of its own."""
    body = {"token": token, "verdict": verdict, "reason": reason}
    done = connect().post("/v1/approval-selections/votes", body)
    output.rows(done, ("request_id", "state", "code", "detail"), form, "nothing was chosen")


@app.command()
def delegations(form: Output = Format.TABLE) -> None:
    """Who stands in for whom."""
    columns = ("id", "principal", "stand_in", "starts_at", "ends_at", "ended_at", "reason")
    output.rows(connect().get("/v1/approval-delegations")["results"], columns, form, "nobody stands in for anybody")


@app.command()
def delegate(
    stand_in: Annotated[str, typer.Argument(help="user name of the colleague")],
    starts_at: Annotated[str, typer.Option("--from", help="RFC 3339")],
    ends_at: Annotated[str, typer.Option("--to", help="RFC 3339, within sixty days")],
    reason: Annotated[str, typer.Option(help="for example: on leave")],
    workspace: Annotated[str | None, typer.Option(help="where you see more than one")] = None,
    key: Key = None,
    form: Output = Format.TABLE,
) -> None:
    """Let a colleague decide in your place while you are away."""
    body = {"stand_in": stand_in, "starts_at": starts_at, "ends_at": ends_at, "reason": reason}
    place = {"workspace": workspace} if workspace else {}
    output.one(connect().post("/v1/approval-delegations", {**body, **place}, key), form)


@app.command("end-delegation")
def end_delegation(delegation_id: Annotated[str, typer.Argument()], form: Output = Format.TABLE) -> None:
    """End it before its time. Votes that were cast stay."""
    output.one(connect().post(f"/v1/approval-delegations/{delegation_id}/end", {}), form)


def _line(one: dict[str, Any]) -> dict[str, str]:
    changes = (one["display"] or {}).get("changes", [])
    words = "; ".join(f"{change['label']}: {change['before'] or '–'} → {change['after']}" for change in changes)
    return {"id": one["approval"]["id"], "title": one["approval"]["title"], "changes": words}


def _vote(request_id: str, verdict: str, digest: str, reason: str, key: str | None, form: Format) -> None:
    body = {"verdict": verdict, "reason": reason, "seen_digest": digest}
    output.one(connect().post(f"/v1/approvals/{request_id}/votes", body, key), form)
