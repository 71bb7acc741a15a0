"""People in front of the console: they sign in, read a page, and send the form that they see."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import httpx2

from controlplane.lib.errors import DomainError


class ConsoleRefused(DomainError):
    """A page that a person needs is not there, or refuses."""

    code, status, title = "console_refused", 502, "The console refused"


class _Forms(HTMLParser):
    """Each form of a page: its action, and the values of its hidden inputs and pre-filled fields."""

    def __init__(self) -> None:
        super().__init__()
        self.forms: list[tuple[str, dict[str, str]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.forms.append((given.get("action", ""), {}))
        if tag == "input" and self.forms and given.get("type") == "hidden":
            self.forms[-1][1][given.get("name", "")] = given.get("value", "")


class Person:
    """One browser session. Raises ConsoleRefused when a page does not answer as a person expects."""

    def __init__(self, base_url: str, tenant: str, username: str, password: str) -> None:
        self.username = username
        self._home = f"/o/{tenant}/"
        self._http = httpx2.Client(base_url=base_url, timeout=30, trust_env=False, follow_redirects=True)
        self.send("/login/", "current-password", login=username, password=password)

    def page(self, path: str) -> str:
        answer = self._http.get(path)
        if answer.status_code != 200:
            raise ConsoleRefused(f"GET {path} answered {answer.status_code}")
        return answer.text

    def send(self, path: str, holding: str, **fields: str) -> str:
        """Open the page, fill in its first form that mentions `holding`, send it; the page that follows."""
        return self.submit(self.page(path), path, holding, **fields)

    def submit(self, markup: str, path: str, holding: str, **fields: str) -> str:
        """Send a form of a page that is open already."""
        action, hidden = _form(markup, path, holding)
        origin = {"Referer": f"{self._http.base_url}"}
        answer = self._http.post(action or path, data={**hidden, **fields}, headers=origin)
        if answer.status_code != 200:
            raise ConsoleRefused(f"POST {action or path} answered {answer.status_code}")
        return answer.text

    def approve(self, path: str) -> None:
        """Read the approval page and say yes to exactly what it shows."""
        self.send(path, "data-approve", verdict="approve", reason="As the ticket asks.")

    def halt(self, reason: str) -> None:
        """Freeze the whole tenant: ask, read the confirmation, confirm."""
        path = f"{self._home}halts/"
        check = self.send(path, "confirm on the next page", kind="tenant", value="", mode="freeze", reason=reason)
        self.submit(check, path, "Stop now")

    def ask_for_release(self, reason: str) -> None:
        self.send(f"{self._home}halts/", "Ask for the release", reason=reason)

    def release(self) -> None:
        """As the second person."""
        self.send(f"{self._home}halts/", "Release as the second person")


def _form(markup: str, path: str, holding: str) -> tuple[str, dict[str, str]]:
    forms = _Forms()
    forms.feed(markup)
    parts = re.split(r"(?=<form\b)", markup)[1:]
    bodies = [part.partition("</form>")[0] for part in parts]
    chosen = next((form for form, body in zip(forms.forms, bodies, strict=True) if holding in body), None)
    if chosen is None:
        raise ConsoleRefused(f"{path} has no form with “{holding}”")
    return chosen
