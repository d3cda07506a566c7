"""The world of `feature-development`, before anything happens."""

from __future__ import annotations

from pytest_mcpflow.fakes.desktop_commander import DesktopCommander, Script
from pytest_mcpflow.fakes.github import GitHub
from pytest_mcpflow.scenarios._feature_workflow import CONTROLLER, JWT, JWT_TEST, SERVICE, SERVICE_TEST
from pytest_mcpflow.scenarios._worlds import checkout, hosting

__all__ = ["MAIN", "RESULTS", "desktop", "hosting_before"]

MAIN = {"src/app.ts": "export const app = express();\n"}
RESULTS = "Tests: 18 passed\nCoverage: 100%"


def desktop() -> DesktopCommander:
    service = {SERVICE: "verify(password", SERVICE_TEST: "a wrong password is refused"}
    tokens = {JWT: "jwt.verify(", JWT_TEST: "an expired token is refused", CONTROLLER: "login("}
    return checkout(
        MAIN,
        Script("npm test auth.service.spec.ts", stdout="Tests: 9 passed", requires=service),
        Script("npm test -- --coverage", stdout=RESULTS, requires={**service, **tokens}),
    )


def hosting_before() -> GitHub:
    hosted = hosting("shop/api", MAIN)
    hosted.create_branch("shop", "api", "develop")
    return hosted
