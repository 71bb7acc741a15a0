from datetime import UTC, datetime, timedelta

from controlplane.console import timeline

START = datetime(2026, 11, 21, 3, tzinfo=UTC)


def event(seq: int, after_s: int, leaf: int | None = None) -> dict[str, object]:
    at = START + timedelta(seconds=after_s)
    return {"seq": seq, "at": at, "title": "t", "summary": "", "actor": "engine", "leaf": leaf}


def test_a_long_silence_is_told_before_the_event_that_ends_it() -> None:
    lines = timeline.lines([event(1, 0), event(2, 1), event(3, 7_201)])
    assert [line.idle for line in lines] == [None, None, timedelta(hours=2)]


def test_an_event_without_a_leaf_is_not_sealed_yet() -> None:
    assert [line.sealed for line in timeline.lines([event(1, 0, leaf=7), event(2, 1)])] == [True, False]


def test_no_events_make_no_lines() -> None:
    assert timeline.lines([]) == []
