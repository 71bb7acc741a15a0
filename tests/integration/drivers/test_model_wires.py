"""Every wire of the model driver against the stand-in providers."""

from typing import Any

import pytest

from connectors import registry
from connectors.llm.types import WireApi
from connectors.types import Done, Failed, Unknown

GENERATE = registry.verbs("llm", "llm.generate")
ARGS = {
    "model": "interlock-sandbox-1",
    "prompt": "triage@1",
    "input": {"short_description": "VPN drops", "description": "The VPN connection drops for several users"},
    "schema": "triage_result@1",
    "choices": {
        "category": [{"id": name, "label": name.title(), "value": name} for name in ("hardware", "network")],
        "assignment_group": [
            {"id": "assignment_group_1", "label": "Hardware", "value": "a" * 32},
            {"id": "assignment_group_2", "label": "Network", "value": "b" * 32},
        ],
    },
}


def ask(caller, wire: WireApi, **context: Any) -> Any:
    return GENERATE.do(caller(wire.provider).context(wire_api=wire.value, **context), ARGS, {})


@pytest.mark.parametrize("wire", WireApi)
def test_every_wire_gives_a_validated_result_with_its_usage(caller, wire: WireApi) -> None:
    outcome = ask(caller, wire)
    assert isinstance(outcome, Done), outcome
    assert (outcome.output["category"], outcome.output["assignment_group"]) == ("network", "b" * 32)
    assert outcome.output["model"]["provider"] == wire.provider
    assert outcome.usage is not None
    assert outcome.usage.tokens_in > 0
    assert outcome.usage.tokens_out > 0
    assert not outcome.usage.estimated


@pytest.mark.parametrize("wire", WireApi)
def test_a_wrong_key_is_a_permanent_failure_that_does_not_show_it(caller, wire: WireApi) -> None:
    outcome = ask(caller, wire, secrets={"api_key": "wrong-key-123"})
    assert isinstance(outcome, Failed)
    assert (outcome.permanent, outcome.code) == (True, "auth_failed")
    assert "wrong-key-123" not in repr(outcome)


@pytest.mark.parametrize("wire", WireApi)
def test_a_lost_reply_is_asked_once_and_unknown(stand_ins, caller, wire: WireApi) -> None:
    stand_ins.fault("drop_after", method="POST", path=f"/{wire.provider}/")
    outcome = ask(caller, wire)
    assert isinstance(outcome, Unknown)
    assert outcome.usage is not None
    assert outcome.usage.estimated
    assert len(stand_ins.log(f"/{wire.provider}/")) == 1


TRANSIENT = [("429", "rate_limited"), ("status", "overloaded"), ("500_after", "overloaded")]


@pytest.mark.parametrize(("kind", "code"), TRANSIENT)
def test_a_busy_provider_is_transient(stand_ins, caller, kind: str, code: str) -> None:
    stand_ins.fault(kind, method="POST", path="/anthropic/")
    outcome = ask(caller, WireApi.ANTHROPIC_MESSAGES)
    assert isinstance(outcome, Failed)
    assert (outcome.permanent, outcome.code) == (False, code)


@pytest.mark.parametrize("kind", ["html", "truncate"])
def test_a_reply_that_is_none_is_unknown(stand_ins, caller, kind: str) -> None:
    stand_ins.fault(kind, method="POST", path="/openai/")
    assert isinstance(ask(caller, WireApi.OPENAI_CHAT), Unknown)


def test_an_azure_deployment_stands_for_its_model(stand_ins, caller) -> None:
    outcome = ask(caller, WireApi.AZURE_CLASSIC, deployments={"interlock-sandbox-1": "triage"})
    assert isinstance(outcome, Done)
    assert "/deployments/triage/" in stand_ins.log("/azure/")[-1]["path"]


def test_an_older_wire_version_can_be_pinned(caller) -> None:
    assert isinstance(ask(caller, WireApi.ANTHROPIC_MESSAGES, wire_version="2023-06-01"), Done)


def test_an_unknown_wire_is_refused(caller) -> None:
    outcome = GENERATE.do(caller("openai").context(wire_api="openai.telepathy"), ARGS, {})
    assert isinstance(outcome, Failed)
    assert outcome.code == "connector_config_invalid"
