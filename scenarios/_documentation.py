"""The libraries that the documentation server knows in several scenarios, and asking it for what is real."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from pytest_mcpflow import Answered, CallResult, Interaction, Run
from pytest_mcpflow.fakes.context7 import Context7, Example, Library, Section
from pytest_mcpflow.scenarios._careful import Careful

__all__ = ["COPIED", "SEARCH", "answer_of", "documentation_server", "real_answer", "really_said"]

FASTAPI, HTTPX = "https://fastapi.tiangolo.com", "https://www.python-httpx.org"
SEARCH: dict[str, Any] = {"query": "fastapi", "limit": 5}
"""What is asked for when only the servers are of interest."""
COPIED = "2025-12-31T22:00:00Z"
"""When the kept copy of what is said of httpx was fetched: two hours before the run."""
_PROXIES = [Section("Proxies", f"{HTTPX}/advanced/proxies/", "`proxies=` is deprecated; use `mounts=`.")]
_TIMEOUTS = [
    Example(
        *("best_practices", "Timeouts", f"{HTTPX}/advanced/timeouts/"),
        "Avoid `timeout=None`; prefer `timeout=10.0`.",
    )
]


async def real_answer(careful: Careful, tool: str, arguments: Mapping[str, Any]) -> CallResult:
    """Ask the documentation server; an answer that it made up is none.

    Raises:
        RuntimeError: The answer is made up.
    """
    answer = await careful.repeat(f"context7.{tool}", arguments)
    if answer["source"] == "mock":
        raise RuntimeError(f"{tool} has nothing real: {answer['warning']}")
    return answer


def answer_of(interaction: Interaction) -> dict[str, Any]:
    """The fields of an answer; none where there was none, or something else than a server promises."""
    outcome = interaction.outcome
    value: object = outcome.value if isinstance(outcome, Answered) else None
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def really_said(run: Run, tool: str, library: str) -> list[dict[str, Any]]:
    """What the documentation server answered to a tool's questions about a library, inventions excepted."""
    answers = [answer_of(each) for each in run.calls(tool) if each.arguments["library"] == library]
    return [answer for answer in answers if answer.get("source") in ("live", "cache")]


def documentation_server(**takes: float) -> Context7:
    """A server that knows five libraries and cannot reach httpx's documentation; `takes` is seconds by tool."""
    server = Context7(
        libraries={
            "fastapi": Library(
                "/fastapi/fastapi",
                "Web framework for APIs, with security and authentication tools",
                {
                    "0.109": [Section("Events", f"{FASTAPI}/advanced/events/", "Use `@app.on_event`.")],
                    "0.115": [
                        Section(
                            "Security",
                            f"{FASTAPI}/tutorial/security/",
                            "OAuth2 authentication, step by step.",
                        ),
                        Section(
                            "Middleware", f"{FASTAPI}/tutorial/middleware/", "Runs around every request."
                        ),
                        Section(
                            *("Lifespan", f"{FASTAPI}/advanced/events/"),
                            "`@app.on_event` is deprecated; use `lifespan=`.",
                        ),
                    ],
                },
                [
                    Example(
                        *("middleware", "Process time header", f"{FASTAPI}/tutorial/middleware/#create"),
                        '@app.middleware("http")',
                    ),
                    Example(
                        *("middleware", "Trusted hosts", f"{FASTAPI}/advanced/middleware/#trusted"),
                        "app.add_middleware(TrustedHostMiddleware)",
                    ),
                    Example(
                        *("best_practices", "Origins", f"{FASTAPI}/tutorial/cors/"),
                        'Avoid `allow_origins=["*"]`; prefer `allow_origins=ORIGINS`.',
                    ),
                ],
                trust=9.8,
            ),
            "fastapi-users": Library(
                *("/fastapi-users/fastapi-users", "Ready-made authentication for FastAPI"), {"14.0": []}
            ),
            "authlib": Library(
                "/authlib/authlib", "OAuth and OpenID authentication for web frameworks", {"1.3": []}
            ),
            "httpx": Library("/encode/httpx", "HTTP client", {"0.28": _PROXIES}, _TIMEOUTS, reachable=False),
            "numpy": Library("/numpy/numpy", "Arrays and numbers", {"2.3": []}),
        },
        takes=takes,
    )
    server.keep_documentation("httpx", "0.28", _PROXIES, at=-7200)
    server.keep_examples("httpx", "best_practices", _TIMEOUTS, at=-7200)
    server.keep_examples("httpx", "middleware", [], at=-7200)
    return server
