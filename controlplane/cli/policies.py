"""Policy: what rules, what it decided, and what another policy would have decided."""

import contextlib
import json
import time
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

import typer

from controlplane.cli import output
from controlplane.cli.client import Client, connect
from controlplane.cli.exits import CliError, Exit
from controlplane.cli.options import Key, Limit, Output
from controlplane.cli.output import Format

app = typer.Typer(no_args_is_help=True, help="What rules, what it decided, what another policy would decide.")
POLL_S = 0.5
COUNTS = (
    ("decisions", "decisions looked at"),
    ("covered", "decided again as recorded"),
    ("same", "decided the same"),
    ("loosened", "loosened"),
    ("loosened_high_risk", "loosened, of high risk or above"),
    ("tightened", "tightened"),
    ("obligations", "the same on other terms"),
    ("failed", "no answer that counts"),
)


@app.command("active")
def active(form: Output = Format.TABLE) -> None:
    """The bundle in force in each environment."""
    found = connect().get("/v1/policies")["results"]
    output.rows(
        found, ("environment", "revision", "seq", "not_after", "sha256"), form, "no policy: everything is denied"
    )


@app.command()
def enforcing(form: Output = Format.TABLE) -> None:
    """Whether policy is enforced: what the canary of each environment proved last.

    Exits with 9 when a call that nobody grants was not denied, with 10 when that is not proven now.
    """
    found = connect().get("/v1/enforcement")["results"]
    columns = ("environment", "light", "words", "tried_at", "code")
    output.rows(found, columns, form, "no policy: everything is denied")
    lights = {row["light"] for row in found}
    if "failed" in lights:
        raise typer.Exit(Exit.VERIFICATION_FAILED)
    if lights - {"enforcing"}:
        raise typer.Exit(Exit.NOT_VERIFIED)


@app.command()
def decisions(
    effect: Annotated[list[str] | None, typer.Option(help="only this effect, e.g. DENY; repeat it for several")] = None,
    rule: Annotated[str | None, typer.Option(help="with a reason of this rule")] = None,
    code: Annotated[str | None, typer.Option(help="with a reason of this code")] = None,
    tool: Annotated[str | None, typer.Option(help="about this tool")] = None,
    workflow: Annotated[str | None, typer.Option(help="within this workflow")] = None,
    run: Annotated[str | None, typer.Option(help="of this run (id)")] = None,
    environment: Annotated[list[str] | None, typer.Option(help="in this environment (slug or id)")] = None,
    actor: Annotated[str | None, typer.Option(help="asked for by this person or service (id)")] = None,
    since: Annotated[str | None, typer.Option(help="RFC 3339: not before")] = None,
    until: Annotated[str | None, typer.Option(help="RFC 3339: before")] = None,
    limit: Limit = 50,
    form: Output = Format.TABLE,
) -> None:
    """What was decided, newest first; every filter narrows."""
    wanted = {"rule": rule, "code": code, "tool": tool, "workflow": workflow, "run": run, "actor": actor}
    lists = {"effect": effect or None, "environment": environment or None}
    columns = ("id", "effect", "tool", "codes", "run", "decided_at")
    rows = connect().pages("/v1/decisions", limit, **wanted, **lists, since=since, until=until)
    output.rows(rows, columns, form, "no decision matches")


@app.command()
def explain(
    decision: Annotated[str, typer.Argument(help="id of a decision")],
    trace: Annotated[bool, typer.Option("--trace", help="decide it again and tell each rule; goes on record")] = False,
    form: Output = Format.TABLE,
) -> None:
    """The rules that fired and the line each stands on; with --trace, every rule that was tried."""
    client = connect()
    if trace:
        told = client.post(f"/v1/decisions/{decision}/trace", {})
        columns: tuple[str, ...] = ("module", "line", "tried", "fired", "stopped_at")
    else:
        told = client.get(f"/v1/decisions/{decision}/explanation")
        columns = ("effect", "code", "rule", "module", "line", "message")
    if form is not Format.TABLE:
        output.one(told, form)
    else:
        output.rows(told["rules"], columns, form, f"{told['effect']}: no rule restricted it")


