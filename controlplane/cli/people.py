"""Signing in, who I am, tokens."""

import sys
from typing import Annotated

import typer

from controlplane.cli import config, output
from controlplane.cli.client import Client, connect
from controlplane.cli.exits import CliError, Exit
from controlplane.cli.options import Output
from controlplane.cli.output import Format

tokens = typer.Typer(no_args_is_help=True, help="API tokens: list, issue, revoke.")


def login(
    url: Annotated[str, typer.Option(help="address of the server")] = config.DEFAULT_URL,
) -> None:
    """Keep a server and a token. The token is read from standard input, never from the command line."""
    secret = typer.prompt("API token", hide_input=True, err=True) if sys.stdin.isatty() else sys.stdin.readline()
    wanted = config.Config(url.rstrip("/"), secret.strip())
    if not wanted.token:
        raise CliError(
            "no token given", Exit.USAGE, "issue one in the console under Settings, or with `interlock tokens issue`"
        )
    me = Client(wanted).get("/v1/me")
    output.say(f"signed in as {me['label']} of {me['tenant']['slug']}; kept in {config.save(wanted)}")


def logout() -> None:
    """Forget the kept token (it stays valid: revoke it with `interlock tokens revoke`)."""
    output.say("forgotten" if config.forget() else "there was nothing to forget")


def me(form: Output = Format.TABLE) -> None:
    """Who I am and what I may do."""
    output.one(connect().get("/v1/me"), form)


@tokens.command("list")
def list_tokens(form: Output = Format.TABLE) -> None:
    """My tokens; an administrator sees all."""
    columns = ("id", "name", "prefix", "scopes", "expires_at", "revoked_at", "last_used_at")
    output.rows(connect().get("/v1/tokens")["results"], columns, form, "no tokens")


@tokens.command()
def issue(
    name: Annotated[str, typer.Argument(help="what it is for")],
    scope: Annotated[list[str], typer.Option("--scope", help="a permission that it may use; repeat for more")],
    days: Annotated[int, typer.Option(min=1, max=366)] = 90,
    form: Output = Format.TABLE,
) -> None:
    """Issue a token for yourself. The secret is shown once."""
    body = {"name": name, "scopes": scope, "expires_in_days": days}
    output.one(connect().post("/v1/tokens", body), form)


@tokens.command()
def revoke(token_id: Annotated[str, typer.Argument(help="id of the token")]) -> None:
    """Revoke a token at once."""
    row = connect().post(f"/v1/tokens/{token_id}/revoke", {})
    output.say(f"{row['name']} ({row['prefix']}…) is revoked")
