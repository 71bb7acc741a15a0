"""Bundles judged in a real browser: the bytes of the other verifier, and nothing leaves the machine."""

import base64
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from playwright.sync_api import Browser, Page, expect

from evidence.verify.dossier import Question
from tests.bench.evidence.reading import period
from tests.conformance import vectors
from tests.conformance.other import Asked, vector, written
from tests.ground import ROOT
from tests.unit.evidence.corpus import edited
from tests.unit.evidence.forge import DAY, NOW, Kit

pytestmark = pytest.mark.browser

ALONE = ROOT / "static" / "dist" / "verify.html"
FILL = """async ({files, at, profile}) => {
  for (const [id, contents] of Object.entries(files)) {
    const carrier = new DataTransfer();
    for (const content of contents) carrier.items.add(new File([Uint8Array.fromBase64(content)], id));
    document.getElementById(id).files = carrier.files;
  }
  document.getElementById("at").value = at;
  document.getElementById("profile").value = profile;
  document.getElementById("question").requestSubmit();
  while (!document.getElementById("verdict")) await new Promise((next) => setTimeout(next, 5));
  return document.getElementById("report")?.textContent ?? "";
}"""
SEND = """async (address) => {
  const ways = [
    () => fetch(address, {method: "POST", body: "x"}),
    () => new Promise((sent, refused) => Object.assign(new Image(), {onload: sent, onerror: refused, src: address})),
    () => { if (!navigator.sendBeacon(address, "x")) throw new Error("refused"); },
  ];
  const tried = await Promise.allSettled(ways.map(async (way) => way()));
  return tried.map((one) => one.status);
}"""
AWAKE = """async () => {
  const seen = new Set();
  document.getElementById("question").requestSubmit();
  while (!document.getElementById("verdict")) {
    const bar = document.querySelector("#answer progress");
    if (bar) seen.add(bar.value);
    await new Promise((next) => setTimeout(next));
  }
  return [...seen];
}"""
STOP = """() => {
  document.getElementById("question").requestSubmit();
  document.querySelector("#answer button").click();
}"""
TWICE = """() => {
  document.getElementById("question").requestSubmit();
  document.getElementById("at").value = "0";
  document.getElementById("question").requestSubmit();
}"""
FETCH = """(address) => fetch(address, {method: "POST", body: "x"}).then(() => "sent", () => "refused")"""
EVENTS = 10_000


@pytest.fixture
def alone(browser: Browser) -> Iterator[Page]:
    """The page as a file from a disk, on a machine without a network."""
    context = browser.new_context(offline=True)
    page = context.new_page()
    requested: list[str] = []
    page.on("request", lambda request: requested.append(request.url))
    page.goto(ALONE.as_uri())
    yield page
    context.close()
    assert [url for url in requested if not url.startswith("blob:")] == [ALONE.as_uri()]


def ask(page: Page, asked: Asked) -> None:
    fill(page, asked)
    page.get_by_role("button", name="Verify").click()


def fill(page: Page, asked: Asked) -> None:
    if not page.get_by_label("Profile").is_visible():
        page.get_by_text("Stricter, or as of another time").click()
    page.get_by_label("Bundle").set_input_files(asked.bundle)
    page.get_by_label("Trust file").set_input_files([asked.trust] if asked.trust else [])
    page.get_by_label("Remembered heads").set_input_files(list(asked.known))
    page.get_by_label("Profile").select_option(asked.profile)
    page.get_by_label("Judge as of").fill(str(asked.at_ms))


def said(page: Page, asked: Asked) -> str:
    """The report as JSON, by way of the form; the answer to the question before is taken away first."""
    files = {"bundle": [asked.bundle], "trust": [asked.trust] if asked.trust else [], "known": list(asked.known)}
    encoded = {name: [base64.b64encode(path.read_bytes()).decode() for path in files[name]] for name in files}
    report: str = page.evaluate(FILL, {"files": encoded, "at": str(asked.at_ms), "profile": asked.profile})
    return report


@pytest.mark.parametrize("part", range(6))
def test_the_browser_says_the_same_bytes_of_every_vector(alone: Page, tmp_path: Path, part: int) -> None:
    folders = sorted(path for path in vectors.FOLDER.iterdir() if path.is_dir())[part::6]
    asked = [vector(folder, tmp_path) for folder in folders]
    assert [one.bundle.parent.name for one in asked if said(alone, one) != one.ours()[1]] == []


