"""How I hear of what waits for me, and who is asked now."""

from typing import Annotated, Any

import typer

from controlplane.cli import output
from controlplane.cli.client import connect
from controlplane.cli.options import Key, Output
from controlplane.cli.output import Format

app = typer.Typer(no_args_is_help=True, help="How you hear of what waits for you.")
rota = typer.Typer(no_args_is_help=True, help="Whose turn it is to be asked.")


@app.command()
def show(form: Output = Format.TABLE) -> None:
    """Your wishes."""
    output.one(connect().get("/v1/notifications"), form)


@app.command("set")
def save(
    direct: Annotated[str | None, typer.Option(help="always, on_call or never: when to be told in Slack")] = None,
    digest_hour: Annotated[int | None, typer.Option(min=-1, max=23, help="local hour of the digest; -1: none")] = None,
    weekdays_only: Annotated[bool | None, typer.Option(help="no digest on Saturdays and Sundays")] = None,
    timezone: Annotated[str | None, typer.Option(help="for example Europe/Zurich")] = None,
    key: Key = None,
    form: Output = Format.TABLE,
) -> None:
    """Change them; what is left out stays."""
    client = connect()
    wishes: dict[str, Any] = dict(client.get("/v1/notifications"))
    given = {"direct": direct, "weekdays_only": weekdays_only, "timezone": timezone}
    wishes |= {name: value for name, value in given.items() if value is not None}
    if digest_hour is not None:
        wishes["digest_hour"] = None if digest_hour < 0 else digest_hour
    output.one(client.post("/v1/notifications", wishes, key=key), form)


@rota.command("now")
def on_call(form: Output = Format.TABLE) -> None:
    """Who is asked now."""
    columns = ("rota", "workspace", "person", "stands_in_for", "until", "next")
    output.rows(connect().get("/v1/on-call")["results"], columns, form, "no rota")


@rota.command("list")
def list_rotas(form: Output = Format.TABLE) -> None:
    columns = ("id", "name", "members", "starts_at", "turn_hours", "enabled")
    output.rows(connect().get("/v1/rotas")["results"], columns, form, "no rota")


@rota.command("set")
def set_rota(
    name: Annotated[str, typer.Argument(help="its name")],
    member: Annotated[list[str], typer.Option("--member", help="a user name; repeat in the order of turns")],
    starts_at: Annotated[str, typer.Option(help="when the first turn begins, for example 2026-11-23T08:00:00Z")],
    turn_hours: Annotated[int, typer.Option(min=1, max=672)] = 168,
    workspace: Annotated[str | None, typer.Option(help="may be left out where you see only one")] = None,
    enabled: Annotated[bool, typer.Option(help="whether it is in use")] = True,
    key: Key = None,
    form: Output = Format.TABLE,
) -> None:
    """Make the rota of this name, or change it."""
    body = {"name": name, "members": member, "starts_at": starts_at, "turn_hours": turn_hours, "enabled": enabled}
    place = {"workspace": workspace} if workspace else {}
    output.one(connect().post("/v1/rotas", {**body, **place}, key=key), form)
