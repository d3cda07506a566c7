"""A server that is told a password, and hands out a token and numbers of customers."""

from __future__ import annotations

import secrets

from mcp.server import MCPServer
from pydantic import BaseModel

server = MCPServer("bank", log_level="WARNING")
customers: dict[str, str] = {}


class Account(BaseModel):
    customer: str
    token: str


@server.tool()
def open_account(name: str, password: str) -> Account:
    """Open an account."""
    account = Account(customer=f"C-{1042 + len(customers)}", token=secrets.token_urlsafe(24))
    customers[account.token] = name
    return account


@server.tool()
def balance(token: str) -> int:
    """Tell what is on the account."""
    return len(customers[token]) * 10


if __name__ == "__main__":
    server.run("stdio")
