"""Options that many commands share."""

from typing import Annotated, TypeAlias

import typer

from controlplane.cli.output import Format

Output: TypeAlias = Annotated[Format, typer.Option("-o", "--output", help="table, json, jsonl or id")]
Limit: TypeAlias = Annotated[int, typer.Option(min=1, max=10_000, help="at most so many rows")]
Key: TypeAlias = Annotated[
    str | None,
    typer.Option("--idempotency-key", help="repeat with the same key: it happens once; made up when left out"),
]
Reason: TypeAlias = Annotated[str, typer.Option("--reason", help="why; kept in the evidence")]
DryRun: TypeAlias = Annotated[bool, typer.Option("--dry-run", help="say what would be sent, send nothing")]


def rehearsal(verb: str, path: str, body: object) -> None:
    """What `--dry-run` prints instead of sending."""
    typer.echo(f"would send: {verb} {path} {body}", err=True)
