"""The lint corpus: one definition per finding, each changed from one that is clean."""

# ruff: noqa: E501 - findings name lines, so each step stays on one
import time

import pytest

from tests.made_up_catalogue import CATALOGUE
from workflows.definition.checks.models import is_pinned
from workflows.definition.findings import DefinitionRefused
from workflows.definition.loading import load
from workflows.definition.model import ApprovalHint, Backoff, Foreach, OnFailure, StepKind, Sub, Wait
from workflows.definition.summary import summary

CLEAN = """\
apiVersion: interlock/v1
kind: Workflow
metadata: {name: demo, version: 1.0.0}
spec:
  trigger: {webhook: {connector: servicenow, event: incident.created, key: "${{ event.sys_id }}"}}
  models: {triage: {provider: anthropic, model: interlock-sandbox-1}}
  constants: {channel: C1}
  steps:
    - {id: incident, call: servicenow.incident.get, with: {sys_id: "${{ trigger.sys_id }}"}}
    - {id: triage, call: llm.generate, with: {model: triage, prompt: triage@1, input: "${{ steps.incident.output }}", schema: triage_result@1}}
    - {id: write, call: servicenow.incident.update@1.0.0, with: {sys_id: "${{ trigger.sys_id }}", fields: {category: "${{ steps.triage.output.category }}"}}, retry: {max: 5}, timeout: 30s}
    - {id: tell, call: slack.message.post, needs: [write], when: "steps.write.state == 'SUCCEEDED'", with: {channel: "${{ constants.channel }}", text: hello}}
"""


def findings(text):
    with pytest.raises(DefinitionRefused) as refused:
        load(text, file="demo.yaml", catalogue=CATALOGUE)
    return [(f.code, f.place.line) for f in refused.value.findings]


def test_a_clean_definition_is_read():
    definition = load(CLEAN, file="demo.yaml", catalogue=CATALOGUE)
    needs = {step.id: set(step.needs) for step in definition.steps}
    assert needs == {
        "incident": set(),
        "triage": {"incident"},
        "write": {"triage"},
        "tell": {"write"},
    }
    write = definition.step("write")
    assert (write.max_retries, write.timeout_s, write.tool_version) == (5, 30, "1.0.0")
    assert definition.trigger.key == "${{ event.sys_id }}"


def test_an_irreversible_last_step_is_allowed():
    last = "    - {id: mail, call: mail.send, irreversible: true, approval: {tier: standard}, needs: [tell, triage], with: {text: x}}\n"
    assert load(CLEAN + last, file="demo.yaml", catalogue=CATALOGUE).step("mail").irreversible


def test_a_finding_says_where_what_and_what_to_do():
    with pytest.raises(DefinitionRefused) as refused:
        load(CLEAN.replace("prompt: triage@1", "prompt: triage@2"), file="demo.yaml", catalogue=CATALOGUE)
    assert str(refused.value) == (
        "demo.yaml:10:62: unresolved_reference: there is no prompt `triage@2`. use one of: triage@1"
    )


def test_the_digest_ignores_form_and_sees_content():
    plain = load(CLEAN, file="a.yaml", catalogue=CATALOGUE)
    spaced = load(
        "# a comment\n" + CLEAN.replace("{id: tell, call:", "{id:  tell,   call:"),
        file="b.yaml",
        catalogue=CATALOGUE,
    )
    changed = load(CLEAN.replace("text: hello", "text: goodbye"), file="a.yaml", catalogue=CATALOGUE)
    assert plain.digest == spaced.digest
    assert plain.digest != changed.digest


@pytest.mark.parametrize(
    ("provider", "model", "pinned"),
    [
        ("anthropic", "claude-sonnet-4-5-20250929", True),
        ("anthropic", "claude-opus-4-7", True),
        ("anthropic", "claude-sonnet-latest", False),
        ("openai", "gpt-4.1-mini-2025-04-14", True),
        ("openai", "gpt-4.1-mini", False),
        ("gemini", "gemini-2.0-flash-001", True),
        ("gemini", "gemini-2.0-flash", False),
        ("azure", "triage", True),
        ("azure", "triage-latest", False),
        ("openai", "interlock-sandbox-1", True),
    ],
)
def test_pinned_models(provider, model, pinned):
    assert is_pinned(provider, model) is pinned


