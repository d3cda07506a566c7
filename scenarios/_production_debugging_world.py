"""The world of `production-debugging`, before anything happens."""

from __future__ import annotations

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
from pytest_mcpflow.fakes.github import GitHub, Protection
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
from pytest_mcpflow.scenarios._worlds import checkout, hosting

__all__ = ["COPY", "INDEXED", "SCAN", "desktop", "droplets", "hosting_before"]

SLOW, COPY = "1.8.0", "shop-staging"
MAIN = {
    "src/orders.ts": "export const orders = (user) => sql`SELECT * FROM orders WHERE user_id = ${user}`;\n"
}
SCAN = Script(EXPLAIN, stdout="Seq Scan on orders  (cost=0.00..41210.00 rows=2000000)")
INDEXED = Script(EXPLAIN, stdout="Index Scan using orders_user_id_idx on orders  (cost=0.43..8.45 rows=12)")


def database() -> Database:
    query = Query("SELECT * FROM orders WHERE user_id = $1", "orders.user_id", 2.3, 0.02)
    return Database(rows=2_000_000, queries=[query])


def droplets() -> DropletExecutor:
    lines = [
        LogLine("2025-12-31T23:57:00Z", "INFO", "GET /health 200 in 0.02 s"),
        LogLine("2025-12-31T23:58:00Z", "WARN", "GET /orders 200 in 2.32 s, the database took 2.30 s"),
        LogLine("2025-12-31T23:59:00Z", "WARN", "GET /orders 200 in 2.32 s, the database took 2.30 s"),
    ]
    live, staged = Service(SLOW, database=DATABASE, logs=lines, start_seconds=5), Service(SLOW, database=COPY)
    return DropletExecutor(
        hosts={
            PRODUCTION: Host(services={SERVICE: live}, databases={DATABASE: database()}),
            STAGING: Host("staging", services={SERVICE: staged}, databases={COPY: database()}),
        },
        releases={SERVICE: {SLOW: Release(), FIXED: Release()}},
    )


def desktop() -> DesktopCommander:
    tests = Script("npm test*", stdout="Tests: 88 passed", requires={MIGRATION: "CREATE INDEX", TEST: "50"})
    migrate = Script(MIGRATE, stdout="1 migration applied", requires={MIGRATION: "CREATE INDEX"})
    set_up = [Script("docker compose up -d db"), Script("npm run db:seed -- --like-production")]
    return checkout(MAIN, *set_up, SCAN, migrate, tests)


def hosting_before() -> GitHub:
    hosted = hosting(REPOSITORY, MAIN)
    hosted.repositories[REPOSITORY].protection["main"] = Protection(required_checks=["test"])
    hosted.repositories[REPOSITORY].new_checks = {"test": "success"}
    return hosted
