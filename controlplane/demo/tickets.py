"""The tickets of the demo: our own, or those of any CSV file with a text and perhaps a label column."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from connectors.sandbox.llm.files import read_csv
from controlplane.demo.vendors import Vendors

TITLE_LENGTH = 90
TEXT_LIMIT = 4000


@dataclass(frozen=True)
class Ticket:
    """`label` is the category that a person would choose; None when nobody said."""

    title: str
    text: str
    label: str | None = None


OWN = (
    (
        "VPN drops during video calls",
        "The VPN loses its connection every ten minutes when I work from home.",
        "network",
    ),
    ("Cannot log in after holiday", "My account is locked, I entered the wrong password too often.", "access"),
    ("Laptop battery is dead", "The notebook does not power on without its charger, the battery blinks.", "hardware"),
    ("Excel crashes with macros", "Excel closes with an error when I open the budget workbook.", "software"),
    ("Outlook does not send", "Messages stay in the outbox since this morning, several colleagues too.", "email"),
    ("Orders query is slow", "The SQL query on the orders database takes twenty minutes today.", "database"),
    ("Where is the travel guideline?", "Where can I find the current guideline for travel expenses?", "inquiry"),
    ("Wi-Fi is down on floor 4", "Nobody can connect to the wireless network on floor 4. Urgent.", "network"),
    ("Printer jams", "The printer next to the kitchen jams paper on every page.", "hardware"),
    ("Permission for finance share", "Please grant me read permission on the finance folder.", "access"),
    ("Licence expired", "The CAD program does not start, it says the licence has expired.", "software"),
    ("Mailbox full", "My mailbox is full and I cannot receive any mail from customers.", "email"),
    ("Backup job failed", "The nightly database backup failed, the archive log destination is full.", "database"),
    ("How do I order a phone?", "How can I order a company phone and who approves the order?", "inquiry"),
    ("Packet loss to Hamburg", "The line to the Hamburg office loses packets, calls are interrupted.", "network"),
    ("Monitor flickers", "My monitor flickers and then the screen goes black.", "hardware"),
    ("No code from authenticator", "The authenticator app shows no code on my new phone, I cannot sign in.", "access"),
    ("Application freezes on export", "The reporting application hangs when I press the export button.", "software"),
    ("Suspicious mail", "A phishing mail with an attachment arrived in many inboxes of our team.", "email"),
    ("Deadlocks in billing", "Transactions on the billing schema are rolled back because of deadlocks.", "database"),
    ("Opening hours", "What are the opening hours of the service desk between the years?", "inquiry"),
    ("DNS fails", "Internal host names do not resolve, the intranet times out for the whole site.", "network"),
    ("Keyboard broken", "Some keys of my keyboard are stuck, I need a replacement.", "hardware"),
    ("Account of a new colleague", "Our new colleague cannot sign in, the account seems to be disabled.", "access"),
    ("Update fails", "The Windows update fails with error 0x80070643 on all my attempts to install.", "software"),
    ("Shared mailbox missing", "The shared mailbox of sales vanished from Outlook for the whole department.", "email"),
    ("Tablespace nearly full", "The tablespace of the warehouse database is 97 percent full.", "database"),
    ("Form for home office", "Which form do I need for a home office agreement, please?", "inquiry"),
    ("Docking station", "The docking station does not charge the laptop any more.", "hardware"),
    ("Firewall blocks partner", "The firewall blocks traffic to our partner's gateway, orders fail.", "network"),
)


def own(count: int) -> list[Ticket]:
    """The first `count` of ours, over again with another caller's words when more are wanted."""
    rounds = [OWN[n % len(OWN)] for n in range(count)]
    return [
        Ticket(title, text if n < len(OWN) else f"{text} (reported again, no. {n // len(OWN) + 1})", label)
        for n, (title, text, label) in enumerate(rounds)
    ]


def of_file(path: Path, count: int, vendors: Vendors) -> list[Ticket]:
    """Tickets of a CSV. With labels the stand-in model learns one half and the tickets come from the other half."""
    content = path.read_text(errors="replace")
    rows = read_csv(content)
    if rows.labels is None:
        chosen = [(text, None) for text in rows.texts if text]
    else:
        held_out = vendors.train(content)["held_out"]
        chosen = [(rows.texts[n], rows.labels[n]) for n in held_out]
    return [Ticket(_title(text), text[:TEXT_LIMIT], label) for text, label in chosen[:count]]


def _title(text: str) -> str:
    first = text.strip().splitlines()[0]
    return first if len(first) <= TITLE_LENGTH else first[:TITLE_LENGTH].rsplit(" ", 1)[0] + " …"
