"""The graph of a run: every arrow to the right, nothing on top of anything, the same in words."""

from dataclasses import dataclass, field
from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from controlplane.console import graph


@dataclass
class Row:
    key: str
    needs: list[str] = field(default_factory=list)
    state: str = "SUCCEEDED"
    attempts: int = 1
    label: str = ""
    writes: bool = False
    parent_key: str = ""
    position: int = 0


def test_branches_stand_below_each_other_and_meet_again() -> None:
    drawn = graph.of(
        [Row("a"), Row("b", ["a"], position=1), Row("c", ["a"], position=2), Row("d", ["b", "c"], position=3)]
    )
    a, b, c, d = drawn.nodes
    assert a.x < b.x == c.x < d.x
    assert b.y != c.y
    assert len(drawn.arrows) == 4


def test_states_retries_skips_and_undoing_are_told() -> None:
    drawn = graph.of(
        [
            Row("read", attempts=3),
            Row("maybe", ["read"], "SKIPPED", position=1),
            Row("write", ["read"], "COMPENSATED", writes=True, label="RESTORED", position=2),
            Row("post", ["write"], "UNKNOWN", position=3),
        ]
    )
    told = {node.name: node.sentence for node in drawn.nodes}
    assert told["read"] == "read: succeeded, 3 tries, at the start"
    assert told["write"] == "write (writes): compensated, restored, after read"
    assert told["post"] == "post: unknown, after write"
    assert [arrow.untaken for arrow in drawn.arrows] == [True, False, False]
    assert {node.name: node.tone for node in drawn.nodes} == {
        "read": "ok",
        "maybe": "off",
        "write": "off",
        "post": "wait",
    }


def test_a_loop_tells_how_its_items_stand() -> None:
    items = [
        Row(f"each[{n}]", state=state, parent_key="each") for n, state in enumerate(["SUCCEEDED"] * 2 + ["FAILED"])
    ]
    [loop] = graph.of([Row("each", state="FAILED"), *items]).nodes
    assert loop.told == "failed, 1 item failed, 2 items succeeded"


def test_nothing_is_drawn_of_nothing() -> None:
    assert graph.of([]).nodes == ()


@st.composite
def runs(draw: st.DrawFn) -> list[Row]:
    size = draw(st.integers(1, 12))
    picks = [draw(st.sets(st.integers(0, max(n - 1, 0)), max_size=3)) if n else set() for n in range(size)]
    return [Row(f"s{n}", [f"s{each}" for each in sorted(picks[n])], position=n) for n in range(size)]


@given(runs())
def test_every_arrow_points_right_and_no_box_covers_another(rows: list[Row]) -> None:
    drawn = graph.of(rows)
    at = {node.name: node for node in drawn.nodes}
    assert all(at[before].x < at[row.key].x for row in rows for before in row.needs)
    assert all(one.x != other.x or abs(one.y - other.y) > graph.HIGH for one, other in combinations(drawn.nodes, 2))
    assert all(node.x + graph.WIDE <= drawn.width and node.y + graph.HIGH <= drawn.height for node in drawn.nodes)


def test_a_long_arrow_takes_a_free_place_and_runs_behind_no_box() -> None:
    drawn = graph.of([Row("a"), Row("b", ["a"], position=1), Row("c", ["a", "b"], position=2)])
    [passing] = [arrow.path for arrow in drawn.arrows if "H" in arrow.path]
    lane = int(passing.split(" H")[0].split()[-1])
    assert all(not node.y <= lane <= node.y + graph.HIGH for node in drawn.nodes)
    assert lane < drawn.height
