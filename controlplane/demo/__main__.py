"""`make demo` and `make up`: from nothing to a verified bundle, with the figures in `build/demo.json`."""

from __future__ import annotations

import argparse
import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from controlplane.demo import judge, replays, report, review, tickets
from controlplane.demo.drive import DemoFailed, Driver
from controlplane.demo.installation import Installation, Logins, data_folder
from controlplane.demo.platform import Platform
from controlplane.demo.processes import ROOT, ProcessFailed
from controlplane.demo.review import SecondAct
from controlplane.demo.scenarios import FEWEST, plan
from controlplane.lib import clock

USUAL_COUNT = 28
BUILD = ROOT / "build"
PER_TICKET_S = 8.0
AT_LEAST_S = 300.0


def main() -> int:
    options = _options()
    console = Console(highlight=False)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    site = Installation(data_folder(), port=options.port, vendors_port=options.vendors_port)
    try:
        return _demo(site, options, console)
    except (ProcessFailed, DemoFailed) as failed:
        console.print("[bold red]The demo stopped:[/]")
        console.print(str(failed), markup=False, soft_wrap=True)
        return 1
    except KeyboardInterrupt:
        console.print("Stopping.")
        return 0 if options.stay else 130
    finally:
        site.stop()


def _demo(site: Installation, options: argparse.Namespace, console: Console) -> int:
    began = clock.monotonic()
    with console.status("Setting up: database, stand-in vendors, web, workers, sequencer …"):
        site.erase()
        logins, platform = site.start()
    setup_s = round(clock.monotonic() - began, 1)
    console.print(f"Set up in {setup_s} s. Console: {site.base_url}  Stand-in Slack: {site.vendors.url}/slack/")
    result, kept = _run(site, logins, platform, options, console, setup_s)
    BUILD.joinpath("demo.json").write_text(json.dumps(result, indent=2) + "\n")
    console.print("The figures are in build/demo.json.")
    if options.stay:
        _stay(site, logins, console)
    return 0 if kept else 1


def _run(
    site: Installation,
    logins: Logins,
    platform: Platform,
    options: argparse.Namespace,
    console: Console,
    setup_s: float,
) -> tuple[dict[str, Any], bool]:
    BUILD.mkdir(exist_ok=True)
    trust, bundle = BUILD / "trust.json", BUILD / "run.evb"
    platform.trust(trust)
    chosen = _tickets(site, options, console)
    site.connect_vendors(logins)
    began = clock.monotonic()
    driver = _drive(site, logins, platform, chosen, console)
    figures = _figures(site, driver, bundle)
    verdict = _verify(bundle, trust)
    result = {**figures, "bundle": _shown(bundle), "trust": _shown(trust), "verdict": verdict}
    result |= {"setup_s": setup_s, "run_s": round(clock.monotonic() - began, 1)}
    second = SecondAct(site.vendors, platform, logins.environment, console.print, driver.people["bob"].approve)
    result["access_review"] = second.play()
    result["replay"] = replays.replayed(platform, platform.runs(), site.data / "bundles")
    broken = judge.broken_promises(result) + driver.seen.problems + report.surprises(driver.seen.cases)
    broken += review.broken_promises(result["access_review"]) + replays.broken_promises(result["replay"])
    report.show_tickets(console, driver.seen.cases)
    report.show_figures(console, result, broken)
    return result, not broken


def _tickets(site: Installation, options: argparse.Namespace, console: Console) -> list[tickets.Ticket]:
    if not options.tickets:
        return tickets.own(options.count)
    chosen = tickets.of_file(options.tickets, options.count, site.vendors)
    if len(chosen) < FEWEST:
        raise DemoFailed(f"{options.tickets} gives {len(chosen)} tickets; the demo needs at least {FEWEST}")
    console.print(f"{len(chosen)} tickets from {options.tickets}")
    return chosen


def _drive(
    site: Installation, logins: Logins, platform: Platform, chosen: list[tickets.Ticket], console: Console
) -> Driver:
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed}/{task.total}"),
    )
    with Progress(*columns, TimeElapsedColumn(), console=console) as progress:
        task = progress.add_task("Incidents that are over", total=len(chosen))
        driver = Driver(
            vendors=site.vendors,
            platform=platform,
            people=site.sign_in(logins),
            environment=logins.environment,
            forbidden_workflow=logins.forbidden_workflow,
            say=progress.console.print,
        )
        limit_s = max(AT_LEAST_S, PER_TICKET_S * len(chosen))
        driver.run(chosen, plan(len(chosen)), limit_s=limit_s, tick=lambda n: progress.update(task, completed=n))
    return driver


def _figures(site: Installation, driver: Driver, bundle: Path) -> dict[str, Any]:
    """Read the truth from the stand-ins, the cost from the platform; export the bundle of one written ticket."""
    runs = driver.platform.runs()
    ledger = site.vendors.ledger()
    for case in driver.seen.cases:
        driver.complete(case, runs)
    written = next(case for case in driver.seen.cases if case.expected == judge.WRITTEN)
    driver.platform.export(driver.run_of(written, runs)["id"], bundle)
    return report.figures(driver.seen, ledger, runs, site.vendors.faults_struck("drop_after"))


def _verify(bundle: Path, trust: Path) -> str:
    """The standalone verifier's word: the first word of its last line."""
    command = [sys.executable, "-m", "evidence.verify", str(bundle), "--trust", str(trust)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)  # noqa: S603
    return (
        "VERIFIED" if done.returncode == 0 else f"code {done.returncode}: {(done.stdout + done.stderr).strip()[:300]}"
    )


def _shown(path: Path) -> str:
    return str(path.relative_to(ROOT))


def _stay(site: Installation, logins: Logins, console: Console) -> None:
    console.print(f"\n[bold]Interlock is up:[/] {site.base_url}/o/{logins.tenant}/  (Ctrl-C stops it)")
    for name, password in logins.passwords.items():
        console.print(f"  {name:8} {password}")
    console.print(f"  stand-in Slack: {site.vendors.url}/slack/")
    while True:
        site.supervisor.check()
        time.sleep(0.5)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m controlplane.demo", description=__doc__)
    parser.add_argument("--tickets", type=Path, help="CSV file with a text column and perhaps a label column")
    parser.add_argument("--count", type=int, default=USUAL_COUNT, help="how many incidents")
    parser.add_argument("--stay", action="store_true", help="stay up afterwards, until Ctrl-C")
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--vendors-port", type=int, default=8090)
    options = parser.parse_args()
    if options.count < FEWEST:
        parser.error(f"--count is at least {FEWEST}: every scenario needs a ticket")
    if options.tickets and not options.tickets.is_file():
        parser.error(f"{options.tickets} is not a file")
    return options


if __name__ == "__main__":
    sys.exit(main())
