"""The list of fault points is about the code as it is, and the matrix is about the whole list."""

import inspect

import pytest

from connectors import transport
from tests.faults import cases, hooks, points
from tests.faults.points import Moment, Site


@pytest.mark.parametrize("site", points.SITES, ids=lambda site: site.name)
def test_every_site_still_exists(site: Site) -> None:
    assert callable(hooks.resolve(site.where)[2])


@pytest.mark.parametrize(
    "site", [site for site in points.SITES if Moment.AFTER_COMMIT in site.moments], ids=lambda s: s.name
)
def test_a_site_with_commits_opens_a_transaction(site: Site) -> None:
    function = inspect.unwrap(hooks.resolve(site.where)[2])
    source = inspect.getsource(function)
    assert "transaction.atomic" in source, f"{site.where} opens none"


def test_the_wire_still_tells_of_every_request() -> None:
    _, _, trace = hooks.resolve(points.WIRE_SITE)
    assert list(inspect.signature(trace).parameters) == ["self", "event", "info"]
    assert trace is transport._Wire.trace


def test_names_of_points_are_unique() -> None:
    assert len(set(points.points())) == len(points.points())


def test_the_matrix_is_large_and_strikes_only_at_listed_points() -> None:
    matrix = cases.matrix()
    struck = {strike.point for case in matrix for strike in case.strikes}
    assert len(matrix) >= 200
    assert struck <= set(points.points())


def test_every_deed_and_every_workflow_is_in_each_sample() -> None:
    chosen = cases.sample(cases.matrix(), cases.SAMPLE, seed=1)
    deeds = {strike.deed for case in chosen for strike in case.strikes}
    assert {case.workflow for case in chosen} == set(cases.ENDS)
    assert deeds >= set(cases.DEEDS)
    assert any(case.vendor for case in chosen)


def test_what_strikes_and_what_is_listed_agree() -> None:
    """A site that no case strikes is struck by a test of its own, or it would be a hole in the matrix."""
    struck = {strike.point.partition(".")[0] for case in cases.matrix() for strike in case.strikes}
    assert {site.name for site in points.SITES} - struck == set(cases.STRUCK_ELSEWHERE)
