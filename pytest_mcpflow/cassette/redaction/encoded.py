"""Text inside of base64."""

from __future__ import annotations

import re
from base64 import b64decode, b64encode, urlsafe_b64encode
from binascii import Error as NotBase64

__all__ = ["as_text", "decoded", "encoded_like", "unquoted"]

MARK_IN_URL = re.compile(r"%(?:25)*(2[BbFf]|3[Dd])")
CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


def decoded(run: str) -> bytes | None:
    standard = run.rstrip("=").translate(str.maketrans("-_", "+/"))
    try:
        return b64decode(standard + "=" * (-len(standard) % 4), validate=True)
    except (NotBase64, ValueError):
        return None


def unquoted(run: str) -> str:
    """A run with its marks as they were before a URL encoded them."""
    return MARK_IN_URL.sub(lambda found: bytes.fromhex(found[1]).decode(), run)


def as_text(data: bytes | None) -> str | None:
    """What base64 held, if it was text."""
    if not data:
        return None
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        return None
    return None if CONTROL.search(text) else text


def encoded_like(run: str, data: bytes) -> str:
    is_url_safe = "-" in run or "_" in run
    encoded = (urlsafe_b64encode if is_url_safe else b64encode)(data).decode()
    was_padded = run.endswith("=") or len(run) % 4 == 0
    return encoded if was_padded else encoded.rstrip("=")
