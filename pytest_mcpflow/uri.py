"""URI templates of resources: `k8s://{namespace}/pods/{name}`."""

from __future__ import annotations

import re
from urllib.parse import unquote

__all__ = ["is_simple", "match_uri", "parameters_of"]


def match_uri(template: str, uri: str) -> dict[str, str] | None:
    """The values of the template's parameters in `uri`, or `None` where it does not match.

    A parameter is one path segment, percent-decoded (RFC 6570, simple expansion).
    """
    pieces = re.split(r"\{(\w+)\}", template)
    pattern = "".join(
        f"(?P<{piece}>[^/]+)" if odd % 2 else re.escape(piece) for odd, piece in enumerate(pieces)
    )
    found = re.fullmatch(pattern, uri)
    return None if found is None else {name: unquote(value) for name, value in found.groupdict().items()}


def parameters_of(template: str) -> list[str]:
    """The names of a template's parameters, in order."""
    return re.findall(r"\{(\w+)\}", template)


def is_simple(template: str) -> bool:
    """Whether a template has no other parameters than those of `match_uri`."""
    return "{" not in re.sub(r"\{\w+\}", "", template)
