"""Lists of the other rooms."""

import typer

from controlplane.cli import output
from controlplane.cli.client import connect
from controlplane.cli.options import Output
from controlplane.cli.output import Format

connectors = typer.Typer(no_args_is_help=True, help="Connector instances.")


@connectors.command("list")
def list_connectors(form: Output = Format.TABLE) -> None:
    """Instances, their driver and version."""
    found = connect().get("/v1/connectors")["results"]
    output.rows(found, ("id", "name", "driver", "version", "state"), form, "no connectors configured")


def costs(form: Output = Format.TABLE) -> None:
    """Spend against budget, cost per ticket, per model."""
    output.one(connect().get("/v1/costs"), form)
