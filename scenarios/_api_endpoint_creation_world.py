"""The world of `api-endpoint-creation`, before anything happens."""

from __future__ import annotations

import json

from pytest_mcpflow.fakes.desktop_commander import DesktopCommander, Script
from pytest_mcpflow.fakes.droplet_executor import DropletExecutor, Host, Release, Service
from pytest_mcpflow.fakes.github import GitHub, Protection
from pytest_mcpflow.scenarios._endpoint_workflow import (
    COLLECTION,
    CONTROLLER,
    EXPORT,
    MIGRATE,
    MIGRATION,
    REPOSITORY,
    SERVICE,
    STAGING,
    TEST,
    TESTS,
    UNDO,
    VALIDATION,
    VERSION,
)
from pytest_mcpflow.scenarios._worlds import checkout, hosting

__all__ = ["LISTED", "MAIN", "desktop", "droplets", "hosting_before"]

OLD, PRODUCTION = "1.4.0", "prod-1"
LISTED = {"name": "List users", "request": {"method": "GET", "url": "{{host}}/api/users"}}
MAIN = {
    "src/app.ts": "export const app = express();\n",
    COLLECTION: json.dumps({"info": {"name": "API"}, "item": [LISTED]}, indent=2) + "\n",
}


def desktop() -> DesktopCommander:
    tested = {CONTROLLER: "router.get(", EXPORT: "csv(", VALIDATION: "z.object", TEST: "test("}
    return checkout(
        MAIN,
        Script(MIGRATE, stdout="1 migration applied", requires={MIGRATION: "CREATE TABLE"}),
        Script(UNDO, stdout="1 migration rolled back"),
        Script(TESTS, stdout="Tests: 37 passed\nCoverage: 100%", requires=tested),
    )


def hosting_before() -> GitHub:
    hosted = hosting(REPOSITORY, MAIN)
    hosted.repositories[REPOSITORY].protection["main"] = Protection(required_checks=["test"])
    hosted.repositories[REPOSITORY].new_checks = {"test": "success"}
    return hosted


def droplets() -> DropletExecutor:
    staging, production = (
        Host("staging", services={SERVICE: Service(OLD)}),
        Host(services={SERVICE: Service(OLD)}),
    )
    releases = {SERVICE: {OLD: Release(), VERSION: Release()}}
    return DropletExecutor(hosts={STAGING: staging, PRODUCTION: production}, releases=releases)
