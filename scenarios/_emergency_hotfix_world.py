"""The world of `emergency-hotfix`, before anything happens."""

from __future__ import annotations

from pytest_mcpflow.fakes.desktop_commander import DesktopCommander, Script
from pytest_mcpflow.fakes.droplet_executor import DropletExecutor, Host, LogLine, Release, Service
from pytest_mcpflow.scenarios._hotfix_workflow import (
    BUG,
    CODE,
    FIXED,
    HOST,
    SERVICE,
    TEST,
    VARIABLE,
)
from pytest_mcpflow.scenarios._worlds import checkout

__all__ = ["MAIN", "desktop", "production"]

BROKEN = "2.1.0"
MAIN = {CODE: f"{BUG}verify(payload, secret);\n"}


def production() -> DropletExecutor:
    lines = [
        LogLine("2025-12-31T23:58:00Z", "ERROR", f"{VARIABLE} is not set"),
        LogLine("2025-12-31T23:59:00Z", "ERROR", "webhook signature cannot be verified, payment rejected"),
    ]
    # Both versions need the variable; the new one says so when it starts and not at the first payment.
    return DropletExecutor(
        hosts={
            HOST: Host(services={SERVICE: Service(BROKEN, logs=lines)}),
            "staging-1": Host("staging", services={SERVICE: Service(BROKEN)}),
        },
        releases={
            SERVICE: {
                BROKEN: Release(requires=(VARIABLE,), error_rate_when_unset=0.4),
                FIXED: Release(requires=(VARIABLE,), error_rate_when_unset=0.4),
            }
        },
    )


def desktop() -> DesktopCommander:
    passes = {CODE: f'required("{VARIABLE}")', TEST: "toThrow"}
    return checkout(MAIN, Script("npm test*", stdout="Tests: 48 passed", requires=passes))
