"""What an auditor asks on the command line, besides the verdict."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evidence.verify import cli, sampling
from evidence.verify.findings import Verdict
from tests.unit.evidence.corpus import rewritten
from tests.unit.evidence.forge import STEPS, Kit, chain
from tests.unit.evidence.forge_kinds import Period
from tests.unit.evidence.governed import CLOSED, GOVERNED, after

Ask = Callable[..., tuple[int, Any]]


@pytest.fixture
def ask(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Ask:
    """Runs `interlock-verify COMMAND [other files] BUNDLE --trust …`; bytes become files."""

    def run(command: str, kit: Kit, *content: bytes | str, json_out: bool = True) -> tuple[int, Any]:
        (tmp_path / "trust.json").write_text(json.dumps(kit.trust.as_json()))
        paths, options = [], []
        for number, one in enumerate(content):
            if isinstance(one, bytes):
                path = tmp_path / f"{number}.file"
                path.write_bytes(one)
                paths.append(str(path))
            else:
                options.append(one)
        trust = [] if command == "inspect" else ["--trust", str(tmp_path / "trust.json"), "--at", str(kit.ask().at_ms)]
        code = cli.main([command, *paths, *trust, *options, *(["--json"] if json_out else [])])
        out = capsys.readouterr().out
        return code, json.loads(out) if json_out and out.startswith("{") else out

    return run


def test_verify_is_what_is_meant_when_no_command_is_named(ask: Ask, tmp_path: Path, capsys: Any) -> None:
    kit = Kit()
    code, report = ask("verify", kit, kit.bundle())
    short = cli.main(
        [str(tmp_path / "0.file"), "--trust", str(tmp_path / "trust.json"), "--json", "--at", str(kit.ask().at_ms)]
    )
    assert (code, short, json.loads(capsys.readouterr().out)) == (0, 0, report)


def test_inspect_says_what_is_there_and_that_it_is_not_verified(ask: Ask) -> None:
    kit = Kit()
    code, told = ask("inspect", kit, kit.bundle())
    assert (code, told["verified"], told["claims"]["run"]) == (0, False, "run-1")
    assert told["events"] == {"run.sealed": 1, "run.started": 1, "test.noted": 3}
    assert ask("inspect", kit, b"nonsense")[0] == Verdict.MALFORMED


def test_a_sample_hangs_on_the_root_and_the_auditors_word(ask: Ask) -> None:
    kit = Period(begin=0)
    code, drawn = ask("sample", kit, kit.bundle(), "--nonce", "blue", "-n", "4")
    again = ask("sample", kit, kit.bundle(), "--nonce", "blue", "-n", "4")
    other = ask("sample", kit, kit.bundle(), "--nonce", "green", "-n", "4")
    leaves = [event["leaf"] for event in drawn["events"]]
    assert (code, drawn["population"], len(set(leaves))) == (0, len(kit.bodies), 4)
    assert again == (0, drawn)
    assert [event["leaf"] for event in other[1]["events"]] != leaves


def test_a_sample_of_one_type_counts_only_that_type(ask: Ask) -> None:
    kit = Period(begin=0)
    code, drawn = ask("sample", kit, kit.bundle(), "--nonce", "x", "--type", "run.started", "-n", "99")
    assert (code, drawn["population"], {event["type"] for event in drawn["events"]}) == (0, 2, {"run.started"})


def test_no_sample_is_drawn_from_what_does_not_verify(ask: Ask) -> None:
    kit = Period()
    assert ask("sample", kit, kit.without(5), "--nonce", "x") == (Verdict.INCOMPLETE, "")
    run = Kit()
    assert ask("sample", run, run.bundle(), "--nonce", "x") == (Verdict.USAGE, "")


def test_the_draw_is_the_one_that_is_written_down() -> None:
    assert sampling.indices(bytes(32), "nonce", 1000, 5) == [202, 884, 934, 206, 55]
    assert sorted(sampling.indices(bytes(32), "nonce", 7, 99)) == list(range(7))
    assert sampling.indices(bytes(32), "nonce", 0, 3) == []


def test_a_newer_bundle_extends_an_older_one(ask: Ask) -> None:
    kit = Period(begin=0, end=6)
    later = Period(begin=0)
    code, told = ask("consistency", later, kit.bundle(), later.bundle())
    assert (code, told["extends"], told["verdict"]) == (0, True, "VERIFIED")
    code, told = ask("consistency", later, later.bundle(), kit.bundle())
    assert (code, told["extends"], told["findings"][0]["code"]) == (4, False, "STALE")


def test_two_histories_are_shown_with_both_notes_and_kept_as_proof(ask: Ask, tmp_path: Path) -> None:
    kit = Kit()
    old = kit.note(kit.sizes[-1])
    code, told = ask("consistency", kit, old.encode(), rewritten(kit).bundle())
    assert (code, told["extends"], len(told["conflicting_notes"])) == (Verdict.EQUIVOCATION, False, 2)
    (tmp_path / "old.note").write_text(old)
    proof = tmp_path / "proof.txt"
    bundle = rewritten(kit).bundle()
    code, _ = ask("verify", kit, bundle, "--known", str(tmp_path / "old.note"), "--save-proof", str(proof))
    assert code == Verdict.EQUIVOCATION
    assert old in proof.read_text()


def test_a_pin_is_the_head_and_only_of_what_verifies(ask: Ask, tmp_path: Path) -> None:
    kit = Kit()
    assert ask("pin", kit, kit.bundle(), json_out=False) == (0, kit.note(kit.sizes[-1]))
    kept = tmp_path / "head.note"
    assert ask("pin", kit, kit.bundle(), "--to", str(kept))[0] == 0
    assert kept.read_text() == kit.note(kit.sizes[-1])
    assert ask("pin", kit, kit.only(0, 1, 3, 4), json_out=False) == (Verdict.INCOMPLETE, "")


def test_replay_finds_a_run_that_could_not_have_happened(ask: Ask) -> None:
    kit = Kit(chain(STEPS))
    code, told = ask("replay", kit, kit.bundle())
    assert (code, told["level"], told["runs"], told["breaks"]) == (0, "R0", 1, [])
    twice = Kit(chain(after(CLOSED, CLOSED)))
    code, told = ask("replay", twice, twice.bundle(disclosures=[]))
    assert code == Verdict.REPLAY_MISMATCH
    assert "the run is closed twice" in {fault["message"] for fault in told["breaks"]}


def test_replay_does_not_play_what_was_tampered_with(ask: Ask) -> None:
    kit = Kit(chain(GOVERNED))
    forged = kit.bundle(disclosures=[], run="run-2")
    assert ask("replay", kit, forged) == (Verdict.TAMPERED, "")


@pytest.mark.parametrize("arguments", [[], ["sample", "x.evb"], ["verify"], ["verify", "x", "--profile", "kind"]])
def test_wrong_usage_ends_with_2(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(arguments)
    assert ended.value.code == Verdict.USAGE


def test_an_unreadable_trust_file_ends_with_2(ask: Ask, tmp_path: Path, capsys: Any) -> None:
    (tmp_path / "bad.json").write_text("{}")
    (tmp_path / "run.evb").write_bytes(Kit().bundle())
    assert cli.main(["verify", str(tmp_path / "run.evb"), "--trust", str(tmp_path / "bad.json")]) == Verdict.USAGE
    assert "not a trust file" in capsys.readouterr().err
