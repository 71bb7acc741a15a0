"""Events in words, for timelines. Apps above register how their own types read; the default shows the facts."""

from collections.abc import Callable
from typing import Any

from controlplane.lib.events import catalogue
from evidence.verify.envelope import Event

Presenter = Callable[[Event], str]

_presenters: dict[str, Presenter] = {}
_HIDDEN_SUFFIXES = ("_digest", "_id")
_LONGEST = 160


def presents(event_type: str) -> Callable[[Presenter], Presenter]:
    """Register the words of one event type; a second claim to the same type is refused."""

    def register(presenter: Presenter) -> Presenter:
        if _presenters.setdefault(event_type, presenter) is not presenter:
            raise ValueError(f"{event_type} has a presenter already")
        return presenter

    return register


def title(event: Event) -> str:
    """`tool.call.completed` reads as “Tool call completed”."""
    return event.type.replace(".", " ").replace("_", " ").capitalize()


def summary(event: Event) -> str:
    presenter = _presenters.get(event.type, _facts)
    return presenter(event)[:_LONGEST]


def unknown_types() -> set[str]:
    """Types with a presenter that no app declares: a spelling mistake."""
    return set(_presenters) - set(catalogue())


def _facts(event: Event) -> str:
    shown = [f"{name} {_short(value)}" for name, value in event.data.items() if _is_fact(name, value)]
    return ", ".join(shown)


def _is_fact(name: str, value: Any) -> bool:
    return isinstance(value, str | int) and value != "" and not name.endswith(_HIDDEN_SUFFIXES)


def _short(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


@presents("run.sealed")
def _run_sealed(event: Event) -> str:
    return f"{event.data['count']} events, root {str(event.data['root'])[:16]}…"


@presents("log.heartbeat")
def _heartbeat(event: Event) -> str:
    return f"quiet at {event.data['size']} leaves"
