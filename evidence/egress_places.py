"""Signed heads, pushed to where a customer keeps them: whoever holds one can tell a rewritten history."""

import json
import os
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

from controlplane.lib import clock
from evidence import egress_http
from evidence.errors import OutsideUnavailable
from evidence.outside import Place
from evidence.verify.note import Checkpoint


def push(place: Place, head: Checkpoint, text: str) -> None:
    """Deliver one note; raises OutsideUnavailable. Twice the same is fine, another one in its place is refused."""
    _KINDS[place.kind](place.options, head, text)


def _name(head: Checkpoint) -> str:
    return f"{head.origin.replace('/', '_')}/{head.size:015d}.note"


def _webhook(options: Mapping[str, Any], head: Checkpoint, text: str) -> None:
    body = {"type": "evidence.checkpoint", "origin": head.origin, "size": head.size, "note": text}
    _post(str(options["url"]), body)


def _slack(options: Mapping[str, Any], head: Checkpoint, text: str) -> None:
    """An incoming webhook. The note is signed: whoever may post there cannot forge one."""
    _post(str(options["url"]), {"text": f"Checkpoint of {head.origin}, keep it:\n```{text}```"})


def _post(url: str, body: Mapping[str, Any]) -> None:
    answer = egress_http.post(url, json.dumps(body).encode(), {"content-type": "application/json"})
    if not 200 <= answer.status < 300:
        raise OutsideUnavailable(f"the place answered {answer.status}")


def _directory(options: Mapping[str, Any], head: Checkpoint, text: str) -> None:
    path = Path(options["path"]) / _name(head)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(path, "x", encoding="utf-8", newline="") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
    except FileExistsError:
        if path.read_text(encoding="utf-8") != text:
            raise OutsideUnavailable(f"{path} holds another head") from None
    except OSError as error:
        raise OutsideUnavailable(f"{path}: {error.strerror}") from error


def _s3(options: Mapping[str, Any], head: Checkpoint, text: str) -> None:
    """Under an object lock: nobody, the operator included, can delete or replace it before the time is over."""
    import boto3
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError, ClientError

    config = Config(connect_timeout=3, read_timeout=10, retries={"total_max_attempts": 1})
    key = f"{options.get('prefix', '')}{_name(head)}"
    body = text.encode()
    try:
        client = boto3.client("s3", config=config)
        client.put_object(
            Bucket=options["bucket"],
            Key=key,
            Body=body,
            ContentType="text/plain",
            IfNoneMatch="*",
            ChecksumAlgorithm="SHA256",
            ObjectLockMode="COMPLIANCE",
            ObjectLockRetainUntilDate=clock.now() + timedelta(days=int(options["retain_days"])),
        )
    except ClientError as error:
        if error.response["Error"]["Code"] != "PreconditionFailed" or _stored(client, options["bucket"], key) != body:
            raise OutsideUnavailable(f"S3: {error}") from error
    except BotoCoreError as error:
        raise OutsideUnavailable(f"S3: {error}") from error


def _stored(client: Any, bucket: str, key: str) -> bytes:
    return bytes(client.get_object(Bucket=bucket, Key=key)["Body"].read())


_KINDS: dict[str, Callable[[Mapping[str, Any], Checkpoint, str], None]] = {
    "webhook": _webhook,
    "slack": _slack,
    "directory": _directory,
    "s3": _s3,
}
