"""A chore that goes wrong ends its own round and nothing else."""

import logging
from collections.abc import Callable
from unittest.mock import Mock

import pytest
from cryptography.exceptions import InvalidTag
from django.db import DatabaseError

from controlplane.lib.errors import LostRace
from workflows import sweeping


@pytest.mark.parametrize("wrong", [LostRace("moved on"), DatabaseError("gone"), InvalidTag(), KeyError("a tenant")])
def test_whatever_goes_wrong_in_a_chore_the_sweeper_goes_on(
    wrong: Exception, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(sweeping, "connection", Mock())
    work: Callable[[], object] = Mock(side_effect=wrong)
    with caplog.at_level(logging.WARNING):
        sweeping.attempt(sweeping.Chore("sums", 1.0, work))
    assert "sums" in caplog.text


def test_who_ends_the_sweeper_is_not_held_up() -> None:
    with pytest.raises(KeyboardInterrupt):
        sweeping.attempt(sweeping.Chore("sums", 1.0, Mock(side_effect=KeyboardInterrupt)))
