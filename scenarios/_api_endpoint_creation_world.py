"""The world of `api-endpoint-creation`, and what follows in it from what a workflow does."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from pytest_mcpflow import Hub, Interaction
from pytest_mcpflow.fakes.desktop_commander import DesktopCommander, Script
from pytest_mcpflow.fakes.droplet_executor import CommandResult, DropletExecutor, Host, Release, Service
from pytest_mcpflow.fakes.github import GitHub
from pytest_mcpflow.scenarios._endpoint_workflow import (
    BRANCH,
    COLLECTION,
    CONTROLLER,
    DOCS,
    EXPORT,
    MIGRATE,
    MIGRATION,
    REPOSITORY,
    SERVICE,
    SMOKE_TESTS,
    STAGING,
    TEST,
    TESTS,
    UNDO,
    VALIDATION,
    VERSION,
)
from pytest_mcpflow.scenarios._rules import Guarded
from pytest_mcpflow.scenarios._worlds import checkout, connect_remote, guarded_hosting

__all__ = ["GUARDS", "LISTED", "MAIN", "ApiWithStaging"]

OLD, PRODUCTION = "1.4.0", "prod-1"
GUARDS = ("authenticate", "rateLimit({ max: 10, perHours: 1 })")
"""What has to stand before user data is handed out."""
LISTED = {"name": "List users", "request": {"method": "GET", "url": "{{host}}/api/users"}}
MAIN = {
    "src/app.ts": "export const app = express();\n",
    COLLECTION: json.dumps({"info": {"name": "API"}, "item": [LISTED]}, indent=2) + "\n",
}


def _desktop() -> DesktopCommander:
    tested = {CONTROLLER: "router.get(", EXPORT: "csv(", VALIDATION: "z.object", TEST: "test("}
    return checkout(
        MAIN,
        Script(MIGRATE, stdout="1 migration applied", requires={MIGRATION: "CREATE TABLE"}),
        Script(UNDO, stdout="1 migration rolled back"),
        Script(TESTS, stdout="Tests: 37 passed\nCoverage: 100%", requires=tested),
    )


def _droplets() -> DropletExecutor:
    staging, production = (
        Host("staging", services={SERVICE: Service(OLD)}),
        Host(services={SERVICE: Service(OLD)}),
    )
    releases = {SERVICE: {OLD: Release(), VERSION: Release()}}
    return DropletExecutor(hosts={STAGING: staging, PRODUCTION: production}, releases=releases)


@dataclass
class ApiWithStaging(Guarded):
    """An API that cannot export yet, with a staging that runs what was pushed, and documentation made from `main`."""

    desktop: DesktopCommander = field(default_factory=_desktop)
    hosting: GitHub = field(default_factory=lambda: guarded_hosting(REPOSITORY, MAIN))
    droplets: DropletExecutor = field(default_factory=_droplets)
    schema: str = field(default="as before", init=False, repr=False)
    """The desktop's database: `as before`, `migrated`, or `half migrated`."""
    published_too_early: list[str] = field(default_factory=list[str], init=False, repr=False)

    def connect(self, hub: Hub) -> None:
        def change_schema(ran: Interaction) -> None:
            done = self.desktop.history[-1].exit_code == 0
            if ran.arguments["command"] == MIGRATE:
                self.schema = "migrated" if done else "half migrated"
            elif ran.arguments["command"] == UNDO and done:
                self.schema = "as before"

        def serve(_: Interaction) -> None:
            """The smoke tests ask what was deployed, which is what was pushed."""
            missing = self.unguarded()
            answers = "401 without a token, 200 text/csv chunked, 429 at request 11 of an hour"
            failed = CommandResult("", f"missing: {', '.join(missing)}", 1)
            commands = self.droplets.hosts[STAGING].commands
            commands[SMOKE_TESTS] = failed if missing else CommandResult(answers)

        def publish(_: Interaction) -> None:
            if DOCS in self.files("main") and not self.answers():
                self.published_too_early.append(DOCS)

        connect_remote(hub, self.desktop, self.hosting.repositories[REPOSITORY])
        hub.on_effect("desktop-commander.execute_command", change_schema)
        hub.on_effect("droplet-executor.*", serve)
        hub.on_effect("github.*", publish)

    def files(self, branch: str) -> dict[str, str]:
        """The files of a branch on GitHub; none, if it is not there."""
        branches = self.hosting.repositories[REPOSITORY].branches
        return branches[branch].files if branch in branches else {}

    def is_staged(self) -> bool:
        """Whether staging runs the new version."""
        return self.droplets.hosts[STAGING].services[SERVICE].version == VERSION

    def answers(self) -> bool:
        """Whether the endpoint can be asked on staging."""
        service = self.droplets.hosts[STAGING].services[SERVICE]
        return self.is_staged() and self.droplets.problem(SERVICE, service) is None

    def unguarded(self) -> list[str]:
        """What is missing before the user data that staging hands out."""
        controller = self.files(BRANCH).get(CONTROLLER, "") if self.is_staged() else ""
        return [guard for guard in GUARDS if guard not in controller]
