"""The command line: commands, one translator of errors, exit codes."""

import sys
from importlib.metadata import PackageNotFoundError, version

import typer

from controlplane.cli import (
    approvals,
    deadletters,
    erasures,
    evidence,
    kill,
    machines,
    notifications,
    output,
    people,
    policies,
    policy_drafts,
    reconcile,
    replay,
    rooms,
    runs,
    sso,
    workflows,
)
from controlplane.cli.exits import CliError, Exit

app = typer.Typer(
    name="interlock",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Interlock from the command line. Data goes to stdout, talk to stderr; exit codes say what happened.",
    epilog="0 ok · 1 failed · 2 usage · 3 not found · 4 sign in · 5 denied · 6 conflict · 7 timeout · 8 pending"
    " · 9 verification failed · 10 not verified · 130 interrupted",
)
app.add_typer(runs.app, name="runs")
app.add_typer(approvals.app, name="approvals")
app.add_typer(reconcile.app, name="reconcile")
app.add_typer(deadletters.app, name="dead-letters")
app.add_typer(kill.app, name="kill")
app.add_typer(erasures.app, name="privacy")
app.add_typer(evidence.app, name="evidence")
app.add_typer(workflows.app, name="workflow")
app.add_typer(workflows.app, name="workflows", hidden=True)
app.add_typer(rooms.connectors, name="connectors")
policies.app.add_typer(policy_drafts.app)
policies.app.command("decide-again")(replay.decisions)
app.add_typer(policies.app, name="policy")
app.add_typer(policies.app, name="policies", hidden=True)
app.add_typer(people.app, name="people")
app.add_typer(machines.services, name="services")
app.add_typer(machines.glass, name="break-glass")
app.add_typer(sso.app, name="sso")
app.add_typer(people.tokens, name="tokens")
app.add_typer(notifications.app, name="notifications")
app.add_typer(notifications.rota, name="rota")
app.command()(rooms.costs)
app.command()(replay.replay)
app.command()(people.login)
app.command()(people.logout)
app.command()(people.me)


@app.command("version")
def show_version() -> None:
    """The version of this program."""
    try:
        sys.stdout.write(version("interlock") + "\n")
    except PackageNotFoundError:
        sys.stdout.write("unpackaged\n")


def run() -> None:
    """Entry point of `interlock`."""
    try:
        app()
    except CliError as error:
        output.say(f"interlock: {error.message}" + (f"\n  {error.hint}" if error.hint else ""))
        sys.exit(error.code)
    except KeyboardInterrupt:
        output.say("interrupted; what the server has begun goes on")
        sys.exit(Exit.INTERRUPTED)


if __name__ == "__main__":
    run()
