"""`manage.py check --deploy` under production settings with made-up secrets, so that it can run anywhere."""

import base64
import os
import secrets
import subprocess
import sys

PRODUCTION = {
    "INTERLOCK_PRODUCTION": "1",
    "INTERLOCK_SECRET_KEY": secrets.token_urlsafe(64),
    "INTERLOCK_KEK": base64.b64encode(secrets.token_bytes(32)).decode(),
    "INTERLOCK_ALLOWED_HOSTS": "interlock.example",
    "INTERLOCK_BASE_URL": "https://interlock.example",
}


def main() -> int:
    command = [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"]
    return subprocess.run(command, env={**os.environ, **PRODUCTION}, check=False).returncode  # noqa: S603 - fixed


if __name__ == "__main__":
    sys.exit(main())