KINDS = """\
apiVersion: interlock/v1
kind: Workflow
metadata: {name: kinds, version: 1.0.0}
spec:
  inputs: {type: object, properties: {ids: {type: array, items: {type: string}}}}
  outputs: {notes: "${{ steps.sum.output.text }}"}
  deadline: 2h
  priority: high
  concurrency: {max: 4}
  steps:
    - {id: pause, wait: {for: 10m}}
    - {id: sum, compute: {text: "${{ trigger.ids.size() }} tickets"}, needs: [pause]}
    - id: close
      run: {workflow: close-one, version: 1.0.0}
      foreach: {items: "${{ trigger.ids }}", as: ticket, max: 50, parallel: 5}
      with: {sys_id: "${{ ticket }}", note: "${{ steps.sum.output.text }}"}
    - id: tell
      call: slack.message.post
      with: {channel: C1, text: "${{ steps.sum.output.text }}"}
      retry: {max: 2, backoff: {initial: 5s, factor: 3, ceiling: 1m}}
      approval: {tier: two_person, reason: many tickets}
"""


def test_every_kind_of_step_is_read():
    definition = load(KINDS, file="kinds.yaml", catalogue=CATALOGUE)
    pause, total, close, tell = definition.steps
    assert (pause.kind, pause.wait) == (StepKind.WAIT, Wait(for_s=600))
    assert (total.kind, total.arguments) == (StepKind.COMPUTE, {"text": "${{ trigger.ids.size() }} tickets"})
    assert (total.on_failure, close.on_failure) == (OnFailure.UNDO, OnFailure.UNDO)
    assert (close.kind, close.sub) == (StepKind.RUN, Sub("close-one", "1.0.0"))
    assert close.foreach == Foreach("${{ trigger.ids }}", "ticket", 50, 5)
    assert tell.backoff == Backoff(5, 3, 60)
    assert tell.approval_hint == ApprovalHint("two_person", "many tickets")
    assert close.needs == {"sum"}
    assert close.reads_trigger
    assert not pause.reads_trigger
    assert definition.names_of(close).items == {"ticket"}
    assert (definition.deadline_s, definition.priority, definition.max_running) == (7200, 1, 4)


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        (", max: 50", "", "unbounded_loop"),
        ("max: 50", "max: 501", "loop_too_large"),
        ("wait: {for: 10m}", "wait: {for: 10m}, compute: {x: 1}", "schema"),
        ("wait: {for: 10m}", "wait: {for: 10m, until: x}", "schema"),
        (", wait: {for: 10m}", "", "schema"),
    ],
)
def test_a_step_is_one_thing_and_a_loop_has_a_bound(old, new, code):
    assert [found for found, _ in findings(KINDS.replace(old, new, 1))] == [code]


def test_a_graph_of_many_ways_is_examined_in_no_time():
    """Fifty layers of two steps that need both of the layer before: 2^50 ways through."""
    lines = [
        "apiVersion: interlock/v1",
        "kind: Workflow",
        "metadata: {name: layers, version: 1.0.0}",
        "spec:",
        "  steps:",
    ]
    for i in range(100):
        above = [f"s{j}" for j in range(i // 2 * 2 - 2, i // 2 * 2) if j >= 0]
        lines.append(f"    - {{id: s{i}, wait: {{for: 1s}}, needs: [{', '.join(above)}]}}")
    source = "\n".join(lines)
    started = time.process_time()
    assert len(load(source, file="layers.yaml", catalogue=CATALOGUE).steps) == 100
    assert time.process_time() - started < 5


def test_a_parent_knows_what_is_below():
    text = KINDS.replace("close-one", "mails").replace('{sys_id: "${{ ticket }}", note:', '{x: "${{ ticket }}", note:')
    below = summary(load(KINDS, file="kinds.yaml", catalogue=CATALOGUE), CATALOGUE)
    assert (below.writes, below.depth, below.irreversible) == (50 * 3 + 1, 1, False)
    assert below.runs == {Sub("close-one", "1.0.0")}
    assert {"irreversible_before_fallible", "irreversible_in_loop"} <= {code for code, _ in findings(text)}