def test_what_passed_failed_and_was_not_checked_stand_apart(alone: Page, tmp_path: Path) -> None:
    kit = Kit()
    good, bad = kit.bundle(), kit.unsigned(edited("data/events.jsonl", b"INC1", b"INC2"))
    trusting, doubting = kit.ask(), Question(None, (), kit.ask().at_ms)
    for name, bundle, question, verdict, word in [
        ("good", good, trusting, "VERIFIED", "PASS"),
        ("bad", bad, trusting, "TAMPERED", "FAIL"),
        ("unknown", good, doubting, "UNTRUSTED", "COULD NOT CHECK"),
    ]:
        ask(alone, written(tmp_path / name, bundle, question))
        expect(alone.get_by_role("heading", name=verdict)).to_contain_text(word)
        expect(alone.get_by_role("heading", name=verdict)).to_be_focused()
        expect(alone.get_by_role("heading", level=3).filter(has_text="COULD NOT CHECK")).to_be_visible()


def test_files_that_are_nothing_of_the_kind_are_not_judged(alone: Page, tmp_path: Path) -> None:
    kit = Kit()
    asked = written(tmp_path / "odd", kit.bundle(), kit.ask())
    (tmp_path / "odd" / "trust.json").write_text("{}")
    ask(alone, asked)
    expect(alone.get_by_role("alert")).to_contain_text("not a trust file")


def test_a_verified_head_can_be_kept_and_given_back(alone: Page, tmp_path: Path) -> None:
    kit = Kit()
    asked = written(tmp_path / "first", kit.bundle(), kit.ask())
    ask(alone, asked)
    with alone.expect_download() as kept:
        alone.get_by_role("link", name="Save this head").click()
    note = tmp_path / "head.note"
    kept.value.save_as(note)
    ask(alone, Asked(asked.bundle, asked.trust, (note,), asked.at_ms))
    expect(alone.get_by_text("A3: and it agrees")).to_be_visible()


def test_text_of_a_bundle_neither_acts_nor_turns(alone: Page, tmp_path: Path) -> None:
    kit = Kit()
    hostile = kit.bundle(run="\u202e<img src=x onerror=document.title=1>")
    ask(alone, written(tmp_path / "hostile", hostile, kit.ask()))
    expect(alone.get_by_role("heading", name="TAMPERED")).to_be_visible()
    assert alone.locator("#answer img").count() == 0
    assert alone.title().startswith("Verify")


def test_a_long_bundle_leaves_the_page_awake(alone: Page, tmp_path: Path) -> None:
    kit = Kit()
    fill(alone, written(tmp_path / "long", period(kit, EVENTS), kit.ask(at_ms=NOW + DAY)))
    shares = alone.evaluate(AWAKE)
    assert len(shares) >= 3
    assert shares == sorted(shares)
    assert 0 <= shares[0] < shares[-1] <= 1
    expect(alone.get_by_role("heading", name="VERIFIED")).to_be_focused()
    expect(alone.get_by_text(f"{EVENTS} of {EVENTS}")).to_be_visible()


def test_a_check_can_be_stopped_and_asked_again(alone: Page, tmp_path: Path) -> None:
    kit = Kit()
    fill(alone, written(tmp_path / "stopped", kit.bundle(), kit.ask()))
    alone.evaluate(STOP)
    expect(alone.get_by_role("heading", name="COULD NOT CHECK")).to_be_focused()
    expect(alone.get_by_text("You stopped the check.")).to_be_visible()
    assert alone.locator("#answer progress").count() == 0
    alone.get_by_role("button", name="Verify").click()
    expect(alone.get_by_role("heading", name="VERIFIED")).to_be_visible()


def test_of_two_questions_the_newer_one_is_answered(alone: Page, tmp_path: Path) -> None:
    kit = Kit()
    fill(alone, written(tmp_path / "twice", kit.bundle(), kit.ask()))
    alone.evaluate(TWICE)
    expect(alone.get_by_role("heading", name="UNTRUSTED")).to_be_visible()
    assert alone.locator("#verdict").count() == 1


def test_the_page_of_the_console_judges_and_may_not_send(
    visit: Callable, world: SimpleNamespace, tmp_path: Path, server: str
) -> None:
    visitor = visit(world.a.alice)
    page = visitor.open("/o/a/evidence/verify/")
    requested: list[str] = []
    sent: list[str] = []
    page.on("request", lambda request: requested.append(request.url))
    page.on("requestfinished", lambda request: sent.append(request.url))
    kit = Kit()
    ask(page, written(tmp_path / "console", kit.bundle(), kit.ask()))
    expect(page.get_by_role("heading", name="VERIFIED")).to_be_visible()
    assert visitor.accessibility() == []
    assert set(requested) <= {f"{server}/static/dist/verify.js"}
    assert [worker.evaluate(FETCH, f"{server}/o/a/") for worker in page.workers] == ["refused"]
    tried = page.evaluate(SEND, f"{server}/o/a/")
    assert tried[:2] == ["rejected", "rejected"]
    assert [url for url in sent if not url.endswith("/verify.js")] == []
    visitor.complaints[:] = [one for one in visitor.complaints if "Content Security Policy" not in one]
