"""The providers' protocols in front of interlock-sandbox-1, and the model behind them."""

import json

import jsonschema
import pytest

from connectors.sandbox import accounts
from connectors.sandbox.llm import tokens
from connectors.sandbox.llm.classifier import in_training_half

TICKET = "VPN drops for everyone in the office. Nobody can connect since 8:00, please fix it urgently."
SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "required": ["summary", "category", "assignment_group", "impact", "urgency", "confidence", "rationale"],
    "properties": {
        "summary": {"type": "string", "maxLength": 300},
        "category": {"enum": ["inquiry", "software", "hardware", "network", "database"]},
        "assignment_group": {"type": "string"},
        "impact": {"enum": ["1", "2", "3"]},
        "urgency": {"enum": ["1", "2", "3"]},
        "confidence": {"type": "integer", "minimum": 0, "maximum": 100},
        "rationale": {"type": "string"},
    },
}
USER = [{"role": "user", "content": f"<ticket>{TICKET}</ticket>"}]
ANTHROPIC = {"x-api-key": accounts.ANTHROPIC_KEY, "anthropic-version": "2023-06-01"}
OPENAI = {"authorization": f"Bearer {accounts.OPENAI_KEY}"}
CHAT = {
    "model": "interlock-sandbox-1",
    "messages": USER,
    "response_format": {"type": "json_schema", "json_schema": {"name": "t", "strict": True, "schema": SCHEMA}},
}
MESSAGES = {"model": "interlock-sandbox-1", "max_tokens": 800, "messages": USER}


def judged(value: dict) -> None:
    jsonschema.validate(value, SCHEMA)
    assert (value["category"], value["assignment_group"]) == ("network", "Network")
    assert (value["impact"], value["urgency"]) == ("1", "1")
    assert value["summary"].startswith("VPN drops for everyone in the office.")


def test_anthropic_honours_output_config(stand_ins):
    body = MESSAGES | {"output_config": {"format": {"type": "json_schema", "schema": SCHEMA}}}
    status, headers, answer = stand_ins.send("POST", "/anthropic/v1/messages", body, ANTHROPIC)
    assert (status, answer["model"], answer["stop_reason"]) == (200, "interlock-sandbox-1", "end_turn")
    assert headers["request-id"].startswith("req_")
    judged(json.loads(answer["content"][0]["text"]))


def test_anthropic_honours_a_forced_tool(stand_ins):
    tool = {"name": "triage", "input_schema": SCHEMA}
    body = MESSAGES | {"tools": [tool], "tool_choice": {"type": "tool", "name": "triage"}}
    answer = stand_ins.send("POST", "/anthropic/v1/messages", body, ANTHROPIC)[2]
    assert (answer["stop_reason"], answer["content"][0]["type"]) == ("tool_use", "tool_use")
    judged(answer["content"][0]["input"])


def test_openai_chat_and_responses_honour_the_schema(stand_ins):
    chat = stand_ins.send("POST", "/openai/v1/chat/completions", CHAT, OPENAI)[2]
    judged(json.loads(chat["choices"][0]["message"]["content"]))
    text = {"format": {"type": "json_schema", "name": "t", "strict": True, "schema": SCHEMA}}
    body = {"model": "interlock-sandbox-1", "input": USER, "text": text}
    made = stand_ins.send("POST", "/openai/v1/responses", body, OPENAI)[2]
    judged(json.loads(made["output"][0]["content"][0]["text"]))
    assert made["status"] == "completed"


def test_azure_answers_at_both_of_its_addresses(stand_ins):
    key = {"api-key": accounts.AZURE_KEY}
    classic = "/azure/openai/deployments/triage/chat/completions?api-version=2024-10-21"
    body = {name: value for name, value in CHAT.items() if name != "model"}
    judged(json.loads(stand_ins.send("POST", classic, body, key)[2]["choices"][0]["message"]["content"]))
    made = stand_ins.send("POST", "/azure/openai/v1/chat/completions", CHAT | {"model": "triage"}, key)[2]
    assert made["model"] == "interlock-sandbox-1"
    gone = stand_ins.send("POST", classic.replace("triage", "none"), body, key)
    assert (gone[0], gone[2]["error"]["code"]) == (404, "DeploymentNotFound")


