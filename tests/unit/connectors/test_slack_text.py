"""Text from tickets and models in Slack: nobody is called, nothing is linked."""

import pytest

from connectors.errors import ReplyLost
from connectors.slack import wire
from connectors.slack.text import escaped, plain, unescaped
from connectors.types import Failed

HOSTILE = ["<!channel>", "<@U0ALICE>", "<https://evil.test|Approve>", "a & b < c > d", "<!subteam^S1>", "&lt;!here&gt;"]


@pytest.mark.parametrize("text", HOSTILE)
def test_no_control_sequence_survives_and_the_text_comes_back(text: str) -> None:
    safe = escaped(text)
    assert "<" not in safe
    assert ">" not in safe
    assert unescaped(safe) == text


@pytest.mark.parametrize("text", HOSTILE)
def test_plain_text_is_shown_letter_by_letter(text: str) -> None:
    assert plain(text) == {"type": "plain_text", "text": text, "emoji": False}


def test_empty_and_long_texts_fit_the_block() -> None:
    assert plain("")["text"] == "–"
    assert len(str(plain("x" * 5000)["text"])) == 3000


def test_control_and_direction_characters_are_dropped() -> None:
    assert escaped("a\u202eb\x00c") == "abc"


REFUSED = [
    ("channel_not_found", "slack_channel_not_found"),
    ("invalid_auth", "auth_failed"),
    ("token_revoked", "auth_failed"),
    ("a_code_of_tomorrow", "slack_a_code_of_tomorrow"),
]


@pytest.mark.parametrize(("error", "code"), REFUSED)
def test_an_error_answer_is_a_permanent_refusal(error: str, code: str) -> None:
    answer = wire.accepted(200, {"ok": False, "error": error}, None)
    assert isinstance(answer, Failed)
    assert (answer.permanent, answer.code) == (True, code)


@pytest.mark.parametrize(("status", "error"), [(429, "x"), (200, "ratelimited")])
def test_a_rate_limit_is_transient(status: int, error: str) -> None:
    answer = wire.accepted(status, {"ok": False, "error": error}, 7.0)
    assert answer == Failed(permanent=False, code="rate_limited", detail="Slack asks to wait", retry_after_s=7.0)


@pytest.mark.parametrize("error", ["fatal_error", "internal_error", "request_timeout", "service_unavailable"])
def test_an_error_that_may_have_acted_proves_nothing(error: str) -> None:
    with pytest.raises(ReplyLost):
        wire.accepted(200, {"ok": False, "error": error}, None)


@pytest.mark.parametrize(
    ("status", "body"), [(500, {"ok": True}), (200, None), (200, {}), (302, None), (200, {"ok": "yes"})]
)
def test_an_answer_that_is_not_slacks_proves_nothing(status: int, body: dict[str, object] | None) -> None:
    with pytest.raises(ReplyLost):
        wire.accepted(status, body, None)


def test_the_marker_travels_in_the_metadata() -> None:
    message = {"metadata": wire.metadata("[interlock:1:2]")}
    assert wire.marker_of(message) == "[interlock:1:2]"
    assert wire.marker_of({"metadata": {"event_type": "other", "event_payload": {"marker": "x"}}}) == ""
    assert wire.marker_of({}) == ""
