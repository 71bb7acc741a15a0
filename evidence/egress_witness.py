"""Witnesses, as C2SP tlog-witness says (`add-checkpoint`); a witness of ours also takes the keyring (`add-keyring`)."""

from collections.abc import Callable, Sequence

from evidence import egress_http
from evidence.errors import OutsideUnavailable, WitnessRefused
from evidence.outside import WitnessServer
from evidence.verify import note
from evidence.verify.encoding import b64
from evidence.verify.malformed import Malformed

_TEXT = {"content-type": "text/plain; charset=utf-8"}
Proof = Callable[[int], Sequence[bytes]]


def cosign(server: WitnessServer, text: str, since: int, proof: Proof, keyring: str) -> str:
    """The line of the witness for a signed head. `since`: the size that it saw last, `proof(size)` leads from there.

    Raises WitnessRefused when the witness knows another history, OutsideUnavailable when it does not answer.
    """
    answer = _ask(server, text, since, proof)
    if answer.status == 403:
        _introduce(server, keyring)
        answer = _ask(server, text, since, proof)
    if answer.status == 409 and answer.body.strip().isdigit():
        known = int(answer.body)
        if known > note.parse(text.encode()).checkpoint.size:
            raise WitnessRefused(f"{server.trusted.name} has seen {known} leaves")
        answer = _ask(server, text, known, proof)
    if answer.status in (409, 422):
        raise WitnessRefused(f"{server.trusted.name} knows another history: {answer.status}")
    if answer.status != 200:
        raise OutsideUnavailable(f"{server.trusted.name} answered {answer.status}")
    return _line(server, text, answer.body)


def _ask(server: WitnessServer, text: str, since: int, proof: Proof) -> egress_http.Answer:
    steps = "".join(f"{b64(step)}\n" for step in proof(since)) if since else ""
    return egress_http.post(f"{server.url}/add-checkpoint", f"old {since}\n{steps}\n{text}".encode(), _TEXT)


def _introduce(server: WitnessServer, keyring: str) -> None:
    answer = egress_http.post(f"{server.url}/add-keyring", keyring.encode(), {"content-type": "application/json"})
    if answer.status != 200:
        raise OutsideUnavailable(f"{server.trusted.name} does not take the keyring: {answer.status}")


def _line(server: WitnessServer, text: str, body: bytes) -> str:
    """Only a line that holds is kept."""
    try:
        line = body.decode()
        cosigned = note.cosignature(note.parse((text + line).encode()), server.trusted.name, server.trusted.public)
    except (UnicodeDecodeError, Malformed) as error:
        raise OutsideUnavailable(f"{server.trusted.name} answered something else") from error
    if cosigned is None or not cosigned.good or line.count("\n") != 1:
        raise OutsideUnavailable(f"the cosignature of {server.trusted.name} does not hold")
    return line
