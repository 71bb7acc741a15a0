"""The lint corpus: one definition per finding, each changed from one that is clean."""

# ruff: noqa: E501 - findings name lines, so each step stays on one
import pytest

from connectors.types import Action, Kind, Reversibility, Risk
from workflows.definition.findings import DefinitionRefused
from workflows.definition.lint import Catalogue, is_pinned
from workflows.definition.loading import load
from workflows.definition.model import ApprovalHint, Backoff, Foreach, OnFailure, StepKind, Sub, Wait

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
    - {id: write, call: servicenow.incident.update@1.0.0, with: {sys_id: "${{ trigger.sys_id }}", fields: "${{ steps.triage.output }}"}, retry: {max: 5}, timeout: 30s}
    - {id: tell, call: slack.message.post, needs: [write], when: "steps.write.state == 'SUCCEEDED'", with: {channel: "${{ constants.channel }}", text: hello}}
"""


def action(tool, kind, *names, reversibility=Reversibility.NOT_APPLICABLE, undo_tool=None):
    schema = {"properties": {n: {} for n in names}, "required": list(names), "additionalProperties": False}
    return Action(tool, "1.0.0", kind, schema, {}, Risk.LOW, reversibility, (), 60, 0, 20, undo_tool)


COMPENSABLE = {"reversibility": Reversibility.COMPENSABLE}
TOOLS = [
    action("servicenow.incident.get", Kind.READ, "sys_id"),
    action("llm.generate", Kind.MODEL),
    action(
        "servicenow.incident.update",
        Kind.WRITE,
        "sys_id",
        "fields",
        undo_tool="servicenow.incident.restore",
        **COMPENSABLE,
    ),
    action("slack.message.post", Kind.WRITE, "channel", "text", undo_tool="slack.message.update", **COMPENSABLE),
    action("mail.send", Kind.WRITE, "text", reversibility=Reversibility.IRREVERSIBLE),
]
CATALOGUE = Catalogue({a.tool: a for a in TOOLS}, frozenset({"triage@1"}), frozenset({"triage_result@1"}))


def findings(text):
    with pytest.raises(DefinitionRefused) as refused:
        load(text, file="demo.yaml", catalogue=CATALOGUE)
    return [(f.code, f.place.line) for f in refused.value.findings]


CORPUS = {
    "unknown top-level member": ("kind: Workflow", "kind: Workflow\nextra: 1", [("schema", 3)]),
    "wrong version": ("version: 1.0.0}", "version: 1.0}", [("bad_value", 3)]),
    "no SemVer": ("version: 1.0.0}", "version: v1}", [("schema", 3)]),
    "unknown step member": ("retry: {max: 5}", "retries: 5", [("schema", 11)]),
    "bad duration": ("timeout: 30s", "timeout: 30 seconds", [("schema", 11)]),
    "two steps of one name": (
        "    - {id: tell",
        "    - {id: write, call: servicenow.incident.get, with: {sys_id: x}}\n    - {id: tell",
        [("duplicate_step", 12)],
    ),
    "unknown tool": ("slack.message.post", "slack.message.shout", [("unknown_tool", 12)]),
    "unknown version of a tool": ("update@1.0.0", "update@2.0.0", [("unknown_tool", 11)]),
    "unknown argument": ("text: hello", "text: hello, colour: red", [("unknown_argument", 12)]),
    "missing argument": (", text: hello", "", [("missing_argument", 12)]),
    "needs no step": ("needs: [write]", "needs: [written]", [("unresolved_reference", 12)]),
    "reference to no step": ("steps.incident.output", "steps.ticket.output", [("unresolved_reference", 10)]),
    "reference to nothing": ('trigger.sys_id }}"}}', 'ticket.sys_id }}"}}', [("unresolved_reference", 9)]),
    "steps in the trigger": ("event.sys_id", "steps.incident.output.x", [("unresolved_reference", 5)]),
    "no such model": ("{model: triage,", "{model: other,", [("unresolved_reference", 10)]),
    "no such prompt": ("triage@1", "triage@2", [("unresolved_reference", 10)]),
    "no such schema": ("triage_result@1", "triage_result@9", [("unresolved_reference", 10)]),
    "floating model": ("interlock-sandbox-1", "claude-sonnet-latest", [("unpinned_model", 6)]),
    "floating fallback": (
        "model: interlock-sandbox-1",
        "model: interlock-sandbox-1, fallback: [openai/gpt-6]",
        [("unpinned_model", 6)],
    ),
    "bad CEL": ("steps.write.state ==", "steps.write.state = =", [("bad_expression", 12)]),
    "condition is a text": ("steps.write.state == 'SUCCEEDED'", "'yes'", [("bad_expression", 12)]),
    "open expression": ("${{ constants.channel }}", "${{ constants.channel }", [("bad_expression", 12)]),
    "cycle": ("{id: incident,", "{id: incident, needs: [tell],", [("cycle", 9)]),
    "write without inverse": (
        'call: slack.message.post, needs: [write], when: "steps.write.state == \'SUCCEEDED\'", with: {channel: "${{ constants.channel }}", text: hello}',
        "call: mail.send, needs: [write], with: {text: hello}",
        [("write_without_inverse", 12)],
    ),
    "irreversible before something that may fail": (
        "    - {id: tell",
        "    - {id: mail, call: mail.send, irreversible: true, needs: [write], with: {text: x}}\n    - {id: tell",
        [("irreversible_before_fallible", 12)],
    ),
}


@pytest.mark.parametrize("name", CORPUS)
def test_the_corpus(name):
    old, new, expected = CORPUS[name]
    assert CLEAN.count(old) >= 1
    assert findings(CLEAN.replace(old, new, 1)) == expected


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
    last = "    - {id: mail, call: mail.send, irreversible: true, needs: [tell, triage], with: {text: x}}\n"
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
    - {id: sum, compute: {text: "${{ trigger.ids.size() }} tickets"}, needs: [pause], on_failure: continue}
    - id: close
      run: {workflow: close-one, version: 1.0.0}
      foreach: {items: "${{ trigger.ids }}", as: ticket, max: 50, parallel: 5}
      with: {id: "${{ ticket }}", note: "${{ steps.sum.output.text }}"}
      retry: {max: 2, backoff: {initial: 5s, factor: 3, ceiling: 1m}}
      approval: {tier: two_person, reason: many tickets}
"""


def test_every_kind_of_step_is_read():
    definition = load(KINDS, file="kinds.yaml", catalogue=CATALOGUE)
    pause, total, close = definition.steps
    assert (pause.kind, pause.wait) == (StepKind.WAIT, Wait(for_s=600))
    assert (total.kind, total.arguments) == (StepKind.COMPUTE, {"text": "${{ trigger.ids.size() }} tickets"})
    assert total.on_failure is OnFailure.CONTINUE
    assert (close.kind, close.sub) == (StepKind.RUN, Sub("close-one", "1.0.0"))
    assert close.foreach == Foreach("${{ trigger.ids }}", "ticket", 50, 5)
    assert close.backoff == Backoff(5, 3, 60)
    assert close.approval_hint == ApprovalHint("two_person", "many tickets")
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
