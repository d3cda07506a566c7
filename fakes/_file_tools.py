"""The tools of `pytest_mcpflow.fakes.droplet_executor` that are about files on hosts."""

from __future__ import annotations

from dataclasses import dataclass

from pytest_mcpflow.fake import FakeError, tool
from pytest_mcpflow.fakes._estate import Estate


@dataclass(frozen=True, slots=True)
class Upload:
    """A file as it now is on a host."""

    success: bool
    host: str
    path: str
    bytes_written: int


@dataclass
class FileTools(Estate):
    """Files on hosts: upload, read. Paths are absolute."""

    @tool(destroys=True, idempotent=True)
    def upload_file(self, host: str, path: str, content: str) -> Upload:
        """Write a file on a host, in place of what was there."""
        machine = self.host(host)
        if not path.startswith("/") or path.endswith("/"):
            raise FakeError(f"scp: {path}: No such file or directory")
        machine.files[path] = content
        return Upload(True, host, path, len(content.encode()))

    @tool(reads=True)
    def read_remote_file(self, host: str, path: str) -> str:
        """Read a file of a host."""
        files = self.host(host).files
        if path not in files:
            raise FakeError(f"scp: {path}: No such file or directory")
        return files[path]
