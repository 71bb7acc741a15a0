"""What a pack may not do is found on its syntax tree, whichever way it is written; and nothing of it has run."""

from collections.abc import Iterator
from typing import Any

import pytest

from policies import authoring, gate, golden, packs
from policies.engine import embedded
from policies.engine.process import EvaluatorProcess
from policies.errors import PolicyRefused
from policies.types import PackSource

HEAD = "package interlock.packs.mine\n"


@pytest.fixture(scope="module")
def author() -> Iterator[EvaluatorProcess]:
    process = embedded.start(confined_only=False)
    yield process
    process.kill()


def tree(author: EvaluatorProcess, source: str) -> Any:
    return author.ask({"verb": "parse", "modules": {"m": source}}, deadline_s=5)["m"]


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ('x := http.send({"url": "u"})', "forbidden_builtin"),
        ('x := http["send"]({"url": "u"})', "forbidden_builtin"),
        ('x if http.send({"url": "u"}).body.ok', "forbidden_builtin"),
        ('x := opa.runtime().env["SECRET"]', "forbidden_builtin"),
        ('x := [http.send({"url": "u"})][0].body', "forbidden_builtin"),
        ('x := {"a": data.interlock.packs.other}["a"].grants', "foreign_data"),
        ("x := http[`send`]({})", "forbidden_builtin"),
        ("x if { json.marshal(1) with json.marshal as http.send }", "forbidden_builtin"),
        ("x := opa.runtime()", "forbidden_builtin"),
        ("x := opa.runtime().env", "forbidden_builtin"),
        ("x := http.send({}).body.y", "forbidden_builtin"),
        ('x := {"y": [http.send({}).body]}.y[0].z', "forbidden_builtin"),
        ("x := [data.interlock.bundle][0].seq", "foreign_data"),
        ('x := $"{http.send({}).body}"', "forbidden_builtin"),
        ("x := 0.5", "fraction"),
        ("x if input.context.spend.run_micro > 1e3", "fraction"),
        ('findings contains {"effect": "DENY", "code": "c", "rule": "interlock.main"}', "foreign_rule"),
        ('findings contains {"effect": "DENY", "code": "c", "rule": "interlock.pep"}', "foreign_rule"),
        ('grants contains {"rule": "interlock.packs.system.card"}', "foreign_rule"),
        ('grants contains {"rule": "interlock.packs.minefield"}', "foreign_rule"),
        ('findings contains {"effect": "DENY", "code": "bundle_stale", "rule": "r"}', "platform_code"),
        ('findings contains {"effect": "DENY", "code": "pdp_timeout", "rule": "r"}', "platform_code"),
        ('findings contains {"effect": "PERMIT", "code": "c", "rule": "r"}', "unknown_effect"),
        ("x := time.now_ns()", "forbidden_builtin"),
        ('x := rand.intn("a", 3)', "forbidden_builtin"),
        ('x := uuid.rfc4122("a")', "forbidden_builtin"),
        ('x := json.match_schema({}, {"$ref": "file:///etc/passwd"})', "forbidden_builtin"),
        ("x := json.verify_schema({})", "forbidden_builtin"),
        ('x := net.lookup_ip_addr("h")', "forbidden_builtin"),
        ('x := net.cidr_expand("10.0.0.0/8")', "forbidden_builtin"),
        ('x := rego.parse_module("m", "package m")', "forbidden_builtin"),
        ('x := graphql.is_valid("a", "b")', "forbidden_builtin"),
        ("x := io.jwt.encode_sign({}, {}, {})", "forbidden_builtin"),
        ('x := io.jwt.decode_verify("t", {})', "forbidden_builtin"),
        ('x := crypto.x509.parse_certificates("p")', "forbidden_builtin"),
        ("x if { some y in [1]; print(y) }", "forbidden_builtin"),
        ('x if trace("t")', "forbidden_builtin"),
        ('x := {"deep": [1, {"er": [y | y := http.send({})]}]}', "forbidden_builtin"),
        ("x := data.interlock.packs.other.grants", "foreign_data"),
        ("x := data.interlock.main.decision", "foreign_data"),
        ("x := data.interlock.bundle", "foreign_data"),
        ("x := data.interlock.config.other", "foreign_data"),
        ("x := data", "foreign_data"),
        ("x[y] := data[y]", "foreign_data"),
        ('x := data["inter"]', "foreign_data"),
        ("x[p] := data.interlock.packs[p].grants", "foreign_data"),
        ("import data.interlock.packs as all", "foreign_data"),
        ("import data", "foreign_data"),
        ("x if { y := 1 with data.interlock.packs.other as 1 }", "foreign_data"),
    ],
)
def test_is_refused(author: EvaluatorProcess, line: str, code: str) -> None:
    source = f"{HEAD}{line}\n"
    found = [finding for finding in gate.inspect_pack("mine", tree(author, source), source) if finding.code == code]
    assert found
    assert all(finding.line == 2 and finding.column > 1 and finding.hint for finding in found), found


