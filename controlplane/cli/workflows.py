"""Workflows from the command line: checked, published, listed, shown, compared."""

import json
from pathlib import Path
from typing import Annotated, Any, TypeAlias

import typer

from controlplane.cli import output
from controlplane.cli.client import Client, connect
from controlplane.cli.exits import CliError, Exit
from controlplane.cli.options import Key, Limit, Output
from controlplane.cli.output import Format

app = typer.Typer(no_args_is_help=True, help="Workflows and their versions.")

Source: TypeAlias = Annotated[Path, typer.Argument(help="the definition, YAML", metavar="FILE")]
Workspace: TypeAlias = Annotated[str | None, typer.Option(help="its slug, where you see more than one")]
Assets: TypeAlias = Annotated[
    Path | None,
    typer.Option(help="folder with prompts/<name>@<n>.md and schemas/<name>@<n>.json; else that of FILE"),
]
Named: TypeAlias = Annotated[str, typer.Argument(metavar="NAME[@VERSION]", help="its newest version, or one")]

_SIGNS = {"same": " ", "removed": "-", "added": "+"}


@app.command()
def lint(file: Source, workspace: Workspace = None, assets: Assets = None, form: Output = Format.TABLE) -> None:
    """Say what publishing would say, and publish nothing. Exit code 1 when there are findings."""
    answer = connect().post("/v1/workflows/check", _body(file, workspace, assets))
    if form is Format.TABLE:
        _tell(answer["findings"])
        if answer["clean"]:
            output.say(f"{file}: {answer['name']} {answer['version']} may be published, digest {answer['digest'][:16]}")
    else:
        output.one(answer, form)
    if not answer["clean"]:
        raise typer.Exit(Exit.FAILED)


@app.command()
def publish(
    file: Source, workspace: Workspace = None, assets: Assets = None, key: Key = None, form: Output = Format.TABLE
) -> None:
    """Publish a version; new runs use the highest. Exit code 1 when there are findings."""
    try:
        answer = connect().post("/v1/workflows", _body(file, workspace, assets), key)
    except CliError as error:
        if error.problem.get("code") != "definition_refused":
            raise
        _tell(error.problem["findings"])
        raise CliError("not published", Exit.FAILED, "correct the findings above") from error
    output.one(answer, form)


@app.command("list")
def list_versions(
    name: Annotated[str | None, typer.Option(help="only this workflow")] = None,
    limit: Limit = 50,
    form: Output = Format.TABLE,
) -> None:
    """Every published version, newest first."""
    columns = ("id", "name", "version", "digest", "published_by", "published_at")
    output.rows(connect().pages("/v1/workflows", limit, name=name), columns, form, "no workflows published")


@app.command()
def show(name: Named, form: Output = Format.TABLE) -> None:
    """One version: its source, or everything with `-o json`."""
    client = connect()
    found = client.get(f"/v1/workflows/{_version(client, name)['id']}")
    if form is Format.TABLE:
        typer.echo(found["source"], nl=False)
    else:
        output.one(found, form)


@app.command()
def diff(before: Named, after: Named, form: Output = Format.TABLE) -> None:
    """What changed from one version to another."""
    client = connect()
    path = f"/v1/workflows/{_version(client, after)['id']}/diff"
    found = client.get(path, against=_version(client, before)["id"])
    if form is not Format.TABLE:
        output.one(found, form)
        return
    for line in found["lines"]:
        numbers = f"{_number(line['before'])} {_number(line['after'])}"
        typer.echo(f"{numbers} {_SIGNS[line['change']]} {output.text(line['text'])}")
    if not found["lines"]:
        output.say("both say the same")


def _body(file: Path, workspace: str | None, assets: Path | None) -> dict[str, Any]:
    source = _text(file)
    folder = assets or file.parent
    body: dict[str, Any] = {"source": source, "file": file.name}
    body["prompts"] = {p.stem: _text(p) for p in _named(folder / "prompts", "*.md", source)}
    body["schemas"] = {p.stem: _json(p) for p in _named(folder / "schemas", "*.json", source)}
    return body | ({"workspace": workspace} if workspace else {})


def _named(folder: Path, pattern: str, source: str) -> list[Path]:
    """The files whose name the definition mentions."""
    return [path for path in sorted(folder.glob(pattern)) if "@" in path.stem and path.stem in source]


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise CliError(f"{file} cannot be read: {error}", Exit.USAGE) from error


def _json(file: Path) -> Any:
    try:
        return json.loads(_text(file))
    except ValueError as error:
        raise CliError(f"{file} is not JSON: {error}", Exit.USAGE) from error


def _tell(findings: list[dict[str, Any]]) -> None:
    for found in findings:
        place = f"{found['file']}:{found['line']}:{found['column']}"
        typer.echo(output.text(f"{place}: {found['code']}: {found['message']}"))
        typer.echo(output.text(f"    {found['hint']}"))


def _version(client: Client, name: str) -> dict[str, Any]:
    """By `name@version`, or the highest version of a name."""
    wanted, _, number = name.partition("@")
    found = [row for row in client.pages("/v1/workflows", 1000, name=wanted) if number in ("", row["version"])]
    if not found:
        raise CliError(f"no version of {name} is published", Exit.NOT_FOUND, "interlock workflow list")
    return max(found, key=lambda row: [int(part) for part in row["version"].split(".")])


def _number(line: int | None) -> str:
    return f"{line or '':>4}"
