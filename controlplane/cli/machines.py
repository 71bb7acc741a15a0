"""Services and agents, and what platform operators looked at."""

from typing import Annotated

import typer

from controlplane.cli import output
from controlplane.cli.client import connect
from controlplane.cli.options import Output
from controlplane.cli.output import Format

services = typer.Typer(no_args_is_help=True, help="Service identities and agents: make, list, close.")
glass = typer.Typer(no_args_is_help=True, help="Looks of platform operators into your organisation.")


@services.command("list")
def list_services(form: Output = Format.TABLE) -> None:
    """Every service and agent of your organisation."""
    columns = ("id", "username", "kind", "purpose", "owner", "closed_at")
    output.rows(connect().get("/v1/services")["results"], columns, form, "no services")


@services.command()
def make(
    name: Annotated[str, typer.Argument(help="up to 40 of a-z, 0-9 and -")],
    purpose: Annotated[str, typer.Option(help="what it is for")],
    kind: Annotated[str, typer.Option(help="service or agent")] = "service",
    role: Annotated[str, typer.Option(help="what it may")] = "service",
    owner: Annotated[str | None, typer.Option(help="id of who answers for it; yourself when left out")] = None,
    form: Output = Format.TABLE,
) -> None:
    """Make one; then issue it a token with `interlock tokens issue --user`."""
    body = {"name": name, "purpose": purpose, "kind": kind, "role": role, **({"owner": owner} if owner else {})}
    output.one(connect().post("/v1/services", body), form)


@services.command("close")
def close_service(identity_id: Annotated[str, typer.Argument(help="id from `interlock services list`")]) -> None:
    """For good: its tokens are refused at once."""
    row = connect().post(f"/v1/services/{identity_id}/close", {})
    output.say(f"{row['username']} is closed")


@glass.command("list")
def list_glass(form: Output = Format.TABLE) -> None:
    """Who looked, since when, until when and why."""
    columns = ("id", "operator", "reason", "opened_at", "expires_at", "closed_at")
    output.rows(connect().get("/v1/break-glass")["results"], columns, form, "nobody ever looked")


@glass.command("close")
def close_glass(glass_id: Annotated[str, typer.Argument(help="id from `interlock break-glass list`")]) -> None:
    """End a look before its time."""
    connect().post(f"/v1/break-glass/{glass_id}/close", {})
    output.say("closed")
