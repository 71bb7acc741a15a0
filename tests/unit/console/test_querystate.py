from controlplane.console.querystate import QueryState

ALLOWED = {"status": frozenset({"failed", "dead"}), "workflow": None}


def parse(*lists: tuple[str, list[str]]) -> QueryState:
    return QueryState.parse(lists, allowed=ALLOWED)


def test_a_view_round_trips_through_its_url() -> None:
    state = parse(("status", ["failed", "dead"]), ("workflow", ["itsm-triage"]), ("before", ["abc"]))
    assert str(state) == "?before=abc&status=failed&status=dead&workflow=itsm-triage"


def test_an_unknown_filter_or_value_is_dropped() -> None:
    state = parse(("status", ["failed", "<script>"]), ("tenant", ["other"]))
    assert state.values("status") == ("failed",)
    assert str(state) == "?status=failed"


def test_the_next_page_keeps_the_filters() -> None:
    assert parse(("status", ["dead"])).older("k1") == "?before=k1&status=dead"


def test_blank_values_are_no_filter() -> None:
    state = parse(("workflow", [" "]))
    assert not state.filtered
    assert state.first("workflow") == ""


def test_a_filter_is_replaced_and_the_page_starts_anew() -> None:
    state = parse(("status", ["failed", "dead"]), ("workflow", ["a"]), ("before", ["abc"]))
    assert state.with_only("status", "dead") == "?status=dead&workflow=a"
