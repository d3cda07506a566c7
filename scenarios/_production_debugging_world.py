"""The world of `production-debugging`, and what follows in it from what a workflow does."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from pytest_mcpflow import Hub, Interaction
from pytest_mcpflow.fakes.desktop_commander import DesktopCommander, Script
from pytest_mcpflow.fakes.droplet_executor import (
    Database,
    DropletExecutor,
    Host,
    LogLine,
    Query,
    Release,
    Service,
)
from pytest_mcpflow.fakes.github import GitHub
from pytest_mcpflow.fakes.github import Repository as HostedRepository
from pytest_mcpflow.scenarios._debugging_workflow import (
    DATABASE,
    EXPLAIN,
    FIXED,
    MIGRATE,
    MIGRATION,
    PRODUCTION,
    REPOSITORY,
    SERVICE,
    STAGING,
    TEST,
)
from pytest_mcpflow.scenarios._rules import Emergency
from pytest_mcpflow.scenarios._worlds import checkout, connect_remote, guarded_hosting

__all__ = ["SlowShop"]

SLOW, COPY = "1.8.0", "shop-staging"
MAIN = {
    "src/orders.ts": "export const orders = (user) => sql`SELECT * FROM orders WHERE user_id = ${user}`;\n"
}
SCAN = Script(EXPLAIN, stdout="Seq Scan on orders  (cost=0.00..41210.00 rows=2000000)")
INDEXED = Script(EXPLAIN, stdout="Index Scan using orders_user_id_idx on orders  (cost=0.43..8.45 rows=12)")


def _database() -> Database:
    query = Query("SELECT * FROM orders WHERE user_id = $1", "orders.user_id", 2.3, 0.02)
    return Database(rows=2_000_000, queries=[query])


def _droplets() -> DropletExecutor:
    lines = [
        LogLine("2025-12-31T23:57:00Z", "INFO", "GET /health 200 in 0.02 s"),
        LogLine("2025-12-31T23:58:00Z", "WARN", "GET /orders 200 in 2.32 s, the database took 2.30 s"),
        LogLine("2025-12-31T23:59:00Z", "WARN", "GET /orders 200 in 2.32 s, the database took 2.30 s"),
    ]
    live, staged = Service(SLOW, database=DATABASE, logs=lines, start_seconds=5), Service(SLOW, database=COPY)
    return DropletExecutor(
        hosts={
            PRODUCTION: Host(services={SERVICE: live}, databases={DATABASE: _database()}),
            STAGING: Host("staging", services={SERVICE: staged}, databases={COPY: _database()}),
        },
        releases={SERVICE: {SLOW: Release(), FIXED: Release()}},
    )


def _desktop() -> DesktopCommander:
    tests = Script("npm test*", stdout="Tests: 88 passed", requires={MIGRATION: "CREATE INDEX", TEST: "50"})
    migrate = Script(MIGRATE, stdout="1 migration applied", requires={MIGRATION: "CREATE INDEX"})
    set_up = [Script("docker compose up -d db"), Script("npm run db:seed -- --like-production")]
    return checkout(MAIN, *set_up, SCAN, migrate, tests)


@dataclass
class SlowShop(Emergency):
    """A database without an index, on production, on staging and on the desktop, wherever migrations run."""

    desktop: DesktopCommander = field(default_factory=_desktop)
    hosting: GitHub = field(default_factory=lambda: guarded_hosting(REPOSITORY, MAIN))
    droplets: DropletExecutor = field(default_factory=_droplets)
    seconds_when_resolved: list[float] = field(default_factory=list[float], init=False, repr=False)
    outages: list[str] = field(default_factory=list[str], init=False, repr=False)

    def connect(self, hub: Hub) -> None:
        def migrate_here(ran: Interaction) -> None:
            if MIGRATE in ran.arguments["command"] and self.desktop.history[-1].exit_code == 0:
                self.desktop.scripts = [INDEXED if each == SCAN else each for each in self.desktop.scripts]

        def migrate_there(deployed: Interaction) -> None:
            database = {PRODUCTION: DATABASE, STAGING: COPY}[str(deployed.arguments["host"])]
            pushed = [branch.files.get(MIGRATION, "") for branch in self.repository().branches.values()]
            created = [
                text for text in pushed if re.search(r"^CREATE INDEX .*ON orders \(user_id\)", text, re.M)
            ]
            if created and not self.droplets.record_of(database).indexes:
                self.droplets.create_index(database, "orders", "user_id")
                if database == DATABASE and not any("CONCURRENTLY" in text for text in created):
                    self.outages.append("orders takes no writes while its index is built")

        def look(_: Interaction) -> None:
            problem = self.droplets.problem(SERVICE, self.droplets.service_on(PRODUCTION, SERVICE))
            self.outages += [problem] if problem else []

        connect_remote(hub, self.desktop, self.repository())
        hub.on_effect("desktop-commander.execute_command", migrate_here)
        hub.on_effect("droplet-executor.deploy", migrate_there)
        hub.on_effect("droplet-executor.*", look)
        hub.on_effect(
            "communication-hub.resolve_alert", lambda _: self.seconds_when_resolved.append(self.seconds())
        )

    def repository(self) -> HostedRepository:
        """`shop/api` on GitHub."""
        return self.hosting.repositories[REPOSITORY]

    def seconds(self) -> float:
        """How long users of production wait for an answer now."""
        service = self.droplets.service_on(PRODUCTION, SERVICE)
        return self.droplets.metric(SERVICE, service, "response_seconds")
