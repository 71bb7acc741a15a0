"""The byte formats: one spelling each."""

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from evidence.verify import commitment, container, envelope, jcs, note
from evidence.verify.malformed import Malformed
from evidence.verify.signing import signature_holds
from tests.unit.evidence.forge import Kit, signer

text = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
values = st.recursive(
    st.booleans() | st.integers(-jcs.MAX_INTEGER, jcs.MAX_INTEGER) | text,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(text, inner, max_size=4),
    max_leaves=15,
)


@given(values)
def test_canonical_bytes_are_those_of_the_reference(value: jcs.Json) -> None:
    encoded = jcs.dumps(value)
    assert encoded == rfc8785.dumps(value)
    assert jcs.loads(encoded) == value


@pytest.mark.parametrize(
    "data", [b"1.0", b"NaN", b"1e3", b"null", b"-0", b"9007199254740992", b'"\\ud800"', b"{", b"\xff"]
)
def test_what_is_outside_the_profile_is_refused(data: bytes) -> None:
    with pytest.raises(Malformed):
        jcs.loads(data)


@pytest.mark.parametrize("data", [b"[" * 33 + b"]" * 33, b"[" * 5000, b"[" * 33 + b"1.5", b'["[",' * 33 + b"nonsense"])
def test_too_deep_is_the_first_thing_wrong(data: bytes) -> None:
    with pytest.raises(Malformed) as refused:
        jcs.loads(data)
    assert refused.value.code == "LIMIT"


def test_brackets_within_strings_are_no_depth() -> None:
    assert jcs.loads(b"[" * 32 + b"]" * 32)
    assert jcs.loads(b'["' + b"[" * 99 + b'","\\\\","\\"[["]')
    with pytest.raises(Malformed) as refused:
        jcs.loads(b'["' + b"[" * 99 + b'",')
    assert refused.value.code == "JSON-FORMAT"


def test_a_truth_value_is_no_number() -> None:
    kit = Kit()
    with pytest.raises(Malformed) as refused:
        envelope.parse_leaf(kit.log.leaves[0].replace(b'"v":1', b'"v":true'))
    assert refused.value.code == "VERSION"


def test_a_container_has_one_spelling() -> None:
    members = {"b.txt": b"2", "a/c.txt": b"1", "a.txt": b""}
    assert container.unpack(container.pack(members)) == members
    assert container.pack(dict(reversed(members.items()))) == container.pack(members)


@pytest.mark.parametrize("name", ["/etc/passwd", "../x", "a//b", "a/../b", "", "a\\b", ".hidden", "a/", "ä"])
def test_an_unsafe_member_name_is_refused(name: str) -> None:
    with pytest.raises(Malformed):
        container.pack({name: b""})


def test_every_bit_of_a_container_counts() -> None:
    archive = container.pack({"a.txt": b"hello", "b.txt": b"world"})
    for position in range(len(archive) * 8):
        flipped = bytearray(archive)
        flipped[position // 8] ^= 1 << position % 8
        with pytest.raises(Malformed):
            container.unpack(bytes(flipped))


def test_a_note_is_read_as_it_was_signed() -> None:
    kit, key = Kit(), signer()
    text = kit.note(3, key)
    parsed = note.parse(text.encode())
    line = parsed.by(parsed.checkpoint.origin, key.public)
    assert parsed.checkpoint == kit.log.head(3)
    assert line is not None
    assert note.holds(parsed, line, key.public)
    assert parsed.by(parsed.checkpoint.origin, signer("another").public) is None


@pytest.mark.parametrize("origin", ["has blank", "has+plus", "", "line\nbreak", "ü", "x" * 256])
def test_an_origin_outside_the_format_is_not_signed(origin: str) -> None:
    with pytest.raises(ValueError, match="origin"):
        note.sign(note.Checkpoint(origin, 1, bytes(32)), signer())


def test_commitments_bind_event_place_and_content() -> None:
    salt = commitment.salt(bytes(32), "e", "/data/x")
    opened = commitment.commit(salt, "e", "/data/x", b"content")
    others = [
        commitment.commit(salt, "f", "/data/x", b"content"),
        commitment.commit(salt, "e", "/data/y", b"content"),
        commitment.commit(salt, "e", "/data/x", b"Content"),
        commitment.commit(salt, "e/", "data/x", b"content"),
        commitment.commit(commitment.salt(b"1" * 32, "e", "/data/x"), "e", "/data/x", b"content"),
    ]
    assert opened not in others
    assert len(set(others)) == len(others)


def test_a_signature_of_nonsense_never_holds() -> None:
    key = signer()
    assert signature_holds(key.public, key.sign(b"m"), b"m")
    assert not signature_holds(key.public, key.sign(b"m"), b"n")
    assert not signature_holds(b"short", b"", b"m")