@app.command()
def simulate(
    pack: Annotated[Path, typer.Argument(help="the Rego of one pack", exists=True, dir_okay=False)],
    name: Annotated[str | None, typer.Option(help="of the pack; the file's name when left out")] = None,
    data: Annotated[Path | None, typer.Option(help="JSON file with its configuration", exists=True)] = None,
    tests: Annotated[Path | None, typer.Option(help="Rego file with its tests", exists=True)] = None,
    environment: Annotated[str, typer.Option(help="dev, staging or prod")] = "prod",
    since: Annotated[str | None, typer.Option(help="RFC 3339; seven days ago when left out")] = None,
    most: Annotated[int, typer.Option(help="at most so many decisions, the newest")] = 10_000,
    timeout: Annotated[int, typer.Option(help="seconds to wait for the result")] = 300,
    key: Key = None,
    form: Output = Format.TABLE,
) -> None:
    """Decide recorded decisions again with a pack in place of the active one of its name.

    Exits with 9 when the pack is refused, or when it loosens a decision of high risk or above.
    """
    client = connect()
    body: dict[str, Any] = {"packs": {name or pack.stem: _pack(pack, data, tests)}, "most": most}
    if since:
        body["since"] = since
    asked = client.post(f"/v1/policies/{environment_id(client, environment)}/simulations", body, key)
    see_out(client, asked["id"], timeout, form)


def see_out(client: Client, simulation_id: str, timeout: int, form: Format) -> None:
    """Wait for a simulation and show it; ends with 9 when it was refused or loosens what is grave."""
    result = _awaited(client, simulation_id, timeout)
    _show(result, form)
    if result["state"] == "REFUSED" or result["report"]["loosened_high_risk"]:
        raise typer.Exit(Exit.VERIFICATION_FAILED)


def _pack(pack: Path, data: Path | None, tests: Path | None) -> dict[str, Any]:
    try:
        configuration = json.loads(data.read_text()) if data else {}
    except ValueError as error:
        raise CliError(f"{data} is not JSON: {error}", Exit.USAGE) from error
    return {"source": pack.read_text(), "data": configuration, "tests": tests.read_text() if tests else ""}


def environment_id(client: Client, slug: str) -> str:
    """The id of an environment that has a policy, by its name; of any other by the id itself."""
    with contextlib.suppress(ValueError):
        return str(UUID(slug))
    found = [row for row in client.get("/v1/policies")["results"] if row["environment"] == slug]
    if len(found) != 1:
        raise CliError(f"{len(found)} environments called {slug} have a policy", Exit.NOT_FOUND)
    return str(found[0]["environment_id"])


def _awaited(client: Client, simulation_id: str, timeout: int) -> dict[str, Any]:
    deadline = time.monotonic() + timeout
    while True:
        found: dict[str, Any] = client.get(f"/v1/simulations/{simulation_id}")
        if found["state"] in ("DONE", "REFUSED"):
            return found
        if time.monotonic() > deadline:
            raise CliError(
                f"not over yet: {found['done']} decisions done", Exit.PENDING, f"ask again for {simulation_id}"
            )
        output.say(f"{found['state'].lower()}: {found['done']} decisions done")
        time.sleep(POLL_S)


def _show(result: dict[str, Any], form: Format) -> None:
    if form is not Format.TABLE:
        output.one(result, form)
    elif result["state"] == "REFUSED":
        output.rows(
            result["findings"], ("module", "line", "column", "code", "message"), form, "refused without a finding"
        )
    else:
        report = result["report"]
        output.rows([{"what": words, "count": report[key]} for key, words in COUNTS], ("what", "count"), form, "")
        gaps = [{"not_covered": cause, "count": count} for cause, count in report["not_covered"].items()]
        if gaps:
            output.rows(gaps, ("not_covered", "count"), form, "")
        if report["rules"]:
            output.rows(report["rules"], ("change", "rule", "decisions"), form, "")
