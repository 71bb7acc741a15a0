"""Lists of the other rooms."""

from typing import Annotated

import typer

from controlplane.cli import output
from controlplane.cli.client import connect
from controlplane.cli.options import Limit, Output
from controlplane.cli.output import Format

workflows = typer.Typer(no_args_is_help=True, help="Workflows and their versions.")
connectors = typer.Typer(no_args_is_help=True, help="Connector instances.")
policies = typer.Typer(no_args_is_help=True, help="What rules, and what it decided.")


@workflows.command("list")
def list_workflows(form: Output = Format.TABLE) -> None:
    """Every workflow with its newest version."""
    found = connect().get("/v1/workflows")["results"]
    output.rows(found, ("id", "name", "version", "digest", "published_at"), form, "no workflows published")


@connectors.command("list")
def list_connectors(form: Output = Format.TABLE) -> None:
    """Instances, their driver and version."""
    found = connect().get("/v1/connectors")["results"]
    output.rows(found, ("id", "name", "driver", "version", "state"), form, "no connectors configured")


@policies.command("active")
def active(form: Output = Format.TABLE) -> None:
    """The bundle in force in each environment."""
    found = connect().get("/v1/policies")["results"]
    output.rows(
        found, ("environment", "revision", "seq", "not_after", "sha256"), form, "no policy: everything is denied"
    )


@policies.command()
def decisions(
    effect: Annotated[str | None, typer.Option(help="only this effect, e.g. DENY")] = None,
    limit: Limit = 50,
    form: Output = Format.TABLE,
) -> None:
    """Newest first."""
    columns = ("id", "effect", "tool", "codes", "run", "decided_at")
    output.rows(connect().pages("/v1/decisions", limit, effect=effect), columns, form, "no decisions yet")


def costs(form: Output = Format.TABLE) -> None:
    """Spend against budget, cost per ticket, per model."""
    output.one(connect().get("/v1/costs"), form)
