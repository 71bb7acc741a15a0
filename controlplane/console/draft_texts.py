"""The texts of a draft as a form carries them: Rego as it is, configuration and cases as JSON, with their problems."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from controlplane.lib.errors import Invalid
from policies import golden
from policies.models import Draft

LABELS = {
    "source": "Rules (Rego)",
    "tests": "Tests (Rego)",
    "golden": "Golden cases (JSON)",
    "data": "Configuration (JSON)",
}
HINTS = {
    "source": "package interlock.packs.{pack}: grants and findings.",
    "tests": "package interlock.tests.{pack}: rules test_… that must be true.",
    "golden": "A list of {{name, input, expect: {{effect, codes}}}}; of the input only what matters.",
    "data": "An object, read as data.interlock.config.{pack}.",
}
REGO = frozenset({"source", "tests"})
SKELETON = """# METADATA
# title: {pack}
# description: What it grants, and why.
package interlock.packs.{pack}

import data.interlock.lib
"""
SKELETON_TESTS = """package interlock.tests.{pack}

import data.interlock.packs.{pack}
"""


class TextUnreadable(Invalid):
    """A JSON text of the form cannot be read; `line` and `column` say where."""

    code, title = "unreadable", "The text cannot be read"


@dataclass(frozen=True, slots=True)
class Text:
    """One field of the form. `uncovered`: lines of a pack that no test reached, as [from, to]."""

    name: str
    label: str
    hint: str
    value: str
    problems: Sequence[Mapping[str, Any]] = ()
    uncovered: Sequence[Sequence[int]] = ()
    language: str = "rego"
    numbered: list[str] = field(default_factory=list)


def of(draft: Draft, posted: Mapping[str, str] | None, wrong: TextUnreadable | None) -> list[Text]:
    """The fields: what was posted where a form was refused, else what is saved, with what the last check found."""
    return [_text(draft, name, posted, wrong) for name in LABELS]


def values(draft: Draft) -> dict[str, str]:
    return {
        "source": draft.source,
        "tests": draft.tests,
        "golden": golden.text_of(draft.golden),
        "data": as_json(draft.data),
    }


def as_json(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False) if value else ("[]" if isinstance(value, list) else "{}")


def read(posted: Mapping[str, str]) -> dict[str, Any]:
    """Arguments of `drafting.save`; raises TextUnreadable."""
    return {
        "source": _unix(posted.get("source", "")),
        "tests": _unix(posted.get("tests", "")),
        "golden": _json("golden", posted.get("golden", ""), list),
        "data": _json("data", posted.get("data", ""), dict),
        "version": posted.get("version", "").strip(),
    }


def module_of(draft: Draft, name: str) -> str:
    """What findings call a field."""
    return draft.pack if name == "source" else f"{draft.pack}/{name}"


def _text(draft: Draft, name: str, posted: Mapping[str, str] | None, wrong: TextUnreadable | None) -> Text:
    value = _unix(posted[name]) if posted and name in posted else values(draft)[name]
    changed = posted is not None
    coverage = draft.report.get("coverage", {}).get("uncovered", {}) if name == "source" and not changed else {}
    return Text(
        name=name,
        label=LABELS[name],
        hint=HINTS[name].format(pack=draft.pack),
        value=value,
        problems=_posted_problems(name, wrong) if changed else _problems(draft, name, value),
        uncovered=coverage.get(draft.pack, []),
        language="rego" if name in REGO else "json",
        numbered=value.split("\n"),
    )


def _posted_problems(name: str, wrong: TextUnreadable | None) -> list[dict[str, Any]]:
    if wrong is None or wrong.extra.get("field") != name:
        return []
    return [{**wrong.extra, "code": wrong.code, "message": wrong.detail, "hint": ""}]


def _problems(draft: Draft, name: str, value: str) -> list[dict[str, Any]]:
    module = module_of(draft, name)
    found = [dict(finding) for finding in draft.report.get("findings", []) if finding["module"] == module]
    if name != "golden":
        return found
    return [{**finding, "line": golden.line_of(value, finding["line"])} for finding in found]


def _json(name: str, text: str, kind: type) -> Any:
    try:
        value = json.loads(text) if text.strip() else kind()
    except json.JSONDecodeError as error:
        raise TextUnreadable(
            f"{LABELS[name]}: {error.msg}", field=name, line=error.lineno, column=error.colno
        ) from None
    except (ValueError, RecursionError):
        raise TextUnreadable(f"{LABELS[name]}: no JSON that can be kept", field=name, line=1, column=1) from None
    if not isinstance(value, kind):
        wanted = "a list, like []" if kind is list else "an object, like {}"
        raise TextUnreadable(f"{LABELS[name]}: {wanted} is needed", field=name, line=1, column=1)
    return value


def _unix(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")
