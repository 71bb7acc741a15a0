"""The model behind every provider's protocol: train, read, answer, count."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from connectors.sandbox.llm import answering, tokens
from connectors.sandbox.llm.classifier import Classifier, Example, in_training_half
from connectors.sandbox.llm.examples import examples

NAME = "interlock-sandbox-1"
DEFAULT_OUTPUT_LIMIT = 4096


@dataclass(frozen=True)
class Generation:
    """`value` is None for free text.

    Counts are of the model's own tokeniser; `cut` when the output limit was hit.
    """

    text: str
    value: Any
    tokens_in: int
    tokens_out: int
    cut: bool


class Model:
    """One trained classifier at a time; training replaces it as a whole."""

    def __init__(self, groups: Mapping[str, str]) -> None:
        self._lock = threading.Lock()
        self.own_groups = dict(groups)
        self.score: dict[str, Any] | None = None
        self.groups = self.own_groups
        self.classifier = Classifier(examples())

    def reset(self) -> None:
        with self._lock:
            self.groups, self.score = self.own_groups, None
            self.classifier = Classifier(examples())

    def train(self, rows: Sequence[Example]) -> dict[str, Any]:
        """Learn one half of labelled rows and score on the other, which is never learnt from.

        Returns `{"labels", "trained_on", "held_out", "accuracy", "majority_baseline"}`; `held_out` are
        positions in `rows`. Fewer than two labels in the training half raise ValueError.
        """
        known = [(n, text, label) for n, (text, label) in enumerate(rows) if text.strip() and label.strip()]
        learnt = [(text, label) for _, text, label in known if in_training_half(text)]
        if len({label for _, label in learnt}) < 2:
            raise ValueError("at least two labels are needed in the training half")
        held = [row for row in known if not in_training_half(row[1])]
        fresh = Classifier(learnt)
        score = _score(fresh, [(text, label) for _, text, label in held])
        score |= {"labels": fresh.labels, "trained_on": len(learnt), "held_out": [n for n, _, _ in held]}
        with self._lock:
            self.classifier, self.score = fresh, score
            self.groups = {label: label for label in fresh.labels}
        return score

    def generate(self, prompt: str, extra: str, schema: Mapping[str, Any] | None, limit: int) -> Generation:
        """`prompt` holds the ticket.

        `extra` is whatever else was sent and is paid for (system text, schema, tools).
        """
        with self._lock:
            classifier, groups = self.classifier, self.groups
        found = answering.read(classifier, groups, prompt)
        value = None if schema is None else answering.answer(schema, found)
        whole = _prose(found) if schema is None else json.dumps(value, ensure_ascii=False)
        text = tokens.clip(whole, limit)
        paid = tokens.count(prompt) + tokens.count(extra)
        return Generation(text, value, paid, tokens.count(text), cut=text != whole)


def _prose(found: answering.Reading) -> str:
    guess = found.guess
    return f"{found.summary}\nCategory: {guess.label} (confidence {guess.confidence:.2f}). {found.rationale}"


def _score(classifier: Classifier, held: Sequence[Example]) -> dict[str, Any]:
    if not held:
        return {"n": 0, "accuracy": None, "majority_baseline": None}
    right = sum(classifier.guess(text).label == label for text, label in held)
    most = Counter(label for _, label in held).most_common(1)[0][1]
    return {"n": len(held), "accuracy": right / len(held), "majority_baseline": most / len(held)}
