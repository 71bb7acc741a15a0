"""Where the people of the tenant sign in."""

import sys
from typing import Annotated

import typer

from controlplane.cli import output
from controlplane.cli.client import connect
from controlplane.cli.options import Output
from controlplane.cli.output import Format

app = typer.Typer(no_args_is_help=True, help="The identity provider (OpenID Connect) of your organisation.")


@app.command()
def show(form: Output = Format.TABLE) -> None:
    """The provider as it is set."""
    output.one(connect().get("/v1/identity-provider"), form)


@app.command("set")
def set_provider(
    issuer: Annotated[str, typer.Argument(help="https address of the provider")],
    client_id: Annotated[str, typer.Argument(help="this installation's id there")],
    step_up: Annotated[bool, typer.Option(help="a fresh sign-in there may be a second factor")] = False,
    step_up_acr: Annotated[str, typer.Option(help="the acr that its token must then carry")] = "",
    default_role: Annotated[str, typer.Option(help="of people who come first; none: nobody is let in")] = "",
    secret: Annotated[bool, typer.Option(help="read the client's secret from standard input")] = False,
) -> None:
    """Set or change the provider."""
    body = {"issuer": issuer, "client_id": client_id, "step_up": step_up, "step_up_acr": step_up_acr}
    given = {"client_secret": sys.stdin.readline().strip()} if secret else {}
    connect().put("/v1/identity-provider", {**body, "default_role": default_role, **given})
    output.say(f"people sign in at {issuer}")
