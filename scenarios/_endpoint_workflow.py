"""The reference answer to `api-endpoint-creation`: one layer on the other, documented only where it answers."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Any

from pytest_mcpflow import Hub
from pytest_mcpflow.scenarios._delivery import Delivery, StoppedError

__all__ = ["Endpoint", "EndpointReport"]

REPOSITORY, BRANCH, TITLE = "shop/api", "feature/users-export", "Export users as CSV"
ENDPOINT, STAGING, SERVICE, VERSION = "GET /api/users/export", "staging-1", "api", "1.5.0"
MIGRATION = "migrations/0043_user_exports.sql"
MIGRATE, UNDO, TESTS = "npm run db:migrate", "npm run db:rollback", "npm test -- --coverage"
SMOKE_TESTS = "npm run smoke -- users-export"
CONTROLLER, EXPORT, VALIDATION = (
    f"src/users/export.{layer}.ts" for layer in ("controller", "service", "validation")
)
TEST, DOCS, COLLECTION = "test/users.export.test.ts", "docs/api/users-export.md", "postman/collection.json"
SCHEMA = "CREATE TABLE user_exports (user_id bigint NOT NULL, exported_at timestamptz NOT NULL);\n"
LAYERS = {
    CONTROLLER: (
        "router.get('/api/users/export', authenticate, rateLimit({ max: 10, perHours: 1 }), validate(query), "
        "(req, res) => exportUsers(req.query, res));\n"
    ),
    EXPORT: (
        "export const exportUsers = (filter, res) =>\n"
        "  pipeline(users.cursor(filter), csv({ header: true }), res.type('text/csv'));\n"
    ),
    VALIDATION: "export const query = z.object({ since: z.string().date().optional() });\n",
    TEST: (
        "test('without a token it answers 401', () => get().expect(401));\n"
        "test('request 11 of an hour answers 429', () => times(11, get).expect(429));\n"
        "test('a million users are streamed', () => get().expect(chunked));\n"
        "test('a malformed date answers 400', () => get('?since=soon').expect(400));\n"
    ),
}
"""What stands on the migration, the lowest layer first."""
DOCUMENTATION = (
    f"# {ENDPOINT}\n\nAll users as CSV, streamed. Authentication is required; 10 requests an hour.\n"
    "`since` (a date) leaves out who registered before.\n"
)


@dataclass(frozen=True)
class EndpointReport:
    """Where the endpoint answers, and where it was proposed."""

    success: bool = False
    endpoint: str = ENDPOINT
    staged_version: str | None = None
    pull_request: int | None = None
    error: str | None = None


class Endpoint:
    """One endpoint, from the database to its documentation."""

    def __init__(self, hub: Hub) -> None:
        self._crew = Delivery(hub, REPOSITORY)
        self._report = EndpointReport()

    async def run(self) -> EndpointReport:
        error = await self._crew.loudly(f"{ENDPOINT} is not there yet", self._steps())
        return replace(self._report, success=error is None, error=error)

    async def _steps(self) -> None:
        await self._crew.switch_to_new_branch(BRANCH)
        await self._migrate()
        for path, content in LAYERS.items():
            await self._crew.write(path, content)
        results = await self._crew.must_cover(TESTS)
        await self._document()
        await self._crew.commit(TITLE, MIGRATION, *LAYERS, DOCS, COLLECTION)
        await self._crew.push(BRANCH)
        number = await self._crew.propose(BRANCH, TITLE, f"{DOCUMENTATION}\n{results}\n")
        self._report = replace(self._report, pull_request=number)
        await self._crew.checks_pass(number)
        await self._stage()
        await self._crew.merge(number)  # documentation is published from main
        await self._crew.notify(f"{ENDPOINT} is on staging and documented, ready for testing", "slack")

    async def _migrate(self) -> None:
        """Change the schema on the desktop; what does not go all the way is taken back."""
        await self._crew.write(MIGRATION, SCHEMA)
        try:
            await self._crew.must_run(MIGRATE)
        except Exception as error:
            try:
                await self._crew.must_run(UNDO)
            except Exception as undoing:
                raise StoppedError(f"{error}; roll the migration back by hand: {undoing}") from undoing
            raise

    async def _document(self) -> None:
        """Write the page, and add the request to the Postman collection, once."""
        await self._crew.write(DOCS, DOCUMENTATION)
        collection: dict[str, Any] = json.loads(await self._crew.read(COLLECTION))
        method, _, path = ENDPOINT.partition(" ")
        others = [item for item in collection["item"] if item["name"] != TITLE]
        request = {"method": method, "url": "{{host}}" + path, "auth": {"type": "bearer"}}
        collection["item"] = [*others, {"name": TITLE, "request": request}]
        await self._crew.write(COLLECTION, json.dumps(collection, indent=2) + "\n")

    async def _stage(self) -> None:
        """Deploy, and ask the endpoint itself; take it back where it does not do what is documented."""
        await self._crew.ship(STAGING, SERVICE, VERSION)
        try:
            ran = await self._crew.droplet("run_command", host=STAGING, command=SMOKE_TESTS)
            if not ran["success"]:
                raise StoppedError(f"{SMOKE_TESTS}: {ran['stderr'] or ran['stdout']}")
        except Exception:
            await self._crew.go_back(STAGING, SERVICE, VERSION)
            raise
        self._report = replace(self._report, staged_version=VERSION)
