from controlplane.console import charts, csp, diffs, inert, statuses, words, writes


def test_a_status_is_colour_shape_and_word() -> None:
    assert statuses.status("WAITING_APPROVAL") == statuses.Status("wait", "◷", "waiting approval")


def test_an_unknown_state_shows_its_own_name_in_grey() -> None:
    assert statuses.status("MARTIAN").tone == "off"
    assert statuses.status("MARTIAN").word == "martian"


def test_the_diff_names_changed_fields_and_counts_the_rest() -> None:
    changed, unchanged = diffs.between({"a": "1", "b": "2"}, {"a": "1", "b": "3", "c": ""})
    assert [(row.field, row.before, row.after) for row in changed] == [
        ("b", diffs.Cell("2"), diffs.Cell("3")),
        ("c", diffs.Cell("", "not set"), diffs.Cell("", "empty")),
    ]
    assert unchanged == 1


def test_a_structured_value_is_shown_as_json() -> None:
    assert diffs.cell({"b": 1, "a": [True]}).text == '{"a": [true], "b": 1}'


def test_the_limit_of_a_chart_is_never_above_its_frame() -> None:
    chart = charts.bars([("mon", 5, "5"), ("tue", 0, "0")], limit=10)
    assert chart.limit_y == 0
    assert [bar.height for bar in chart.bars] == [80, 0]


def test_a_short_step_stays_visible() -> None:
    long, short = charts.spans([("a", 0, 1_000_000, "ok"), ("b", 0, 1, "bad")])
    assert long.width == charts.WIDTH - 3
    assert short.width == 3


def test_the_strict_policy_allows_nothing_inline_and_no_other_origin() -> None:
    header = csp.policy_for("/o/acme/", "R")
    assert "unsafe" not in header
    assert "http" not in header
    assert "require-trusted-types-for 'script'" in header
    assert "script-src 'self' 'nonce-R'" in header


def test_only_the_table_weakens_the_policy() -> None:
    assert list(csp.EXCEPTIONS) == ["/admin/"]
    assert "trusted-types" not in csp.policy_for("/admin/", "R")
    assert "unsafe" not in csp.policy_for("/admin/", "R")


def test_a_page_that_opens_files_of_its_reader_has_no_way_out() -> None:
    header = csp.policy_for("/o/acme/evidence/verify/", "R")
    assert {"connect-src 'none'", "form-action 'none'", "img-src data:"} <= set(header.split("; "))
    assert "connect-src 'self'" in csp.policy_for("/o/acme/evidence/", "R")


def test_hidden_and_turning_characters_are_shown_by_number() -> None:
    assert inert.inert("pay\u202elive\u200b") == "pay⟨U+202E⟩live⟨U+200B⟩"
    assert inert.inert("two\nlines\tand ümläut 漢") == "two\nlines\tand ümläut 漢"


def test_endless_text_says_how_much_is_left_out() -> None:
    assert inert.inert("x" * (inert.LONGEST + 5)).endswith("⟨… 5 more characters⟩")


def test_a_record_is_read_by_its_displayed_values() -> None:
    image = {"group": "d6073", "impact": "3", "display": {"group": "Service Desk"}}
    assert writes.readable(image) == {"group": "Service Desk", "impact": "3"}
    assert writes.readable(None) == {}


def test_a_decision_reads_as_its_effect_and_its_codes() -> None:
    facts = {"effect": "DENY", "tool": "slack.message.post", "action": "tool.call", "reasons": [{"code": "no_grant"}]}
    assert words.WORDS["policy.decided"](facts) == "DENY for slack.message.post: no_grant"


def test_a_cost_that_is_not_known_is_at_least_so_much() -> None:
    facts = {"provider": "anthropic", "model": "", "tokens_in": 0, "tokens_out": 0, "cost_micros": 0, "known": False}
    assert words.WORDS["metering.usage_settled"](facts) == "anthropic: at least $0.00"
