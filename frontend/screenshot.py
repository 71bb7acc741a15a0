"""Take the pictures of the README from a console that runs (`make up`), into docs/images/.

python frontend/screenshot.py http://localhost:8000 acme NAME PASSWORD
"""

import os
import shutil
import sys
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

IMAGES = Path(__file__).resolve().parent.parent / "docs" / "images"
SIZE = {"width": 1280, "height": 860}


def main(address: str, tenant: str, name: str, password: str) -> None:
    path = os.environ.get("INTERLOCK_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    IMAGES.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        page = browser.new_page(viewport=SIZE)  # type: ignore[arg-type]
        sign_in(page, address, name, password)
        page.goto(f"{address}/o/{tenant}/approvals/?show=decided")
        page.locator("[data-row] a").first.click()
        page.screenshot(path=IMAGES / "console.png")
        page.locator("dd a.id").click()
        page.get_by_role("link", name="Calls and writes").click()
        page.wait_for_url("**tab=calls")
        page.screenshot(path=IMAGES / "run.png")
        browser.close()


def sign_in(page: Page, address: str, name: str, password: str) -> None:
    page.goto(f"{address}/login/")
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/o/*/")


if __name__ == "__main__":
    main(*sys.argv[1:])
