"""Where secrets stand in running text: after names, in URLs, in headers, on command lines.

Each pattern has a group `secret`; what it matched is judged by `strings.py`.
"""

from __future__ import annotations

import re

__all__ = [
    "ASSIGNMENT",
    "BASE64",
    "BASE64_IN_URL",
    "BASE64_ON",
    "BASIC",
    "BEARER",
    "CALL",
    "COOKIE",
    "EMAIL",
    "HARMLESS_BEFORE",
    "HEADER",
    "OPTION",
    "PHONE",
    "PRIVATE_KEY",
    "QUERY",
    "SCHEME",
    "SHELL",
    "URL_PASSWORD",
    "URL_USER",
]

PRIVATE_KEY = re.compile(
    r"-----BEGIN[ A-Z0-9]{0,40}PRIVATE KEY(?: BLOCK)?-----"
    r"(?:(?:(?!-----).)*?-----END[ A-Z0-9]{0,40}PRIVATE KEY(?: BLOCK)?-----|[A-Za-z0-9+/=\s\\]*)",
    re.DOTALL,
)

URL_PASSWORD = re.compile(r"""://[^\s/@:"'<>?#]*:(?P<secret>[^\s/"'<>\\]+)@(?=[\w\[%$])""")
URL_USER = re.compile(r"""://(?P<secret>[^\s/@:"'<>?#\\]{16,})@(?=[\w\[%$])""")
QUERY = re.compile(
    r"""[?&;](?P<name>[\w.-]{1,60})=(?P<secret>[^\s"'&;#<>\\`)]+)""",
)

SCHEME = re.compile(
    r"(?P<scheme>basic|bearer|token|digest|apikey|api-key|key|negotiate|splunk|aws4-hmac-sha256)\s+(?P<secret>\S.*)",
    re.IGNORECASE | re.DOTALL,
)
HEADER = re.compile(
    r"""authorization\\*["']?\s{0,3}[:=]\s{0,3}\\*["']?(?:[A-Za-z][\w-]*\s+)?(?P<secret>[^\s"',;\\<>]{6,})""",
    re.IGNORECASE,
)
BEARER = re.compile(r"\bbearer\s+(?P<secret>[A-Za-z0-9._~+/=-]{8,})", re.IGNORECASE)
BASIC = re.compile(r"\bbasic\s+(?P<secret>[A-Za-z0-9+/]{8,}={0,2})(?![A-Za-z0-9+/=])", re.IGNORECASE)
COOKIE = re.compile(r"""cookie["']?\s{0,3}:\s{0,3}["']?(?P<secret>[\w.-]+=[^\r\n"']+)""", re.IGNORECASE)

ASSIGNMENT = re.compile(
    r"""(?:pass|pwd|secret|token|key|auth|credential|cookie|jwt|otp|cvv|cvc|dsn|bearer|connection|code)
        [\w.-]{0,40} (?P<closing>\\*["'])? (?:\s{0,3}(?P<sign>=>|:=|(?<![=!<>])=(?![=~])|:(?!:)))
        (?P<space>[ \t]{0,3})
        (?: (?P<quote>\\*["'`]) (?P<quoted>(?:(?!(?P=quote)|[\r\n]).)*) (?P=quote)
          | (?P<bare>[^\s"'`&;,<>\\]+) )""",
    re.IGNORECASE | re.VERBOSE,
)
"""The name may begin before the match."""

OPTION = re.compile(
    r"""(?<![\w-])--?(?P<name>[A-Za-z][\w-]*)(?P<space>=|[ ]|["'],\s?["'])["']?(?P<secret>[^\s"']+)"""
)
SHELL = re.compile(
    r"""\b(?:curl\b[^\n]{0,400}?\s(?:-u|--user)[ =]["']?[^\s:"']+:|sshpass\s+-p\s*["']?)(?P<secret>[^\s"']+)"""
)
CALL = re.compile(r"[A-Za-z_][\w.]*\(.*|[A-Za-z_]+(?:\.[A-Za-z_]+)+(?:\[.*)?|[A-Za-z_]\w*\[.*")
"""Code that computes a value, where its text is no secret."""

BASE64 = re.compile(
    r"(?<![A-Za-z0-9+/_-])"
    r"(?:(?:[A-Za-z0-9+/]{60,76}(?:\r?\n|\\n))+[A-Za-z0-9+/]{1,76}={0,2}|[A-Za-z0-9+/_-]{16,}={0,2})"
    r"(?![A-Za-z0-9+/_=-])"
)
BASE64_IN_URL = re.compile(
    r"(?<![A-Za-z0-9+/_-])[A-Za-z0-9+/_-]*+(?:%(?:25)*+(?:2[BbFf]|3[Dd])[A-Za-z0-9+/_-]*+)++"
)
BASE64_ON = re.compile(r"(?:[A-Za-z0-9+/_-]|%(?:25)*+2[BbFf])*+(?:=|%(?:25)*+3[Dd])*+")
"""How base64 goes on."""

HARMLESS_BEFORE = re.compile(
    r"""(?:(?:id|ids|uid|uuid|guid|oid|cursor|hash|sha\d*|md5|digest|etag|checksum|fingerprint|integrity|ref|commit)
           \\*["']?\s{0,2}[:=]?\s{0,2}\\*["']? | sha\d+[-:] | ;base64, | ://[^\s"'<>]*) \Z""",
    re.IGNORECASE | re.VERBOSE,
)
"""What stands before a random run that is no secret: the name of an id or a hash, or the rest of a URL."""

EMAIL = re.compile(r"(?<![\w.+-])(?!git@)(?P<secret>[\w.+-]+@[\w-]+(?:\.[\w-]+)+)(?![:\w])")
PHONE = re.compile(
    r"(?<![\w.+-])(?P<secret>\+\d{1,3}[ .-]?(?:\(\d{1,4}\)[ .-]?)?\d{2,4}(?:[ .-]?\d{2,4}){1,4}"
    r"|\(\d{3}\)[ .-]?\d{3}[ .-]\d{4}|\d{3}[.-]\d{3}[.-]\d{4})(?![\w-])"
)
