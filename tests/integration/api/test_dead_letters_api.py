"""Dead letters over the API and from the command line: groups, jobs on a frozen selection, dismissing."""

import json
from types import SimpleNamespace

from tests.integration.api.test_command_line import in_this_transaction, interlock, refused, shown  # noqa: F401
from tests.running import stopped_run


def test_a_cause_is_redriven_as_a_job(client, world: SimpleNamespace, token, post) -> None:
    stopped_run(world, state="ROLLED_BACK")
    dana, charlie = token(world.a.dana), token(world.charlie, world.b)
    [group] = client.get("/v1/dead-letters/groups", headers=dana).json()["results"]
    assert (group["connector"], group["tool"], group["code"], group["count"]) == (
        "slack",
        "t.announce",
        "channel_not_found",
        1,
    )
    assert client.get("/v1/dead-letters/groups", headers=charlie).json()["results"] == []
    plan = {"code": group["code"], "connector": "slack", "reason": "the channel is back", "per_minute": 30}
    assert post("/v1/redrive-jobs", plan, token(world.a.bob)).status_code == 403
    made = post("/v1/redrive-jobs", plan, {**dana, "Idempotency-Key": "k"})
    assert (made.status_code, made.json()["state"], made.json()["counts"]["PENDING"]) == (201, "READY", 1)
    assert post("/v1/redrive-jobs", plan, {**dana, "Idempotency-Key": "k"}).json() == made.json()
    job = f"/v1/redrive-jobs/{made.json()['id']}"
    assert client.get(job, headers=charlie).status_code == 404
    assert post(f"{job}/start", {}, charlie).status_code == 404
    assert post(f"{job}/start", {}, dana).json()["state"] == "RUNNING"
    assert post(f"{job}/start", {}, dana).status_code == 409
    [item] = client.get(f"{job}/items", headers=dana).json()["results"]
    assert (item["state"], item["new_run"]) == ("PENDING", None)


def test_the_command_line_does_all_of_it(interlock, world: SimpleNamespace) -> None:  # noqa: F811
    stopped_run(world, state="ROLLED_BACK")
    [letter] = shown(interlock("dana", "dead-letters", "list", "-o", "json"))["results"]
    dismiss = ("dead-letters", "dismiss", letter["id"], "--reason", "by phone", "-o", "json")
    assert shown(interlock("dana", *dismiss))["state"] == "DISMISSED"
    reopen = ("dead-letters", "reopen", letter["id"], "--reason", "again", "-o", "json")
    assert shown(interlock("dana", *reopen))["state"] == "OPEN"
    redrive = ("dead-letters", "redrive", "--code", "channel_not_found", "--reason", "fixed", "-o", "json")
    assert interlock("dana", *redrive, "--dry-run").exit_code == 0
    job = shown(interlock("dana", *redrive))
    for verb, state in (("start", "RUNNING"), ("pause", "PAUSED"), ("stop", "STOPPED")):
        assert shown(interlock("dana", "dead-letters", "jobs", verb, job["id"], "-o", "json"))["state"] == state
    items = shown(interlock("dana", "dead-letters", "jobs", "items", job["id"], "-o", "json"))["results"]
    assert [json.dumps(item["state"]) for item in items] == ['"PENDING"']
    assert refused(interlock("dana", *redrive[:2], "--code", "nothing", "--reason", "x"))
