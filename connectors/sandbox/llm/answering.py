"""From what the model read to the JSON that a schema asks for."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from connectors.sandbox.llm import reading
from connectors.sandbox.llm.classifier import Classifier, Guess

Schema = Mapping[str, Any]


@dataclass(frozen=True)
class Reading:
    """All that the model found in one ticket.

    `prompt` is kept to look up ids that the request pairs with names.
    """

    text: str
    guess: Guess
    group: str
    impact: str
    urgency: str
    summary: str
    prompt: str

    @property
    def rationale(self) -> str:
        seen = ", ".join(self.guess.because) or "no known words"
        others = ", ".join(f"{label} {share:.2f}" for label, share in self.guess.ranked[1:3])
        return f"Words that decided: {seen}. Next best: {others}."


def read(classifier: Classifier, groups: Mapping[str, str], prompt: str) -> Reading:
    """`groups` names the assignment group that works on each label."""
    text = reading.ticket_text(prompt)
    guess = classifier.guess(text)
    return Reading(
        text=text,
        guess=guess,
        group=groups.get(guess.label, guess.label),
        impact=reading.level(text, reading.IMPACT),
        urgency=reading.level(text, reading.URGENCY),
        summary=reading.summary(text),
        prompt=prompt,
    )


def answer(schema: Schema, found: Reading) -> Any:
    """A value that satisfies the schema's types, enums and required keys."""
    return _value("", schema, schema, found)


def _value(name: str, schema: Schema, root: Schema, found: Reading) -> Any:
    schema = _resolved(schema, root)
    if "const" in schema:
        return schema["const"]
    if "enum" in schema:
        return _choice(name, list(schema["enum"]), found)
    kind = schema.get("type", "object" if "properties" in schema else "string")
    kind = next((one for one in kind if one != "null"), "null") if isinstance(kind, list) else kind
    return MAKERS[kind](name, schema, root, found)


def _resolved(schema: Schema, root: Schema) -> Schema:
    """Follow `$ref` inside the document and take the first branch that is not null."""
    while "$ref" in schema or "anyOf" in schema or "oneOf" in schema:
        if "$ref" in schema:
            target: Any = root
            for part in schema["$ref"].removeprefix("#/").split("/"):
                target = target[part]
            schema = target
        else:
            branches = schema.get("anyOf") or schema["oneOf"]
            schema = next((one for one in branches if one.get("type") != "null"), branches[0])
    return schema


def _object(name: str, schema: Schema, root: Schema, found: Reading) -> Any:
    return {key: _value(key, inner, root, found) for key, inner in schema.get("properties", {}).items()}


def _array(name: str, schema: Schema, root: Schema, found: Reading) -> Any:
    if schema.get("items", {}).get("type", "string") == "string" and "enum" not in schema.get("items", {}):
        return found.guess.because[: schema.get("maxItems", 5)]
    return [_value(name, schema["items"], root, found)] if "items" in schema else []


def _string(name: str, schema: Schema, root: Schema, found: Reading) -> Any:
    text = next((make(found) for pattern, make in TEXTS if re.search(pattern, name)), found.summary)
    return text[: schema.get("maxLength", len(text))]


def _number(name: str, schema: Schema, root: Schema, found: Reading) -> Any:
    value = _figure(name, found)
    return round(value * 100 if schema.get("maximum", 1) > 1 and "confidence" in name else value, 4)


def _integer(name: str, schema: Schema, root: Schema, found: Reading) -> Any:
    """A share as an integer is a percentage, or whatever whole the `maximum` says (1000: per mille)."""
    value = _figure(name, found)
    whole = schema.get("maximum", 100)
    return round(value * whole) if value <= 1 and "confidence" in name else int(value)


def _figure(name: str, found: Reading) -> float:
    if name == "impact":
        return float(found.impact)
    return float(found.urgency) if name == "urgency" else found.guess.confidence


MAKERS: dict[str, Callable[[str, Schema, Schema, Reading], Any]] = {
    "object": _object,
    "array": _array,
    "string": _string,
    "number": _number,
    "integer": _integer,
    "boolean": lambda name, schema, root, found: found.guess.confidence >= 0.5,
    "null": lambda name, schema, root, found: None,
}
TEXTS: tuple[tuple[str, Callable[[Reading], str]], ...] = (
    (r"categor|label|topic", lambda found: found.guess.label),
    (r"group|team|queue", lambda found: _id_in_prompt(found) or found.group),
    (r"impact", lambda found: found.impact),
    (r"urgency", lambda found: found.urgency),
    (r"confidence", lambda found: f"{found.guess.confidence:.2f}"),
    (r"reason|rationale|because|explanation|evidence", lambda found: found.rationale),
)


def _id_in_prompt(found: Reading) -> str:
    """The 32-digit id that the request names beside the group's name, if it does."""
    name = re.escape(found.group)
    pair = re.search(rf'{name}"?[^0-9a-z]{{0,40}}?(?:\w+"?\s*[:=]\s*"?)?([0-9a-f]{{32}})\b', found.prompt)
    before = re.search(rf"\b([0-9a-f]{{32}})\b[^\n{{}}]{{0,40}}?{name}", found.prompt)
    match = pair or before
    return match[1] if match else ""


def _choice(name: str, options: list[Any], found: Reading) -> Any:
    """The option the reading points to.

    A level, a label by rank, a group; without any relation, the first one.
    """
    if re.search(r"impact|urgency|severity|priority", name):
        return _level_option(options, found.impact if "impact" in name else found.urgency)
    if re.search(r"group|team|queue", name):
        wanted = [_id_in_prompt(found), found.group, found.guess.label]
    else:
        wanted = [label for label, _ in found.guess.ranked]
    folded = {**_labelled(options, found.prompt), **{str(option).casefold(): option for option in options}}
    return next((folded[one.casefold()] for one in wanted if one and one.casefold() in folded), options[0])


def _labelled(options: list[Any], prompt: str) -> dict[str, Any]:
    """Options by the label that the prompt lists them with, as in `- group_3: Network`, and by its first word."""
    lines = re.findall(r"^\W*([\w.-]{1,40}): *(\S.*?) *$", prompt, re.MULTILINE)
    listed = [(option, label.casefold()) for option, label in lines if option in options]
    by_first_word = {re.split(r"\W", label)[0]: option for option, label in reversed(listed)}
    return by_first_word | {label: option for option, label in listed}


def _level_option(options: list[Any], value: str) -> Any:
    words = {"1": ("1", "high", "critical"), "2": ("2", "medium", "moderate"), "3": ("3", "low")}[value]
    return next((one for one in options if any(word in str(one).casefold() for word in words)), options[-1])
