import pytest

from controlplane.demo.people import ConsoleRefused, _form
from controlplane.demo.scenarios import FEWEST, SCENARIOS, SPECIAL, plan
from controlplane.demo.tickets import own


@pytest.mark.parametrize("count", [FEWEST, 15, 16, 28, 100])
def test_every_special_scenario_happens_once(count):
    planned = plan(count)
    assert len(planned) == count
    assert [planned.count(name) for name in SPECIAL] == [1] * len(SPECIAL)
    assert set(planned) <= set(SCENARIOS)
    assert "web" in planned


def test_the_usual_demo_writes_at_least_twenty_tickets():
    planned = plan(28)
    assert sum(SCENARIOS[name].expected == SCENARIOS["slack"].expected for name in planned) >= 20


def test_own_tickets_never_repeat_a_text():
    texts = [ticket.text for ticket in own(90)]
    assert len(set(texts)) == 90


PAGE = """
<form action="/logout/"><input type="hidden" name="csrf" value="1"><button>Sign out</button></form>
<form method="post"><input type="hidden" name="csrf" value="2"><button data-approve>Approve</button></form>
"""


def test_a_person_fills_in_the_form_that_they_mean():
    assert _form(PAGE, "/x/", "data-approve") == ("", {"csrf": "2"})
    assert _form(PAGE, "/x/", "Sign out") == ("/logout/", {"csrf": "1"})


def test_a_form_that_is_not_there_is_a_refusal():
    with pytest.raises(ConsoleRefused, match="no form"):
        _form(PAGE, "/x/", "Release")
