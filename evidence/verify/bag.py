"""The BagIt envelope (RFC 8493): fixity that anyone can check with `sha256sum -c manifest-sha256.txt`.

Its four files follow from the payload alone, so the verifier derives them again and compares.
"""

import hashlib
from collections.abc import Mapping

DECLARATION = b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"
TAG_FILES = ("bag-info.txt", "bagit.txt", "manifest-sha256.txt", "tagmanifest-sha256.txt")


def tag_files(members: Mapping[str, bytes]) -> dict[str, bytes]:
    """The tag files of a bag whose payload and extra tag files are `members`."""
    payload = {name: content for name, content in members.items() if name.startswith("data/")}
    octets = sum(len(content) for content in payload.values())
    tags = {
        "bagit.txt": DECLARATION,
        "bag-info.txt": f"Bag-Software-Agent: interlock\nPayload-Oxum: {octets}.{len(payload)}\n".encode(),
        "manifest-sha256.txt": _manifest(payload),
    }
    extra = {name: content for name, content in members.items() if not name.startswith("data/")}
    return {**tags, "tagmanifest-sha256.txt": _manifest({**extra, **tags})}


def _manifest(members: Mapping[str, bytes]) -> bytes:
    lines = [f"{hashlib.sha256(members[name]).hexdigest()}  {name}\n" for name in sorted(members)]
    return "".join(lines).encode()
