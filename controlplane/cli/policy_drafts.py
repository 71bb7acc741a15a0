"""Changes of policy from the command line: a folder becomes a draft, a draft becomes the policy once others agree."""

from pathlib import Path
from typing import Annotated, Any, TypeAlias

import typer

from controlplane.cli import output, policy_folder
from controlplane.cli.client import Client, connect
from controlplane.cli.exits import CliError, Exit
from controlplane.cli.options import Key, Limit, Output, Reason
from controlplane.cli.output import Format
from controlplane.cli.policies import environment_id, see_out
from controlplane.cli.policy_folder import Folder

app = typer.Typer()

Target: TypeAlias = Annotated[str, typer.Argument(help="the folder of a pack, or the id of a draft", metavar="TARGET")]
Id: TypeAlias = Annotated[str, typer.Argument(help="the id of a draft", metavar="DRAFT")]
Place: TypeAlias = Annotated[str, typer.Option(help="dev, staging or prod; its id where it has no policy yet")]
Digest: TypeAlias = Annotated[str, typer.Option("--digest", help="of the proposal that `show` printed")]

OPEN = ("DRAFT", "CHECKED", "REFUSED", "REJECTED", "PROPOSED", "APPROVED")
COLUMNS = ("id", "environment", "kind", "pack", "version", "state", "proposed_reason")


@app.command()
def draft(
    folder: Annotated[Path | None, typer.Argument(help="the folder of the pack")] = None,
    environment: Place = "prod",
    rebase: Annotated[bool, typer.Option("--rebase", help="you have looked at what is active now")] = False,
    remove: Annotated[str | None, typer.Option(help="take this active pack out instead")] = None,
    key: Key = None,
    form: Output = Format.TABLE,
) -> None:
    """Begin a draft from a folder, or save the folder into the draft of that pack which is open already."""
    client = connect()
    if (folder is None) == (remove is None):
        raise CliError("name a folder, or a pack to remove", Exit.USAGE)
    path = f"/v1/policies/{environment_id(client, environment)}/drafts"
    if remove is not None:
        _told(client.post(path, {"pack": remove, "removes": True}, key), form)
        return
    read = policy_folder.read(folder or Path())
    known = _open(client, path, read.pack)
    if known is None:
        _told(client.post(path, {"pack": read.pack, **read.body}, key), form)
    else:
        edited = {**read.body, "revision": known["revision"], "rebase": rebase}
        _told(client.post(f"/v1/policy-drafts/{known['id']}", edited, key), form)


@app.command()
def check(target: Target, environment: Place = "prod", key: Key = None, form: Output = Format.TABLE) -> None:
    """Say what there is to change, with file, line and column. Exit code 1 when there is something.

    A folder is checked on top of what is active and nothing is kept; a draft keeps its report.
    """
    folder, report = _checked(target, environment, key)
    if form is Format.TABLE:
        _findings(report, folder)
        if report["clean"]:
            output.say(f"nothing to change; bundle {report['bundle']['revision']}, {_contract(report)}")
    else:
        output.one(report, form)
    if not report["clean"]:
        raise typer.Exit(Exit.FAILED)


@app.command("test")
def run_tests(target: Target, environment: Place = "prod", key: Key = None, form: Output = Format.TABLE) -> None:
    """Run tests and golden cases and say which lines they evaluated. Exit code 9 when one fails or too little is."""
    folder, report = _checked(target, environment, key)
    ran = [*report["tests"], *report["golden"]]
    if form is Format.TABLE:
        rows = [{"result": "pass" if one["passed"] else "FAIL", **one} for one in ran]
        output.rows(rows, ("result", "name", "detail"), form, "nothing was run")
        _coverage(report["coverage"])
        _findings(report, folder)
    else:
        output.one({name: report[name] for name in ("clean", "tests", "golden", "coverage", "findings")}, form)
    if not report["clean"]:
        raise typer.Exit(Exit.VERIFICATION_FAILED if ran else Exit.FAILED)


@app.command()
def drafts(
    state: Annotated[str | None, typer.Option(help="only drafts in this state, e.g. PROPOSED")] = None,
    limit: Limit = 50,
    form: Output = Format.TABLE,
) -> None:
    """Changes of policy, newest first."""
    output.rows(connect().pages("/v1/policy-drafts", limit, state=state), COLUMNS, form, "no drafts")


@app.command()
def show(draft_id: Id, form: Output = Format.TABLE) -> None:
    """One draft: what it is, what its check and simulation found, who must still approve it, and its digest."""
    _told(connect().get(f"/v1/policy-drafts/{draft_id}"), form)


@app.command()
def diff(draft_id: Id, form: Output = Format.TABLE) -> None:
    """What a draft changes in the pack that is active now."""
    found = connect().get(f"/v1/policy-drafts/{draft_id}/diff")
    if form is not Format.TABLE:
        output.one(found, form)
        return
    signs = {"same": " ", "removed": "-", "added": "+"}
    for part in ("source", "tests", "data"):
        for line in found[part]:
            numbers = f"{part:<7}{line['before'] or '':>5}{line['after'] or '':>5}"
            typer.echo(f"{numbers} {signs[line['change']]} {output.text(line['text'])}")
    if not any(found.values()):
        output.say("both say the same")


