"""The world of `code-review-refactor`, before anything happens."""

from __future__ import annotations

from pytest_mcpflow.fakes.desktop_commander import DesktopCommander, Script
from pytest_mcpflow.scenarios._refactoring_workflow import TESTS
from pytest_mcpflow.scenarios._worlds import checkout

__all__ = ["HEALTH", "MAIN", "ORDERS", "PRODUCTS", "USERS", "desktop"]

USERS, PRODUCTS, ORDERS, HEALTH = (
    f"src/controllers/{name}.controller.ts" for name in ("user", "product", "order", "health")
)
EMAIL = "    if (!body.email.includes('@')) throw new BadRequest('email');\n"
MAIN = {
    USERS: (
        f"export class UserController {{\n  create(body: User) {{\n{EMAIL}    return this.users.insert(body);\n  }}\n"
        f"  update(id: string, body: User) {{\n{EMAIL}    return this.users.update(id, body);\n  }}\n}}\n"
    ),
    PRODUCTS: "export class ProductController {\n  list() {\n    return this.products.findAll();\n  }\n}\n",
    ORDERS: (
        "export class OrderController {\n  async list(user: User) {\n"
        "    const orders = await this.orders.findBy(user.id);\n    for (const order of orders) {\n"
        "      order.items = await this.items.findBy(order.id);\n    }\n    return orders;\n  }\n}\n"
    ),
    HEALTH: "export class HealthController {\n  get() {\n    return { status: 'ok' };\n  }\n}\n",
}


def desktop() -> DesktopCommander:
    return checkout(
        MAIN, Script(TESTS, stdout="Tests: 61 passed", requires=dict.fromkeys(MAIN, "export class"))
    )
