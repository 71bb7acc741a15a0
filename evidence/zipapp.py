"""The verifier as one file that runs wherever Python and `cryptography` are. The same sources give the same bytes."""

import hashlib
import sys
from pathlib import Path

from evidence.verify import container

SHEBANG = b"#!/usr/bin/env python3\n"
MAIN = b"import sys\n\nfrom evidence.verify.cli import main\n\nsys.exit(main())\n"


def build() -> bytes:
    """The archive behind a shebang line (PEP 441)."""
    folder = Path(container.__file__).parent
    sources = {f"evidence/verify/{path.name}": path.read_bytes() for path in folder.glob("*.py")}
    return SHEBANG + container.pack({"__main__.py": MAIN, "evidence/__init__.py": b"", **sources})


def write(target: Path) -> str:
    """Write the file, executable; returns its SHA-256 in hex."""
    content = build()
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(content)
    target.chmod(0o755)
    return hashlib.sha256(content).hexdigest()


if __name__ == "__main__":
    path = Path(sys.argv[1])
    sys.stdout.write(f"{write(path)}  {path}\n")
