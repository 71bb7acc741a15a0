"""Start the stand-in servers: `python -m connectors.sandbox --port 8090`."""

from __future__ import annotations

import argparse
import signal
import socket
import sys
from pathlib import Path

from connectors.sandbox.llm.files import read_csv
from connectors.sandbox.server import SandboxServer
from connectors.sandbox.world import World


def main() -> None:
    options = _options()
    world = World()
    if options.train:
        score = world.train(read_csv(options.train.read_text()).pairs())
        sys.stdout.write(
            f"trained on {score['trained_on']} rows, accuracy {score['accuracy']} on {score['n']} others\n"
        )
    door = socket.socket(fileno=options.fd) if options.fd else None
    server = SandboxServer((options.host, options.port), world, door)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    sys.stdout.write(f"stand-in servers on {server.url}\n")
    sys.stdout.flush()
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        server.server_close()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m connectors.sandbox", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8090)
    parser.add_argument("--fd", type=int, help="an inherited socket that listens already, instead of host and port")
    parser.add_argument("--train", type=Path, help="labelled CSV: one half is learnt, the other is scored")
    return parser.parse_args()


if __name__ == "__main__":
    main()
