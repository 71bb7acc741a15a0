"""`/__ctl`: the hands that tests, the demo and a curious person lay on the stand-ins."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from connectors.sandbox import accounts
from connectors.sandbox.llm.files import read_csv
from connectors.sandbox.servicenow import schema
from connectors.sandbox.slack.people import NothingToClick
from connectors.sandbox.wire import BadBodyError, Request, Response, page, reply
from connectors.sandbox.world import World


def serve(world: World, request: Request) -> Response:
    name = request.path.removeprefix("/__ctl/")
    act = ACTIONS.get((request.method, name))
    if act is None:
        return reply(404, {"error": f"no {request.method} {request.path}"})
    try:
        return act(world, request)
    except (BadBodyError, KeyError, ValueError, LookupError) as wrong:
        return reply(400, {"error": f"{type(wrong).__name__}: {wrong}"})


def _health(world: World, request: Request) -> Response:
    return reply(200, {"ok": True, "now": world.clock.now()})


def _add_fault(world: World, request: Request) -> Response:
    return reply(201, world.faults.add(request.json()).described())


def _faults(world: World, request: Request) -> Response:
    return reply(200, {"faults": world.faults.listed()})


def _clear_faults(world: World, request: Request) -> Response:
    world.faults.clear()
    return reply(200, {"faults": []})


def _land(world: World, request: Request) -> Response:
    """What the fault `late` has held back happens now, at the vendor only."""
    return reply(200, {"landed": world.faults.land()})


def _clock(world: World, request: Request) -> Response:
    world.clock.advance(float(request.json().get("advance_s", 0)))
    return reply(200, {"now": world.clock.now(), "offset_s": world.clock.offset_s})


def _state(world: World, request: Request) -> Response:
    """`?sys_id=` gives one incident (or with `&table=` another record) with its notes, otherwise everything."""
    with world.lock:
        if sys_id := request.query("sys_id"):
            record = world.tables.rows[request.query("table", "incident")][sys_id]
            return reply(200, {"record": record, "work_notes": world.tables.journal(sys_id, "work_notes")})
        slack = {"channels": world.workspace.channels, "ephemerals": world.workspace.ephemerals}
        slack |= {"views": world.workspace.views, "usergroups": world.workspace.usergroups}
        deliveries = world.webhook.deliveries
        return reply(200, {"servicenow": world.tables.rows, "deliveries": deliveries, "slack": slack})


def _log(world: World, request: Request) -> Response:
    rows = world.log.select(
        since=int(request.query("since", "0")), path=request.query("path"), method=request.query("method")
    )
    return reply(200, {"log": rows})


def _ledger(world: World, request: Request) -> Response:
    names = ("vendor", "kind", "target", "origin", "number")
    equal = {name: request.query(name) for name in names if request.query(name)}
    rows = world.ledger.select(since=int(request.query("since", "0")), **equal)
    return reply(200, {"ledger": rows})


def _reset(world: World, request: Request) -> Response:
    with world.lock:
        world.reset()
    return reply(200, {"ok": True})


def _seed(world: World, request: Request) -> Response:
    """`{"incidents": [{"short_description", ...}], "caller", "tell"}`: people report incidents.

    `tell` false: the business rule does not send its webhook.
    """
    spec = request.json()
    caller = spec.get("caller", "abel.tuter")
    common = {"caller_id": schema.stable_id("sys_user", caller)}
    with world.lock:
        reports = [common | one for one in spec["incidents"]]
        made = [world.tables.create("incident", one, actor=caller, origin="person") for one in reports]
    for record in made:
        world.webhook.incident_created(record, tell=spec.get("tell", True))
    return reply(201, {"incidents": [{"sys_id": one["sys_id"], "number": one["number"]} for one in made]})


def _add(world: World, request: Request) -> Response:
    """`{"table", "values", "by"}`: somebody makes a record by hand, such as a task or a membership."""
    spec = request.json()
    with world.lock:
        actor = spec.get("by", "beth.anglin")
        made = world.tables.create(spec["table"], spec["values"], actor=actor, origin="person")
    return reply(201, {"record": made})


def _remove(world: World, request: Request) -> Response:
    """`{"table", "sys_id", "by"}`: somebody deletes a record by hand."""
    spec = request.json()
    with world.lock:
        record = world.tables.rows[spec["table"]][spec["sys_id"]]
        world.tables.delete(spec["table"], record, actor=spec.get("by", "beth.anglin"), origin="person")
    return reply(200, {"ok": True})


def _edit(world: World, request: Request) -> Response:
    """`{"sys_id", "changes", "by", "quiet", "table"}`.

    Somebody edits a record at the vendor, an incident unless the table is named; quiet moves no counter.
    """
    spec = request.json()
    table = spec.get("table", "incident")
    record = world.tables.rows[table][spec["sys_id"]]
    with world.lock:
        if spec.get("quiet"):
            world.tables.edit_quietly(record, spec["changes"])
        else:
            editor = spec.get("by", "beth.anglin")
            world.tables.update(table, record, spec["changes"], actor=editor, origin="person")
        return reply(200, {"record": record})


def _train(world: World, request: Request) -> Response:
    """`{"rows": [{"text", "label"}]}`, or a CSV file with a text and a label column as the body."""
    if request.headers.get("content-type", "").startswith("text/csv"):
        rows = read_csv(request.body.decode()).pairs()
    else:
        rows = [(str(row["text"]), str(row["label"])) for row in request.json()["rows"]]
    return reply(200, world.train(rows))


def _configure_webhook(world: World, request: Request) -> Response:
    world.webhook.configure(request.json())
    return reply(200, {"url": world.webhook.url, "retries": world.webhook.retries})


def _redeliver(world: World, request: Request) -> Response:
    """`{"sys_id", "secret"?}`: the same event again; another secret makes it a forgery."""
    spec = request.json()
    return reply(200, world.webhook.send(spec["sys_id"], secret=spec.get("secret", "")))


def _configure_slack(world: World, request: Request) -> Response:
    """`{"interactivity_url"?, "signing_secret"?, "revoke"?, "unlimited"?, "socket_mode"?}`."""
    spec = request.json()
    world.workspace.interactivity_url = spec.get("interactivity_url", world.workspace.interactivity_url)
    world.workspace.signing_secret = spec.get("signing_secret", world.workspace.signing_secret)
    world.workspace.revoked |= set(spec.get("revoke", []))
    world.workspace.unlimited = spec.get("unlimited", world.workspace.unlimited) is True
    world.workspace.socket_mode = spec.get("socket_mode", world.workspace.socket_mode) is True
    return reply(200, {"interactivity_url": world.workspace.interactivity_url})


def _lines(world: World, request: Request) -> Response:
    return reply(200, {"open": len(world.lines.open), "acknowledged": world.lines.received})


def _refresh_lines(world: World, request: Request) -> Response:
    """`{"cut"?}`: the app is asked to open new lines; with `cut` the network breaks instead."""
    told = world.lines.cut() if request.json().get("cut") else world.lines.refresh()
    return reply(200, {"lines": told})


def _usergroup(world: World, request: Request) -> Response:
    """`{"usergroup", "users", "by"?}`: a person changes who is in a user group."""
    spec = request.json()
    with world.lock:
        world.slack.usergroups.change(spec["usergroup"], spec["users"], actor=spec.get("by", "U0BOB"), origin="person")
    return reply(200, {"usergroup": world.workspace.usergroups[spec["usergroup"]]})


def _click(world: World, request: Request) -> Response:
    form = request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded")
    try:
        done = world.people.click(request.fields() if form else request.json(), request.origin)
    except NothingToClick as missing:
        return reply(404, {"error": str(missing)})
    return _clicked(done["delivery"]) if form else reply(200, done)


def _clicked(delivery: dict[str, Any]) -> Response:
    title = "<!doctype html><html lang=en><meta charset=utf-8><title>Sent</title>"
    return page(f"{title}<p>The platform answered {delivery['status']}.<p><a href=/slack/>Back</a></html>")


def _submit(world: World, request: Request) -> Response:
    return reply(200, world.people.submit(request.json()))


def _people(world: World, request: Request) -> Response:
    people = [asdict(person) for person in accounts.SLACK_PEOPLE.values()]
    return reply(200, {"slack": people, "channels": accounts.SLACK_CHANNELS})


def _model(world: World, request: Request) -> Response:
    labels = world.model.classifier.labels
    return reply(200, {"labels": labels, "groups": world.model.groups, "score": world.model.score})


ACTIONS: dict[tuple[str, str], Callable[[World, Request], Response]] = {
    ("GET", "health"): _health,
    ("GET", "faults"): _faults,
    ("POST", "faults"): _add_fault,
    ("DELETE", "faults"): _clear_faults,
    ("POST", "clock"): _clock,
    ("POST", "land"): _land,
    ("GET", "state"): _state,
    ("GET", "log"): _log,
    ("GET", "ledger"): _ledger,
    ("GET", "people"): _people,
    ("GET", "model"): _model,
    ("POST", "reset"): _reset,
    ("POST", "seed"): _seed,
    ("POST", "edit"): _edit,
    ("POST", "add"): _add,
    ("POST", "remove"): _remove,
    ("POST", "train"): _train,
    ("POST", "webhook"): _configure_webhook,
    ("POST", "redeliver"): _redeliver,
    ("POST", "slack/config"): _configure_slack,
    ("GET", "slack/lines"): _lines,
    ("POST", "slack/lines"): _refresh_lines,
    ("POST", "slack/usergroup"): _usergroup,
    ("POST", "slack/click"): _click,
    ("POST", "slack/submit"): _submit,
}