@pytest.mark.parametrize(
    ("path", "body", "headers", "status", "says"),
    [
        ("/anthropic/v1/messages", MESSAGES, ANTHROPIC | {"x-api-key": "no"}, 401, "authentication_error"),
        ("/anthropic/v1/messages", MESSAGES, {"x-api-key": accounts.ANTHROPIC_KEY}, 400, "anthropic-version"),
        ("/anthropic/v1/messages", MESSAGES | {"model": "claude-x"}, ANTHROPIC, 404, "not_found_error"),
        (
            "/anthropic/v1/messages",
            MESSAGES | {"temperature": 1},
            ANTHROPIC | {"anthropic-version": "2026-10-21"},
            400,
            "Extra inputs are not permitted",
        ),
        ("/openai/v1/chat/completions", CHAT, {}, 401, "invalid_api_key"),
        ("/openai/v1/chat/completions", CHAT | {"model": "gpt-x"}, OPENAI, 404, "model_not_found"),
        ("/openai/v1/chat/completions", {"model": "interlock-sandbox-1"}, OPENAI, 400, "messages"),
        ("/azure/openai/v1/chat/completions", CHAT, {}, 401, "401"),
    ],
)
def test_refusals_have_each_providers_shape(stand_ins, path, body, headers, status, says):
    got, _, answer = stand_ins.send("POST", path, body, headers)
    assert (got, says in json.dumps(answer["error"])) == (status, True)


def test_ids_that_the_prompt_lists_with_labels_are_answered(stand_ins):
    groups = "Ids for assignment_group:\n- g1: Network\n- g2: Service Desk"
    listed = f"Ids for category:\n- c1: Software\n- c2: Inquiry / Help\n\n{groups}"
    record = json.dumps(
        {"short_description": "Where do I find the guideline?", "description": "How can I book travel?"}
    )
    prompt = f'<untrusted id="1f">{record}</untrusted id="1f">\n\n{listed}'
    properties = {"category": {"enum": ["c1", "c2"]}, "assignment_group": {"enum": ["g1", "g2"]}}
    wanted = {"format": {"type": "json_schema", "schema": {"type": "object", "properties": properties}}}
    body = MESSAGES | {"messages": [{"role": "user", "content": prompt}], "output_config": wanted}
    answer = stand_ins.send("POST", "/anthropic/v1/messages", body, ANTHROPIC)[2]
    assert json.loads(answer["content"][0]["text"]) == {"category": "c2", "assignment_group": "g2"}


def test_token_counts_follow_the_text_and_the_limit_cuts(stand_ins):
    short = stand_ins.send("POST", "/anthropic/v1/messages", MESSAGES, ANTHROPIC)[2]
    longer = MESSAGES | {"messages": [{"role": "user", "content": TICKET * 3}], "max_tokens": 5}
    cut = stand_ins.send("POST", "/anthropic/v1/messages", longer, ANTHROPIC)[2]
    assert cut["usage"]["input_tokens"] > short["usage"]["input_tokens"]
    assert (cut["usage"]["output_tokens"], cut["stop_reason"]) == (5, "max_tokens")
    assert short["usage"]["output_tokens"] == tokens.count(short["content"][0]["text"])


def test_documented_token_count():
    assert tokens.count("authentication failed 1042!") == 7
    assert tokens.clip("authentication failed", 2) == "authenticati"


def test_a_labelled_file_trains_one_half_and_scores_on_the_other(stand_ins):
    rows = [{"text": f"printer toner paper jam {n}", "label": "Printing"} for n in range(40)]
    rows += [{"text": f"salary slip payroll missing {n}", "label": "HR"} for n in range(40)]
    score = stand_ins.ctl("train", {"rows": rows})
    assert score["n"] + score["trained_on"] == 80
    assert score["held_out"] == [n for n, row in enumerate(rows) if not in_training_half(row["text"])]
    assert (score["accuracy"], score["labels"]) == (1.0, ["HR", "Printing"])
    body = MESSAGES | {"messages": [{"role": "user", "content": "my payroll slip is missing"}]}
    answer = stand_ins.send("POST", "/anthropic/v1/messages", body, ANTHROPIC)[2]
    assert "Category: HR" in answer["content"][0]["text"]
    choices = stand_ins.ctl("state", method="GET")["servicenow"]["sys_choice"].values()
    assert {row["value"] for row in choices} == {"HR", "Printing"}


def test_a_file_without_a_label_column_is_refused(stand_ins):
    wrong = stand_ins.send("POST", "/__ctl/train", b"document\nhello\n", {"Content-Type": "text/csv"})
    assert (wrong[0], "no label column" in wrong[2]["error"]) == (400, True)
