"""`interlock-sandbox-1`: complement naive Bayes over TF-IDF weights, in plain Python.

Source: Rennie, Shih, Teevan, Karger, "Tackling the Poor Assumptions of Naive Bayes Text Classifiers", ICML
2003. The confidence is a softmax whose temperature is fitted on held-out folds of the training examples, so
that 0.8 means about 80 %.
"""

from __future__ import annotations

import hashlib
import itertools
import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from connectors.sandbox.llm.tokens import words

Example = tuple[str, str]
SMOOTHING = 1.0
TEMPERATURES = (0.02, 0.04, 0.06, 0.08, 0.1, 0.15, 0.2, 0.3, 0.5, 0.8)
FOLDS = 3


def in_training_half(text: str) -> bool:
    """A fixed coin per text (first bit of its SHA-256).

    The other half is never learnt from, only scored on.
    """
    return hashlib.sha256(text.encode()).digest()[0] < 128


def features(text: str) -> Counter[str]:
    """Words and pairs of neighbours."""
    found = words(text)
    return Counter(found) + Counter(f"{a} {b}" for a, b in itertools.pairwise(found))


@dataclass(frozen=True)
class Guess:
    """`because` are the words of the text that speak most for the label."""

    label: str
    confidence: float
    ranked: list[tuple[str, float]]
    because: list[str]


class Classifier:
    """Learn from `(text, label)` examples; at least two labels."""

    def __init__(self, examples: Sequence[Example], *, temperature: float | None = None) -> None:
        self.examples = list(examples)
        self.labels = sorted({label for _, label in examples})
        counted = [(features(text), label) for text, label in self.examples]
        self.idf = _inverse_frequencies([bag for bag, _ in counted])
        self.weights = _complement_weights([(self._weighed(bag), label) for bag, label in counted], self.labels)
        self.temperature = temperature or _fit_temperature(self.examples)

    def _weighed(self, bag: Counter[str]) -> dict[str, float]:
        raw = {word: (1 + math.log(n)) * self.idf[word] for word, n in bag.items() if word in self.idf}
        norm = math.sqrt(sum(value * value for value in raw.values())) or 1.0
        return {word: value / norm for word, value in raw.items()}

    def scores(self, text: str) -> dict[str, float]:
        bag = self._weighed(features(text))
        return {label: sum(w * self.weights[label].get(word, 0.0) for word, w in bag.items()) for label in self.labels}

    def guess(self, text: str) -> Guess:
        shares = _softmax(self.scores(text), self.temperature)
        ranked = sorted(shares.items(), key=lambda pair: (-pair[1], pair[0]))
        label, confidence = ranked[0]
        return Guess(label, confidence, ranked, self._because(text, label))

    def _because(self, text: str, label: str, most: int = 5) -> list[str]:
        bag = self._weighed(features(text))
        gains = {word: w * self.weights[label].get(word, 0.0) for word, w in bag.items()}
        return [word for word in sorted(gains, key=lambda word: (-gains[word], word)) if gains[word] > 0][:most]


def _inverse_frequencies(bags: list[Counter[str]]) -> dict[str, float]:
    seen = Counter(word for bag in bags for word in bag)
    return {word: math.log((1 + len(bags)) / (1 + n)) + 1 for word, n in seen.items()}


def _complement_weights(bags: list[tuple[dict[str, float], str]], labels: list[str]) -> dict[str, dict[str, float]]:
    """Per label and word: how much rarer the word is in all *other* labels, normalised per label."""
    per_label: dict[str, defaultdict[str, float]] = {label: defaultdict(float) for label in labels}
    overall: defaultdict[str, float] = defaultdict(float)
    for bag, label in bags:
        for word, weight in bag.items():
            per_label[label][word] += weight
            overall[word] += weight
    total = sum(overall.values()) + SMOOTHING * len(overall)
    return {label: _of_label(per_label[label], overall, total) for label in labels}


def _of_label(own: defaultdict[str, float], overall: dict[str, float], total: float) -> dict[str, float]:
    rest = total - sum(own.values())
    raw = {word: -math.log((n - own.get(word, 0.0) + SMOOTHING) / rest) for word, n in overall.items()}
    norm = sum(abs(value) for value in raw.values()) / len(raw)
    return {word: value / norm for word, value in raw.items()}


def _softmax(scores: dict[str, float], temperature: float) -> dict[str, float]:
    top = max(scores.values())
    powers = {label: math.exp((score - top) / temperature) for label, score in scores.items()}
    total = sum(powers.values())
    return {label: power / total for label, power in powers.items()}


def _fit_temperature(examples: Sequence[Example]) -> float:
    """The temperature with the least log loss over cross-validation folds."""
    judged = [pair for fold in range(FOLDS) for pair in _fold(examples, fold)]
    losses = {t: sum(_loss(scores, label, t) for scores, label in judged) for t in TEMPERATURES}
    return min(losses, key=lambda t: losses[t]) if judged else TEMPERATURES[-1]


def _fold(examples: Sequence[Example], fold: int) -> Iterable[tuple[dict[str, float], str]]:
    kept = [pair for n, pair in enumerate(examples) if n % FOLDS != fold]
    if len({label for _, label in kept}) < 2:
        return []
    model = Classifier(kept, temperature=1.0)
    held = [pair for n, pair in enumerate(examples) if n % FOLDS == fold]
    return [(model.scores(text), label) for text, label in held if label in model.labels]


def _loss(scores: dict[str, float], label: str, temperature: float) -> float:
    return -math.log(max(_softmax(scores, temperature)[label], 1e-9))
