"""A real browser against a real server process on a database of its own."""

import os
import shutil
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request, sync_playwright

from tests.ground import ROOT
from tests.site import Site

AXE = ROOT / "frontend" / "node_modules" / "axe-core" / "axe.min.js"
AXE_OPTIONS = {
    "runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa", "best-practice"]},
    "resultTypes": ["violations"],
    "preload": False,  # axe would fetch style sheets by a way that the policy refuses
}
CONTRAST = {**AXE_OPTIONS, "runOnly": {"type": "rule", "values": ["color-contrast"]}}
SETTLED = """async () => {
  await new Promise((next) => requestAnimationFrame(() => requestAnimationFrame(next)));
  await Promise.allSettled(document.getAnimations().map((moving) => moving.finished));
}"""
CHROMIUM = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def pytest_configure() -> None:
    # Playwright's synchronous interface runs a loop in this thread, which Django mistakes for asynchronous code.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Ends with this package: as long as Playwright's loop runs in this thread, Django keeps its connections by
    context instead of by thread, and other tests would leave some of them open."""
    path = os.environ.get("INTERLOCK_CHROMIUM") or next(filter(None, map(shutil.which, CHROMIUM)), None)
    if path is None:
        pytest.fail("Chromium is missing: `apt-get install chromium`, or set INTERLOCK_CHROMIUM to the path of one.")
    if not AXE.exists():
        pytest.fail("The front end is not built. Run `python frontend/build.py`, then run the tests again.")
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-dev-shm-usage"])
        yield running
        running.close()


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    running = Site(tmp_path_factory.mktemp("site") / "server.log")
    yield running
    running.stop()


@pytest.fixture
def server(site: Site, committed_db: str, world: SimpleNamespace) -> str:
    """The address of the console on this test's own database."""
    return site.start(committed_db)


class Visitor:
    """A browser window of one person, which remembers everything that the policy forbids."""

    def __init__(self, context: BrowserContext, address: str, who: str) -> None:
        self.who = who
        self.page: Page = context.new_page()
        self.address = address
        self.complaints: list[str] = []
        self.also_allowed = ""  # host and port of an identity provider that this person goes to
        self.page.on("console", self._heard)
        self.page.on("pageerror", lambda error: self.complaints.append(f"script error: {error}"))
        self.page.on("request", self._requested)

    def _heard(self, message: ConsoleMessage) -> None:
        expected = message.text.startswith("Failed to load resource: the server responded with a status of 4")
        if message.type in ("error", "warning") and not expected:
            self.complaints.append(f"{message.type}: {message.text}")

    def _requested(self, request: Request) -> None:
        here, there = urlsplit(self.address), urlsplit(request.url)
        if there.scheme not in ("data", "about") and there.netloc not in (here.netloc, self.also_allowed):
            self.complaints.append(f"request to another origin: {request.url}")

    def open(self, path: str) -> Page:
        self.page.goto(self.address + path)
        return self.page

    def accessibility(self) -> list[str]:
        """What axe finds, one sentence each: everything in the light theme, then the contrasts of the dark one."""
        self._show("light")
        found = self._axe(AXE_OPTIONS)
        self._show("dark")
        return found + [f"dark: {said}" for said in self._axe(CONTRAST)]

    def _show(self, theme: str) -> None:
        """Switch the theme and wait until no colour is on its way: halfway, every contrast is wrong."""
        self.page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
        self.page.evaluate(SETTLED)

    def _axe(self, options: dict[str, object]) -> list[str]:
        found = Axe.from_file(AXE).run(self.page, options=options).response["violations"]
        return [f"{rule['id']}: {rule['help']}: {node['html'][:160]}" for rule in found for node in rule["nodes"]]

    def widest(self) -> int:
        """How many CSS pixels the page is wider than the window: 0 when it reflows."""
        width: int = self.page.evaluate(
            "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        return width


@pytest.fixture
def visit(browser: Browser, server: str) -> Iterator[Callable[..., Visitor]]:
    """`visit(user, theme="dark", width=320)` → a Visitor who is signed in; every complaint fails the test."""
    contexts: list[BrowserContext] = []
    visitors: list[Visitor] = []

    def enter(user: object | None, *, theme: str = "light", width: int = 1280) -> Visitor:
        context = browser.new_context(viewport={"width": width, "height": 800}, color_scheme=theme)  # type: ignore[arg-type]
        context.set_default_timeout(10_000)
        if user is not None:
            context.add_cookies([{"name": "sessionid", "value": _session(user), "url": server}])
        contexts.append(context)
        visitors.append(Visitor(context, server, getattr(user, "username", "nobody")))
        return visitors[-1]

    yield enter
    for context in contexts:
        context.close()
    assert [said for visitor in visitors for said in visitor.complaints] == []


@pytest.fixture
def session_of() -> Callable[[object], str]:
    return _session


def _session(user: object) -> str:
    from django.test import Client

    client = Client()
    client.force_login(user)
    return client.cookies["sessionid"].value
