"""RFC 6962 and 9162: known answers, and the properties that make a proof a proof."""

import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evidence.verify import merkle

# The test vectors of the certificate transparency reference implementation.
INPUTS = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
sizes = st.integers(min_value=1, max_value=300)


def hashes(count: int) -> list[bytes]:
    return [merkle.leaf_hash(str(number).encode()) for number in range(count)]


@pytest.mark.parametrize("count", range(9))
def test_roots_are_those_of_the_reference(count: int) -> None:
    leaves = [merkle.leaf_hash(bytes.fromhex(text)) for text in INPUTS[:count]]
    assert merkle.root_of(leaves).hex() == ROOTS[count]


def test_every_proof_up_to_33_leaves_holds_and_no_neighbour_of_it() -> None:
    for count in range(1, 34):
        leaves = hashes(count)
        node, root = merkle.nodes_over(leaves), merkle.root_of(leaves)
        for index in range(count):
            path = merkle.inclusion_path(index, count, node)
            assert merkle.verify_inclusion(leaves[index], index, count, path, root)
            assert not merkle.verify_inclusion(leaves[index], index, count, [*path, root], root)
            assert not merkle.verify_inclusion(leaves[index], (index + 1) % count, count, path, root) or count == 1
        for old in range(1, count + 1):
            path, old_root = merkle.consistency_path(old, count, node), merkle.root_at(old, node)
            assert merkle.verify_consistency(old, count, old_root, root, path)
            assert not merkle.verify_consistency(old, count, old_root, root, [*path, root])


@settings(deadline=None, max_examples=60)
@given(count=sizes, data=st.data())
def test_a_changed_proof_never_holds(count: int, data: st.DataObject) -> None:
    leaves = hashes(count)
    node, root = merkle.nodes_over(leaves), merkle.root_of(leaves)
    index = data.draw(st.integers(0, count - 1))
    path = merkle.inclusion_path(index, count, node)
    if path:
        place = data.draw(st.integers(0, len(path) - 1))
        changed = [*path[:place], hashlib.sha256(path[place]).digest(), *path[place + 1 :]]
        assert not merkle.verify_inclusion(leaves[index], index, count, changed, root)
        assert not merkle.verify_inclusion(leaves[index], index, count, path[:-1], root)
    assert not merkle.verify_inclusion(hashlib.sha256(b"other").digest(), index, count, path, root)


@settings(deadline=None, max_examples=60)
@given(old=sizes, grown=st.integers(1, 300), change=st.integers(0, 299))
def test_a_rewritten_past_is_never_consistent(old: int, grown: int, change: int) -> None:
    count = old + grown
    honest, forged = hashes(count), hashes(count)
    forged[change % old] = hashlib.sha256(b"forged").digest()
    node = merkle.nodes_over(forged)
    path = merkle.consistency_path(old, count, node)
    old_root = merkle.root_at(old, merkle.nodes_over(honest))
    assert not merkle.verify_consistency(old, count, old_root, merkle.root_of(forged), path)


@settings(deadline=None, max_examples=40)
@given(count=sizes)
def test_growing_leaf_by_leaf_gives_the_recursive_root(count: int) -> None:
    leaves = hashes(count)

    def recursive(part: list[bytes]) -> bytes:
        if len(part) == 1:
            return part[0]
        split = 1 << (len(part) - 1).bit_length() - 1
        return merkle.node_hash(recursive(part[:split]), recursive(part[split:]))

    assert merkle.root_of(leaves) == recursive(leaves) == merkle.root_at(count, merkle.nodes_over(leaves))


@pytest.mark.parametrize(("index", "size"), [(-1, 5), (5, 5), (0, 0)])
def test_an_index_outside_the_tree_has_no_proof(index: int, size: int) -> None:
    with pytest.raises(ValueError, match="outside"):
        merkle.inclusion_path(index, size, merkle.nodes_over(hashes(5)))
    assert not merkle.verify_inclusion(b"", index, size, [], b"")
