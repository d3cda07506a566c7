"""What hosts, their services and their databases refuse with."""

from __future__ import annotations

from pytest_mcpflow.fake import FakeError

__all__ = ["DatabaseError", "InvalidValueError", "SSHError", "UnitNotFoundError", "database_in_use"]


class SSHError(FakeError):
    """The host does not answer."""


class UnitNotFoundError(FakeError):
    """The host runs no such service."""


class DatabaseError(FakeError):
    """The database server, or the service that manages it, refuses."""


class InvalidValueError(FakeError):
    """An argument has the right type and a value that makes no sense."""


def database_in_use(database: str, used: int) -> DatabaseError:
    """What PostgreSQL says of a database that cannot go while services use it."""
    return DatabaseError(
        f'ERROR: database "{database}" is being accessed by other users\n'
        f"DETAIL: There are {used} other sessions using the database."
    )
