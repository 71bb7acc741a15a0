"""Signing in, who I am, tokens."""

import sys
from typing import Annotated

import typer

from controlplane.cli import config, output
from controlplane.cli.client import Client, connect
from controlplane.cli.exits import CliError, Exit
from controlplane.cli.options import Output
from controlplane.cli.output import Format

app = typer.Typer(no_args_is_help=True, help="Members: what they may effectively do, and their roles.")
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
    user: Annotated[str | None, typer.Option(help="id of a service; yourself when left out")] = None,
    on_behalf_of: Annotated[str | None, typer.Option(help="id of the person for whom a service acts")] = None,
    form: Output = Format.TABLE,
) -> None:
    """Issue a token for yourself, or as an administrator for a service. The secret is shown once."""
    named = {"user": user, "on_behalf_of": on_behalf_of}
    body = {"name": name, "scopes": scope, "expires_in_days": days, **{k: v for k, v in named.items() if v}}
    output.one(connect().post("/v1/tokens", body), form)


@tokens.command()
def rotate(
    token_id: Annotated[str, typer.Argument(help="id of the token")],
    overlap_hours: Annotated[int, typer.Option(min=0, max=168, help="how long the old one goes on")] = 24,
    form: Output = Format.TABLE,
) -> None:
    """A new token like the old one. The secret is shown once."""
    output.one(connect().post(f"/v1/tokens/{token_id}/rotate", {"overlap_hours": overlap_hours}), form)


@tokens.command()
def revoke(token_id: Annotated[str, typer.Argument(help="id of the token")]) -> None:
    """Revoke a token at once."""
    row = connect().post(f"/v1/tokens/{token_id}/revoke", {})
    output.say(f"{row['name']} ({row['prefix']}…) is revoked")


@app.command("list")
def list_people(form: Output = Format.TABLE) -> None:
    """All members for an administrator, otherwise yourself."""
    rows = connect().get("/v1/people")["results"]
    told = [{**row, "roles": [_role(one) for one in row["roles"]]} for row in rows] if form == Format.TABLE else rows
    output.rows(told, ("id", "username", "kind", "factors", "roles"), form, "nobody")


@app.command()
def show(user_id: Annotated[str, typer.Argument(help="id of the member")], form: Output = Format.TABLE) -> None:
    """The effective permissions of one member, place by place, with the roles that give them."""
    found = connect().get(f"/v1/people/{user_id}")
    if form != Format.TABLE:
        return output.one(found, form)
    rows = [
        {"place": "/".join(filter(None, (at["workspace"], at["environment"]))), **held}
        for at in found["places"]
        for held in at["held"]
    ]
    return output.rows(rows, ("place", "permission", "by"), form, "no permission anywhere")


@app.command()
def grant(
    user_id: Annotated[str, typer.Argument(help="id of the member")],
    role: Annotated[str, typer.Argument(help="for example viewer, operator, approver, senior_approver")],
    workspace: Annotated[str | None, typer.Option(help="where; the only one when left out")] = None,
    environment: Annotated[str | None, typer.Option(help="only in this environment of it")] = None,
) -> None:
    """Give a role."""
    named = {"workspace": workspace, "environment": environment}
    body = {"role": role, **{name: value for name, value in named.items() if value}}
    made = connect().post(f"/v1/people/{user_id}/roles", body)
    output.say(f"{role} given; withdraw it with `interlock people withdraw {made['id']}`")


@app.command()
def withdraw(
    membership_id: Annotated[str, typer.Argument(help="id of the role, from `interlock people list`")],
) -> None:
    """Take a role back."""
    connect().post(f"/v1/memberships/{membership_id}/withdraw", {})
    output.say("withdrawn")


def _role(given: dict[str, str]) -> str:
    where = "/".join(filter(None, (given["workspace"], given["environment"])))
    return f"{given['role']} in {where} ({given['membership_id']})"
