"""Models are named exactly, used, and asked with a prompt and a result schema that exist."""

import re
from collections.abc import Iterator

from workflows.definition.findings import Finding
from workflows.definition.model import MODEL_TOOL
from workflows.definition.subject import Subject, offered

_DATED = r"-\d{8}$|-\d{4}-\d{2}-\d{2}$"
_STAND_IN = r"^interlock-sandbox-\d+$"
_PINNED = {
    "openai": re.compile(rf"{_DATED}|{_STAND_IN}"),
    "anthropic": re.compile(rf"{_DATED}|^claude-[a-z]+-\d+(-\d+)?$|{_STAND_IN}"),
    "gemini": re.compile(rf"-\d{{3}}$|{_DATED}|{_STAND_IN}"),
}
_FLOATING = re.compile(r"(^|[-_.])(latest|auto|default|preview)$")


def unresolved(subject: Subject) -> Iterator[Finding]:
    closed = {
        "model": frozenset(subject.definition.models),
        "prompt": frozenset(subject.catalogue.prompts),
        "schema": frozenset(subject.catalogue.schemas),
    }
    for index, step in subject.steps():
        for name, known in closed.items() if step.tool == MODEL_TOOL else ():
            value = step.arguments.get(name)
            if value is not None and (not isinstance(value, str) or value not in known):
                message = f"there is no {name} `{value}`"
                yield subject.finding("unresolved_reference", message, offered(known), "steps", index, "with", name)


def unpinned(subject: Subject) -> Iterator[Finding]:
    for alias, pin in subject.definition.models.items():
        named = [(pin.provider, pin.model), *(_split(fallback) for fallback in pin.fallback)]
        for provider, model in named:
            if not is_pinned(provider, model):
                yield subject.finding(
                    "unpinned_model",
                    f"`{provider}/{model}` may change under a running workflow",
                    "name an exact, dated model",
                    *("models", alias),
                )


def unused(subject: Subject) -> Iterator[Finding]:
    asked = {str(step.arguments.get("model")) for step in subject.definition.steps if step.tool == MODEL_TOOL}
    for alias in subject.definition.models.keys() - asked:
        message = f"no step asks the model `{alias}`"
        yield subject.finding("unused_model", message, "remove it, or name it in a step", "models", alias)


def is_pinned(provider: str, model: str) -> bool:
    """Whether a model name means the same model tomorrow, by each provider's way of naming.

    A name of an unlisted provider (an Azure deployment) is pinned unless it says that it floats.
    """
    if _FLOATING.search(model):
        return False
    pattern = _PINNED.get(provider)
    return pattern is None or pattern.search(model) is not None


def _split(fallback: str) -> tuple[str, str]:
    provider, _, model = fallback.partition("/")
    return provider, model


CHECKS = (unresolved, unpinned, unused)
