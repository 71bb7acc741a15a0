"""The Slack driver on the wire, judged by the stand-in's ledger."""

from typing import Any

import pytest

from connectors import registry
from connectors.types import Done, Failed, Label, Landed, NotLanded, Unknown

POST: Any = registry.verbs("slack", "slack.message.post")
UPDATE: Any = registry.verbs("slack", "slack.message.update")
GET = registry.verbs("slack", "slack.message.get")
ARGS = {"channel": "C0ITSM", "text": "INC0010023 routed to <!channel> & Network"}


def posted(stand_ins) -> list[dict[str, Any]]:
    return stand_ins.ledger(vendor="slack", kind="message_posted")


def test_a_message_is_posted_once_with_marker_and_harmless_text(stand_ins, caller) -> None:
    outcome = POST.do(caller("slack").context(), ARGS, {})
    assert isinstance(outcome, Done)
    (message,) = posted(stand_ins)
    assert message["text"] == "INC0010023 routed to &lt;!channel&gt; &amp; Network"
    assert message["blocks"][0]["text"]["type"] == "plain_text"
    assert message["key"] == {"marker": caller("slack").context().marker}


AMBIGUOUS = [("drop_after", 1), ("drop_before", 0), ("500_after", 1), ("truncate", 1), ("html", 0), ("status", 0)]


@pytest.mark.parametrize(("kind", "landed"), AMBIGUOUS)
def test_an_ambiguous_answer_is_unknown_and_sent_only_once(stand_ins, caller, kind: str, landed: int) -> None:
    stand_ins.fault(kind, path="chat.postMessage")
    context = caller("slack").context()
    assert isinstance(POST.do(context, ARGS, {}), Unknown)
    assert len(posted(stand_ins)) == landed
    assert len(stand_ins.log("chat.postMessage")) == 1
    assert isinstance(POST.probe(context, ARGS, {}), Landed if landed else NotLanded)


def test_a_rate_limit_is_transient(stand_ins, caller) -> None:
    stand_ins.fault("429", path="chat.postMessage", args={"retry_after": 3})
    outcome = POST.do(caller("slack").context(), ARGS, {})
    assert isinstance(outcome, Failed)
    assert (outcome.permanent, outcome.code, outcome.retry_after_s) == (False, "rate_limited", 3.0)
    assert posted(stand_ins) == []


@pytest.mark.parametrize(
    ("channel", "token", "code"),
    [
        ("C0NOWHERE", None, "slack_channel_not_found"),
        ("C0PRIVATE", None, "slack_not_in_channel"),
        ("C0ARCHIVED", None, "slack_is_archived"),
        ("C0ITSM", {"bot_token": "xoxb-wrong-token"}, "auth_failed"),
    ],
)
def test_a_refusal_is_permanent(stand_ins, caller, channel: str, token: dict[str, str] | None, code: str) -> None:
    outcome = POST.do(caller("slack").context(secrets=token), {**ARGS, "channel": channel}, {})
    assert isinstance(outcome, Failed)
    assert (outcome.permanent, outcome.code) == (True, code)
    assert posted(stand_ins) == []


def test_without_a_token_nothing_is_tried(stand_ins, caller) -> None:
    outcome = POST.do(caller("slack").context(secrets={}), ARGS, {})
    assert isinstance(outcome, Failed)
    assert outcome.code == "connector_config_invalid"
    assert stand_ins.log("chat.postMessage") == []


def test_a_message_is_offset_by_a_correction(caller) -> None:
    context = caller("slack").context()
    done = POST.do(context, ARGS, {})
    assert POST.verify(context, ARGS, done.after).reads_as_written
    recipe = POST.undo(ARGS, None, done.after)
    ours = caller("slack").context(marker="[interlock:undo:1]")
    corrected = UPDATE.do(ours, recipe.args, recipe.expected)
    assert isinstance(corrected, Done)
    assert UPDATE.verify(ours, recipe.args, corrected.after).label is Label.OFFSET
    assert not POST.verify(context, ARGS, done.after).reads_as_written


def test_a_replacement_of_a_message_that_changed_since_is_a_conflict(stand_ins, caller) -> None:
    done = POST.do(caller("slack").context(), ARGS, {})
    args = {"channel": "C0ITSM", "ts": done.output["ts"], "text": "later"}
    before = GET.do(caller("slack").context(), UPDATE.observe_spec(args).args, {}).output
    expected = UPDATE.expect(args, before)
    UPDATE.do(caller("slack").context(marker="[interlock:other:1]"), {**args, "text": "in between"}, {})
    outcome = UPDATE.do(caller("slack").context(marker="[interlock:late:1]"), args, expected)
    assert isinstance(outcome, Failed)
    assert outcome.code == "conflict"
    assert len(stand_ins.ledger(vendor="slack", kind="message_updated")) == 1


def test_a_lost_reply_of_a_replacement_is_found_by_its_marker(stand_ins, caller) -> None:
    done = POST.do(caller("slack").context(), ARGS, {})
    args = {"channel": "C0ITSM", "ts": done.output["ts"], "text": "new"}
    context = caller("slack").context(marker="[interlock:new:1]")
    assert isinstance(UPDATE.probe(context, args, {}), NotLanded)
    stand_ins.fault("drop_after", path="chat.update")
    assert isinstance(UPDATE.do(context, args, {}), Unknown)
    assert isinstance(UPDATE.probe(context, args, {}), Landed)


def test_a_message_that_is_not_there_is_not_found(caller) -> None:
    outcome = GET.do(caller("slack").context(), {"channel": "C0ITSM", "ts": "1000000000.000000"}, {})
    assert isinstance(outcome, Failed)
    assert outcome.code == "slack_message_not_found"


def test_a_post_is_found_behind_many_newer_messages_and_in_its_thread(caller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("connectors.slack.looking.LOOK_BACK", 2)
    ours = caller("slack").context(marker="[interlock:ours:1]")
    first = POST.do(ours, ARGS, {})
    for number in range(5):
        POST.do(caller("slack").context(marker=f"[interlock:other:{number}]"), ARGS, {})
    assert isinstance(POST.probe(ours, ARGS, {}), Landed)
    absent = caller("slack").context(marker="[interlock:absent:1]")
    assert isinstance(POST.probe(absent, ARGS, {}), NotLanded)
    reply = {**ARGS, "thread_ts": first.output["ts"]}
    answering = caller("slack").context(marker="[interlock:reply:1]")
    assert isinstance(POST.probe(answering, reply, {}), NotLanded)
    POST.do(answering, reply, {})
    assert isinstance(POST.probe(answering, reply, {}), Landed)
