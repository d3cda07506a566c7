"""Which names hold secrets, and which values under such a name are none.

A name is read as words: `accessToken`, `ACCESS_TOKEN` and `access-token` are alike.
"""

from __future__ import annotations

import re

__all__ = ["STEMS", "holds_secret", "holds_secret_number", "is_example", "is_stand_in", "skips_entropy"]

STEMS = (
    "pass",
    "pwd",
    "secret",
    "token",
    "key",
    "auth",
    "credential",
    "cookie",
    "jwt",
    "otp",
    "cvv",
    "cvc",
    "dsn",
    "bearer",
    "connection",
    "code",
)
"""Every name that holds a secret contains one of these, in lower case."""

WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
ENDINGS = ("password", "passwd", "passphrase", "passcode", "pwd", "secret", "apikey")
SINGLE = {
    *("pass", "token", "jwt", "otp", "totp", "cvv", "cvc", "dsn", "cookie", "credential"),
    *("authorization", "auth", "bearer"),
}
PLURALS = {
    "passwords": "password",
    "passphrases": "passphrase",
    "secrets": "secret",
    "credentials": "credential",
    "cookies": "cookie",
    "keys": "key",
    "codes": "code",
    "apikeys": "apikey",
}
KEYS = {
    *("api", "access", "secret", "private", "signing", "encryption", "auth", "account", "master", "shared"),
    *("storage", "subscription", "service", "deploy", "app", "application", "license", "ssh", "session"),
    *("client", "webhook", "admin", "root", "hmac", "jwt", "write", "ingest", "integration", "routing"),
}
CODES = {"verification", "security", "recovery", "auth", "mfa", "otp", "sms", "pin", "login", "device"}
NO_TOKENS = {
    *("progress", "page", "next", "previous", "prev", "continuation", "continue", "cursor", "sync", "resume"),
    *("max", "min", "total", "pagination", "start", "end", "stop", "eos", "bos", "pad", "unk", "sep"),
    *("mask", "cls", "special", "per", "num", "delta", "change", "skip", "cache", "first", "last"),
}
SECRET_TOKENS = {"access", "refresh", "api", "auth", "bearer", "session", "bot", "personal"}
TRAILING = {
    *("value", "string", "text", "plain", "plaintext", "raw", "base64", "b64", "encoded", "header", "hash"),
    *("confirm", "confirmation", "env"),
}
NUMBERS = ("password", "passwd", "passcode", "pass", "pwd", "secret", "otp", "totp", "cvv", "cvc", "code")

NOT_RANDOM = {
    *("id", "ids", "uid", "uuid", "guid", "oid", "cursor", "hash", "sha", "sha1", "sha256", "sha512", "md5"),
    *("digest", "etag", "checksum", "fingerprint", "integrity", "ref", "commit", "revision", "version"),
    *("path", "file", "filename", "name", "sid", "arn", "icon", "image", "avatar", "thumbnail"),
}
"""Last words of names whose values look random and are no secrets."""

STAND_INS = {
    *("true", "false", "null", "none", "nil", "undefined", "nan", "yes", "no", "on", "off", "ok"),
    *("string", "number", "integer", "boolean", "object", "array", "str", "int", "bool", "bytes"),
    *("required", "optional", "missing", "expired", "invalid", "valid", "unknown", "unset", "set", "empty"),
    *("enabled", "disabled", "hidden", "redacted", "masked", "removed", "changed", "updated", "sensitive"),
    *("basic", "bearer", "digest", "oauth", "oauth2", "ntlm", "kerberos", "negotiate", "default"),
    *("passed", "failed", "read", "write", "n/a"),
}
"""Words that stand under the name of a secret and are none."""

TEMPLATE = (
    r"\$\{[^}]*\}|\$\w+|\$\([^)]*\)|\{\{.*\}\}|\{[\w!:]*\}|<[^<>]*>|%\(\w+\)s|%\w+%|%[sdr]|\[[A-Z _-]+\]"
)
MASK = r"[*•.…_#-]+|[xX]{3,}"
EXAMPLE = (
    r"your|example|placeholder|changeme|change-me|xxxx|\.\.\.|…|dummy|sample|insert|replace|12345|abcdef|foobar"
    r"|^(?:password|passwd|pass|pwd|secret|token|user|username|key|apikey|api[-_]key|value|test|foo|bar|mypassword)$"
)
"""Compiled when first used: a recorder that meets no secret needs none of them."""


def holds_secret(name: str) -> bool:
    """Whether what stands under this name is a secret: `api_key` and `accessToken`, not `progressToken`."""
    words = _words(name)
    if not words:
        return False
    if words[-1] == "tokens":
        return len(words) > 1 and words[-2] in SECRET_TOKENS
    last = PLURALS.get(words[-1], words[-1])
    before = words[-2] if len(words) > 1 else ""
    if last == "key":
        return before in KEYS
    if last == "code":
        return before in CODES
    if last == "token":
        return not _is_no_token(before)
    if last == "connectionstring" or (before, last) == ("connection", "string"):
        return True
    return (
        last in SINGLE or last.endswith(ENDINGS) or (last.endswith("token") and not _is_no_token(last[:-5]))
    )


def holds_secret_number(name: str) -> bool:
    """Whether a number under this name is a secret: a `passcode`, not a `token`."""
    words = _words(name)
    return bool(words) and words[-1].endswith(NUMBERS) and holds_secret(name)


def skips_entropy(name: str) -> bool:
    """Whether a value under this name may look random without being a secret: an id, a hash, a cursor."""
    words = [word.lower() for word in WORD.findall(name)]
    return bool(words) and (words[-1] in NOT_RANDOM or words[-1].endswith(("id", "ids", "cursor", "hash")))


def is_stand_in(value: str) -> bool:
    """Whether a value only holds the place of a secret: empty, a template, a mask, a word such as `required`."""
    value = value.strip()
    return (
        value.lower() in STAND_INS
        or value[:5].lower() in ("your-", "your_")
        or re.search(r"[^\W_]", re.sub(TEMPLATE, "", value)) is None
        or re.fullmatch(MASK, value) is not None
    )


def is_example(value: str) -> bool:
    """Whether a value in a description is an example of a secret and none itself."""
    return is_stand_in(value) or re.search(EXAMPLE, value, re.IGNORECASE) is not None


def _is_no_token(kind: str) -> bool:
    return kind in NO_TOKENS or kind.endswith("progress")


def _words(name: str) -> list[str]:
    words = [word.lower() for word in WORD.findall(name)]
    while len(words) > 1 and (words[-1] in TRAILING or words[-1].isdigit()):
        if words[-2:] == ["connection", "string"]:
            break
        words.pop()
    return words
