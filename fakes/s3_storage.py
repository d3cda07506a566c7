"""A fake of S3 storage with the backups a deployment system keeps there."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Literal

from pytest_mcpflow.fake import Fake, FakeError, tool

__all__ = ["Backup", "S3Storage", "StoredObject", "Version"]

Priority = Literal["low", "normal", "high"]


@dataclass
class Version:
    """One version of an object; `at` is seconds on the fake's clock."""

    id: str
    content: str
    at: float


@dataclass
class StoredObject:
    """What a listing shows of an object's newest version."""

    key: str
    size: int
    etag: str
    versions: int
    last_modified: float


@dataclass
class Backup:
    success: bool
    backup_id: str
    key: str
    size: int


@dataclass
class S3Storage(Fake):
    """One bucket, versioned."""

    service_error = "An error occurred (InternalError): We encountered an internal error. Please try again."
    sources: dict[str, str] = field(default_factory=dict[str, str])
    """What can be backed up: by name (`k8s/`, `production/app`, `production-data`) its content."""
    objects: dict[str, list[Version]] = field(default_factory=dict[str, list[Version]])
    restored: dict[str, str] = field(default_factory=dict[str, str])
    """What was restored, by source."""
    backups: dict[str, str] = field(default_factory=dict[str, str])
    """The key of each backup, by its id."""
    tokens: dict[str, Backup] = field(default_factory=dict[str, Backup])
    """The backups made with an idempotency token, by it."""

    @tool(idempotent=False)
    def backup_config(self, source: str, backup_name: str, idempotency_token: str | None = None) -> Backup:
        """Back up configuration under a name. A second backup of that name is a second version.

        With a token that was used before it is the backup made then, and nothing new, as in AWS Backup.
        """
        return self._back_up(source, f"config/{backup_name}", idempotency_token)

    @tool(idempotent=False)
    def backup_deployment(
        self, environment: str, service: str, idempotency_token: str | None = None
    ) -> Backup:
        """Back up what runs in an environment; a token is used once, as in `backup_config`."""
        key = f"deployments/{environment}/{service}"
        return self._back_up(f"{environment}/{service}", key, idempotency_token)

    @tool(idempotent=False)
    def emergency_backup(
        self, source: str, priority: Priority = "normal", idempotency_token: str | None = None
    ) -> Backup:
        """Back up data now; a token is used once, as in `backup_config`."""
        return self._back_up(source, f"emergency/{priority}/{source}", idempotency_token)

    @tool(idempotent=True)
    def restore_backup(self, backup_id: str) -> str:
        """Put a backup back where it came from, and name its source."""
        key, _, source = self.backups.get(backup_id, "").rpartition("|")
        version = next((each for each in self.objects.get(key, ()) if each.id == backup_id), None)
        if version is None:  # never made, or deleted since with its object
            raise FakeError(
                f"An error occurred (NoSuchKey) when calling the GetObject operation: {backup_id}"
            )
        self.restored[source] = version.content
        return source

    @tool(reads=True)
    def list_objects(self, prefix: str = "") -> list[StoredObject]:
        """List objects whose key begins with a prefix."""
        return [
            _shown(key, versions) for key, versions in sorted(self.objects.items()) if key.startswith(prefix)
        ]

    @tool(reads=True)
    def get_object(self, key: str) -> str:
        """Read the newest version of an object."""
        return self._versions(key)[-1].content

    @tool(idempotent=False)
    def put_object(self, key: str, content: str) -> StoredObject:
        """Write a new version of an object."""
        if not key:
            raise FakeError(
                "Parameter validation failed: Invalid length for parameter Key, value: 0, valid min length: 1"
            )
        if len(key.encode()) > 1024:
            raise FakeError(
                "An error occurred (KeyTooLongError) when calling the PutObject operation: Your key is too long"
            )
        self._add(key, content)
        return _shown(key, self.objects[key])

    @tool(destroys=True, idempotent=True)
    def delete_object(self, key: str) -> str:
        """Delete an object with all its versions. S3 says the same of one that is gone already."""
        self.objects.pop(key, None)
        return key

    def _back_up(self, source: str, key: str, token: str | None) -> Backup:
        if token is not None and token in self.tokens:
            return self.tokens[token]
        if source not in self.sources:
            raise FakeError(
                f"An error occurred (404) when calling the HeadObject operation: Not Found: {source}"
            )
        version = self._add(key, self.sources[source])
        self.backups[version.id] = f"{key}|{source}"
        made = Backup(True, version.id, key, len(version.content.encode()))
        if token is not None:
            self.tokens[token] = made
        return made

    def _add(self, key: str, content: str) -> Version:
        version = Version(self.new_hex(16, kind="version"), content, self.clock.now())
        self.objects.setdefault(key, []).append(version)
        return version

    def _versions(self, key: str) -> list[Version]:
        if key not in self.objects:
            raise FakeError(
                f"An error occurred (404) when calling the HeadObject operation: Not Found: {key}"
            )
        return self.objects[key]


def _shown(key: str, versions: list[Version]) -> StoredObject:
    content = versions[-1].content.encode()
    etag = hashlib.md5(content, usedforsecurity=False).hexdigest()
    return StoredObject(key, len(content), etag, len(versions), versions[-1].at)