@pytest.mark.parametrize(
    "line",
    [
        'x := "http.send is only a word here"',
        "# http.send(opa.runtime())",
        "import rego.v1",
        "import data.interlock.lib",
        'x if data.interlock.lib.approved("standard")',
        "x := data.interlock.config.mine.channels",
        "x := data.interlock.packs.mine.y\ny := 1",
        "x if every y in input.resource.data_classes { y in {1, 2} }",
        'x := regex.match("^a", input.resource.tool)',
        "x := y if { y := z with input as {} }\nz := 1",
    ],
)
def test_is_allowed(author: EvaluatorProcess, line: str) -> None:
    assert gate.inspect_pack("mine", tree(author, f"{HEAD}{line}\n")) == []


def test_a_pack_stays_in_its_own_package(author: EvaluatorProcess) -> None:
    for package in ("interlock.main", "interlock.packs.other", "interlock.packs.mine.inner", "mine"):
        found = gate.inspect_pack("mine", tree(author, f"package {package}\nx := 1\n"))
        assert [finding.code for finding in found] == ["wrong_package"], package


@pytest.mark.parametrize("name", [*packs.PLATFORM, "triage", "access_review"])
def test_our_own_rego_uses_nothing_that_is_forbidden(author: EvaluatorProcess, name: str) -> None:
    assert gate.inspect_platform(name, tree(author, packs.rego(name))) == []


def test_the_triage_pack_passes_with_its_tests() -> None:
    authoring.check({"triage": packs.triage(channels=["C0TEAM0001"])}, confined_only=False)


def test_the_access_review_pack_passes_its_own_tests() -> None:
    pack = packs.access_review(privileged_groups=["0" * 32], usergroups=["S0TEAM0001"])
    authoring.check({"access_review": pack}, confined_only=False)


GRANT = 'grants contains {"rule": "r"} if input.resource.tool == "a.b"\n'
TESTS = "package interlock.tests.mine\n"


@pytest.mark.parametrize(
    ("name", "pack", "code"),
    [
        ("mine", PackSource(HEAD + "x := ["), "does_not_parse"),
        ("mine", PackSource("deny[msg] { msg := 1 }"), "does_not_parse"),
        ("mine", PackSource(HEAD + "x := unknown_function(1)"), "does_not_compile"),
        ("mine", PackSource(HEAD + "x := y"), "does_not_compile"),
        ("mine", PackSource(HEAD + 'grants contains {"rule": "r"}'), "grants_everything"),
        ("mine", PackSource(HEAD + 'undo_grants contains {"rule": "r"} if input.action'), "grants_everything"),
        ("system", PackSource("package interlock.packs.system\nx := 1"), "bad_name"),
        ("../up", PackSource(HEAD + "x := 1"), "bad_name"),
        ("mine", PackSource(HEAD + GRANT, tests="package interlock.tests.mine\ntest_no if false"), "test_failed"),
        ("mine", PackSource(HEAD + GRANT, tests="package interlock.tests.mine\ntest_no := 1 / 0"), "test_failed"),
        ("mine", PackSource(HEAD + GRANT, tests="package interlock.packs.mine\ntest_x := true"), "wrong_package"),
        (
            "mine",
            PackSource(HEAD + GRANT, tests="package interlock.tests.mine\ntest_x := http.send({})"),
            "forbidden_builtin",
        ),
    ],
)
def test_a_draft_is_refused_with_its_findings(name: str, pack: PackSource, code: str) -> None:
    with pytest.raises(PolicyRefused) as refused:
        authoring.check({name: pack}, confined_only=False)
    findings = refused.value.extra["findings"]
    assert code in {finding["code"] for finding in findings}


def test_a_sound_draft_passes() -> None:
    tests = TESTS + 'test_yes if data.interlock.main.effect == "DENY" with input as {}'
    authoring.check({"mine": PackSource(HEAD + GRANT, {"n": 1}, tests)}, confined_only=False)


@pytest.mark.parametrize("name", [*packs.PLATFORM, "Mine", "mine.rego", "", "1st", "m" * 49])
def test_no_pack_has_the_name_of_a_part_of_interlock_or_an_odd_one(name: str) -> None:
    assert not authoring.allowed_name(name)


IMITATIONS = [
    'sprintf("interlock.%s", ["pep"])',
    'concat(".", ["interlock", "main"])',
    'concat(".", ["interlock", "packs", "triage", "write"])',
    'concat("", ["interlock.packs.mine", "field"])',
]


@pytest.mark.parametrize("rule", IMITATIONS)
def test_a_rule_that_is_named_like_ours_while_it_runs_is_denied_under_our_own_name(
    author: EvaluatorProcess, rule: str
) -> None:
    """The gate cannot see it: the master decision does."""
    source = f'{HEAD}findings contains {{"effect": "ALLOW", "code": "c", "rule": {rule}, "message": "m"}}\n{GRANT}'
    assert gate.inspect_pack("mine", tree(author, source), source) == []
    sources = {"mine": PackSource(source)}
    program = {"modules": authoring.modules(sources), "data": authoring._trial_data(sources)}
    common = {"key": rule, "entrypoint": "interlock.main.decision"}
    author.ask({"verb": "load", **program, **common}, deadline_s=5)
    document = golden.over(golden.BASE, {"resource": {"tool": "a.b"}})
    answer = author.ask({"verb": "evaluate", "document": document, **common}, deadline_s=5)
    assert [(reason["rule"], reason["code"]) for reason in answer["reasons"]] == [("interlock.main", "bad_finding")]
    assert answer["effect"] == "DENY"
