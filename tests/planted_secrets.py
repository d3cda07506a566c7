"""Secrets of known shapes, made at run time so that no scanner finds one in this file, and places to hide them."""

from __future__ import annotations

import base64
import json
import random
import re
import string
from collections.abc import Callable
from typing import Any

__all__ = ["KINDS", "PLACES", "all_text", "parts_of", "secret"]

LETTERS = string.ascii_letters + string.digits
HEX = "0123456789abcdef"
Message = dict[str, Any]
"""A JSON-RPC message; Any, since it is JSON."""


def _made(*parts: str | tuple[int, str]) -> Callable[[random.Random], str]:
    """Fixed parts and random ones, which are a length and an alphabet."""

    def make(chance: random.Random) -> str:
        return "".join(
            part if isinstance(part, str) else "".join(chance.choices(part[1], k=part[0])) for part in parts
        )

    return make


BEGIN, END = "-----BEGIN " + "PRIVATE KEY-----\n", "\n-----END " + "PRIVATE KEY-----"
HEAD = base64.urlsafe_b64encode(b'{"alg":"HS256","typ":"JWT"}').decode().rstrip("=")
BODY = base64.urlsafe_b64encode(b'{"sub":"1234567890","admin":true}').decode().rstrip("=")
KINDS = {
    "anthropic": _made("sk-", "ant-", "api03-", (93, LETTERS + "-_"), "AA"),
    "aws": _made("AK", "IA", (16, string.ascii_uppercase + "234567")),
    "digitalocean": _made("dop", "_v1_", (64, HEX)),
    "docker": _made("dckr", "_pat_", (27, LETTERS)),
    "github": _made("gh", "p_", (36, LETTERS)),
    "github-fine-grained": _made("github", "_pat_", (22, LETTERS), "_", (59, LETTERS)),
    "gitlab": _made("glp", "at-", (20, LETTERS)),
    "google": _made("AI", "za", (35, LETTERS)),
    "grafana": _made("gl", "sa_", (32, LETTERS), "_", (8, HEX)),
    "huggingface": _made("h", "f_", (34, LETTERS)),
    "jwt": _made(HEAD, ".", BODY, ".", (43, LETTERS)),
    "linear": _made("lin", "_api_", (40, LETTERS)),
    "npm": _made("np", "m_", (36, LETTERS)),
    "openai": _made("sk-", "proj-", (74, LETTERS), "T3Bl", "bkFJ", (74, LETTERS)),
    "private-key": _made(BEGIN, (64, LETTERS), "\n", (64, LETTERS), END),
    "pypi": _made("pypi-", "AgEIcHlwaS5vcmc", (80, LETTERS)),
    "sendgrid": _made("SG", ".", (22, LETTERS), ".", (43, LETTERS)),
    "shopify": _made("shp", "at_", (32, HEX)),
    "slack": _made("xo", "xb-", (12, string.digits), "-", (12, string.digits), "-", (24, LETTERS)),
    "stripe": _made("sk_", "live_", (24, LETTERS)),
    "telegram": _made((9, "123456789"), ":AA", (33, LETTERS)),
    "twilio": _made("S", "K", (32, HEX)),
    "vault": _made("hv", "s.", (95, LETTERS)),
}


def secret(kind: str, seed: int) -> str:
    return KINDS[kind](random.Random(f"{kind} {seed}"))


def parts_of(secret: str) -> list[str]:
    """What of a secret must not be left anywhere: the lines between the marks of a key, or all of it."""
    lines = secret.split("\n")
    return lines[1:-1] if len(lines) > 2 else lines


def _called(arguments: object) -> Message:
    return {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "tools/call",
        "params": {"name": "t", "arguments": arguments},
    }


def _answered(result: object) -> Message:
    return {"jsonrpc": "2.0", "id": 1, "result": result}


def _said(text: str) -> Message:
    return _answered({"content": [{"type": "text", "text": text}], "isError": False})


def _blob(text: str) -> Message:
    encoded = base64.b64encode(text.encode()).decode()
    return _answered({"contents": [{"uri": "file:///settings", "mimeType": "text/plain", "blob": encoded}]})


PLACES: dict[str, tuple[str | None, Callable[[str], Message]]] = {
    "text": ("tools/call", lambda s: _said(f"The new one is {s}, keep it.")),
    "JSON in text": ("tools/call", lambda s: _said(json.dumps({"made": {"values": [s]}}, indent=2))),
    "JSON in JSON in text": ("tools/call", lambda s: _said(json.dumps({"log": json.dumps({"line": s})}))),
    "base64 in text": ("tools/call", lambda s: _said(f"x {base64.b64encode(f'v: {s}'.encode()).decode()} y")),
    "resource in base64": ("resources/read", lambda s: _blob(f"# settings\nvalue: {s}\n")),
    "argument": (None, lambda s: _called({"query": s})),
    "named argument": (None, lambda s: _called({"connection": {"api_key": s}})),
    "structured content": (
        "tools/call",
        lambda s: _answered({"content": [], "structuredContent": {"rows": [[s]]}}),
    ),
    "name of a member": (
        "tools/call",
        lambda s: _answered({"content": [], "structuredContent": {s: {"age": 1}}}),
    ),
    "URL": (
        "tools/call",
        lambda s: _said("see https://x.example/y?a=1&access_token=" + s.replace("\n", "%0A")),
    ),
    "command line": ("tools/call", lambda s: _said(f"$ server --api-token='{s}' --port 1")),
    "header": ("tools/call", lambda s: _said(f"curl -H 'Authorization: Bearer {s}' https://x.example")),
    "error": (
        "tools/call",
        lambda s: {"jsonrpc": "2.0", "id": 1, "error": {"code": -32000, "message": f"no {s}"}},
    ),
    "log": (
        None,
        lambda s: {
            "jsonrpc": "2.0",
            "method": "notifications/message",
            "params": {"level": "info", "data": f"is {s}"},
        },
    ),
    "answer of a person": (
        "elicitation/create",
        lambda s: _answered({"action": "accept", "content": {"name": s}}),
    ),
    "description": (
        "tools/list",
        lambda s: _answered({"tools": [{"name": "t", "description": f"Uses {s}."}]}),
    ),
    "default in a schema": (
        "tools/list",
        lambda s: _answered(
            {"tools": [{"name": "t", "inputSchema": {"type": "object", "properties": {"q": {"default": s}}}}]}
        ),
    ),
}
"""For each place the method that the message answers, and how a secret gets there."""


def all_text(value: object) -> str:
    """Everything that a value says, with what stands in base64, too."""
    text = json.dumps(value, ensure_ascii=False)
    found = [text, text.encode().decode("unicode_escape", errors="replace")]
    for run in re.findall(r"[A-Za-z0-9+/]{8,}={0,2}", text):
        try:
            found.append(base64.b64decode(run + "=" * (-len(run) % 4)).decode("latin-1"))
        except ValueError:
            continue
    return "\n".join(found)
