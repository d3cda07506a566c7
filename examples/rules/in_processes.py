"""Explores the till in as many processes as there are processors."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor

from till import settle, world

from pytest_mcpflow.explore import AtMostOneEffect, explore


def main() -> None:
    rules = [AtMostOneEffect("till.charge", by="order")]
    with ProcessPoolExecutor() as pool:
        exploration = explore(settle, world, depth=2, invariants=rules, executor=pool)
    print(exploration.claim)
    print(exploration.accounting)


if __name__ == "__main__":
    main()
