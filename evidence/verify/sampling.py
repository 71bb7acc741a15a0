"""Drawing events from a period so that neither side can choose them.

Draw i is SHA-256("evb.sample.v1" 0x00 || root || u16 length of nonce || nonce || u64 i) modulo the population, repeats
passed over. The root is that of the signed head at the end: the operator has signed it before the auditor says the
nonce, and the auditor cannot change it. Both sides can draw again and get the same events.
"""

import hashlib
from typing import Any

from evidence.verify.dossier import Dossier

MOST = 10_000


def draw(dossier: Dossier, *, nonce: str, count: int, kind: str = "") -> dict[str, Any]:
    """`count` events (of one type, if given) and what is needed to find them again; all where there are fewer."""
    places = [place for place, event in enumerate(dossier.events) if kind in ("", event.type)]
    chosen = [places[index] for index in indices(dossier.notes[-1].checkpoint.root, nonce, len(places), count)]
    return {
        "population": len(places),
        "pruned": dossier.report.pruned,
        "type": kind,
        "nonce": nonce,
        "root": dossier.notes[-1].checkpoint.root.hex(),
        "events": [_told(dossier, place) for place in chosen],
    }


def indices(root: bytes, nonce: str, population: int, count: int) -> list[int]:
    """Different numbers below `population`, in the order in which they are drawn."""
    word = nonce.encode()[:65535]
    wanted, drawn, number = min(max(count, 0), population, MOST), dict[int, None](), 0
    while len(drawn) < wanted:
        parts = b"evb.sample.v1\0" + root + len(word).to_bytes(2, "big") + word + number.to_bytes(8, "big")
        drawn[int.from_bytes(hashlib.sha256(parts).digest(), "big") % population] = None
        number += 1
    return list(drawn)


def _told(dossier: Dossier, place: int) -> dict[str, Any]:
    (_, leaf), event = dossier.kept[place], dossier.events[place]
    return {"leaf": leaf.index, "event": event.id, "type": event.type, "run": event.run, "time": event.time_ms}