@app.command()
def weigh(
    draft_id: Id,
    since: Annotated[str | None, typer.Option(help="RFC 3339; seven days ago when left out")] = None,
    most: Annotated[int, typer.Option(help="at most so many decisions, the newest")] = 10_000,
    timeout: Annotated[int, typer.Option(help="seconds to wait for the result")] = 300,
    key: Key = None,
    form: Output = Format.TABLE,
) -> None:
    """Simulate a checked draft on recorded decisions, for those who will vote on it.

    Exits with 9 when it is refused, or when it loosens a decision of risk high or above.
    """
    client = connect()
    body = {"most": most, **({"since": since} if since else {})}
    asked = client.post(f"/v1/policy-drafts/{draft_id}/simulations", body, key)
    see_out(client, asked["simulation"]["id"], timeout, form)


@app.command()
def propose(draft_id: Id, reason: Reason, key: Key = None, form: Output = Format.TABLE) -> None:
    """Ask others to approve a checked draft."""
    _told(connect().post(f"/v1/policy-drafts/{draft_id}/propose", {"reason": reason}, key), form)


@app.command()
def approve(
    draft_id: Id,
    digest: Digest,
    reason: Annotated[str, typer.Option("--reason", help="kept in the evidence")] = "",
    key: Key = None,
    form: Output = Format.TABLE,
) -> None:
    """Say yes to exactly the proposal of this digest."""
    _vote(draft_id, {"approve": True, "digest": digest, "reason": reason}, key, form)


@app.command()
def reject(draft_id: Id, digest: Digest, reason: Reason, key: Key = None, form: Output = Format.TABLE) -> None:
    """Say no to the proposal of this digest, and why."""
    _vote(draft_id, {"approve": False, "digest": digest, "reason": reason}, key, form)


@app.command()
def activate(draft_id: Id, key: Key = None, form: Output = Format.TABLE) -> None:
    """Make an approved draft the policy of its environment."""
    output.one(connect().post(f"/v1/policy-drafts/{draft_id}/activate", {}, key), form)


@app.command()
def withdraw(draft_id: Id, key: Key = None, form: Output = Format.TABLE) -> None:
    """Close a draft for good."""
    _told(connect().post(f"/v1/policy-drafts/{draft_id}/withdraw", {}, key), form)


@app.command()
def rollback(
    reason: Reason,
    environment: Place = "prod",
    activation: Annotated[str | None, typer.Option(help="id of an earlier one; else the one before")] = None,
    ask: Annotated[bool, typer.Option("--propose", help="ask others for it, where you may not alone")] = False,
    key: Key = None,
    form: Output = Format.TABLE,
) -> None:
    """Bring an earlier policy back at once, if recorded decisions show that this loosens nothing.

    Exits with 6, and says why, when it needs a second person: then `--propose`.
    """
    client = connect()
    body = {"reason": reason, **({"activation": activation} if activation else {})}
    base = f"/v1/policies/{environment_id(client, environment)}"
    if ask:
        _told(client.post(f"{base}/rollback-drafts", body, key), form)
    else:
        output.one(client.post(f"{base}/rollback", body, key), form)


@app.command()
def watch(
    activation: Annotated[str, typer.Argument(help="the id of an activation")], form: Output = Format.TABLE
) -> None:
    """What was decided since an activation, and as long before it."""
    found = connect().get(f"/v1/policy-activations/{activation}")
    if form is not Format.TABLE:
        output.one(found, form)
        return
    rows = [{"when": name, **found[name]} for name in ("before", "after")]
    output.rows(rows, ("when", "since", "until", "decisions", "effects", "errors"), form, "")


def _checked(target: str, environment: str, key: str | None) -> tuple[Folder | None, dict[str, Any]]:
    client = connect()
    if not Path(target).exists():
        found = client.post(f"/v1/policy-drafts/{target}/check", {}, key)
        return None, found["report"]
    folder = policy_folder.read(Path(target))
    path = f"/v1/policies/{environment_id(client, environment)}/check"
    report: dict[str, Any] = client.post(path, {"pack": folder.pack, **folder.body}, key)
    return folder, report


def _open(client: Client, path: str, pack: str) -> dict[str, Any] | None:
    """The newest draft of that pack which can still be edited."""
    rows = client.pages(path, 100)
    known = (row for row in rows if (row["pack"], row["kind"]) == (pack, "change") and row["state"] in OPEN)
    return next(known, None)


def _vote(draft_id: str, body: dict[str, Any], key: str | None, form: Format) -> None:
    _told(connect().post(f"/v1/policy-drafts/{draft_id}/votes", body, key), form)


def _told(found: dict[str, Any], form: Format) -> None:
    if form is not Format.TABLE:
        output.one(found, form)
        return
    report, needed = found["report"], found["needed"]
    told = {name: found[name] for name in ("id", *COLUMNS[1:], "revision", "base_seq", "digest")}
    told["findings"] = len(report["findings"]) if report else "not checked"
    told["approvals"] = f"{len(needed['approvals'])} of {needed['quorum']}"
    told["because"] = "; ".join(rule["why"] for rule in needed["rules"])
    output.one(told, form)


def _findings(report: dict[str, Any], folder: Folder | None) -> None:
    for found in report["findings"]:
        place = folder.place(found) if folder else f"{found['module']}:{found['line']}:{found['column']}"
        typer.echo(output.text(f"{place}: {found['code']}: {found['message']}"))
        typer.echo(output.text(f"    {found['hint']}"))


def _coverage(coverage: dict[str, Any]) -> None:
    if coverage:
        lines = f"{coverage['covered']} of {coverage['lines']} lines"
        output.say(f"coverage {coverage['percent']} % ({lines}), at least {coverage['minimum']} % is asked for")


def _contract(report: dict[str, Any]) -> str:
    contract = report["contract"]
    return f"a {contract['bump']} change" if contract.get("before") else "a new pack"
