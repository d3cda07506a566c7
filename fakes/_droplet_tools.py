"""The tools of `pytest_mcpflow.fakes.droplet_executor` that are about droplets, machines that cost money."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pytest_mcpflow.fake import FakeError, tool
from pytest_mcpflow.fakes._estate import Estate
from pytest_mcpflow.fakes._hosts import HOURLY_DOLLARS, REGIONS, Droplet, Environment, Host


class DropletAPIError(FakeError):
    """The DigitalOcean API refuses."""

    def __init__(self, method: str, path: str, status: int, message: str) -> None:
        super().__init__(
            f"api error: {method} https://api.digitalocean.com/v2/droplets{path}: {status} {message}"
        )


@dataclass(frozen=True, slots=True)
class DropletEntry:
    """A droplet; `status` is `new` while it boots and `archive` once destroyed. Costs are US dollars."""

    success: bool
    droplet_id: str
    name: str
    size: str
    region: str
    status: Literal["new", "active", "archive"]
    cost_dollars: float


@dataclass(frozen=True, slots=True)
class Firewall:
    """Which TCP ports of a host can be reached."""

    success: bool
    host: str
    inbound_ports: list[int]


@dataclass
class DropletTools(Estate):
    """Droplets: create, list, destroy."""

    @tool()
    def create_droplet(
        self, name: str, size: str = "s-1vcpu-1gb", region: str = "nyc3", environment: Environment = "staging"
    ) -> DropletEntry:
        """Create a droplet, which costs money until it is destroyed. Names need not be unique, ids are."""
        if size not in HOURLY_DOLLARS:
            raise DropletAPIError("POST", "", 422, "You specified an invalid size for Droplet creation.")
        if region not in REGIONS:
            raise DropletAPIError("POST", "", 422, "You specified an invalid region for Droplet creation.")
        now = self.clock.now()
        droplet_id = self.new_id("droplet")
        self.droplets[droplet_id] = Droplet(name, size, region, now)
        self.hosts.setdefault(name, Host(environment, boots_at=now + self.provisioning_seconds))
        return self._droplet_entry(droplet_id)

    @tool(destroys=True)
    def destroy_droplet(self, droplet_id: str) -> DropletEntry:
        """Destroy a droplet and all that is on it."""
        droplet = self.droplets.get(droplet_id)
        if droplet is None or droplet.destroyed_at is not None:
            raise DropletAPIError(
                "DELETE", f"/{droplet_id}", 404, "The resource you requested could not be found."
            )
        with self.changing():
            droplet.destroyed_at = self.clock.now()
            if not any(
                each.name == droplet.name and each.destroyed_at is None for each in self.droplets.values()
            ):
                self.hosts.pop(droplet.name, None)
        return self._droplet_entry(droplet_id)

    @tool(idempotent=True)
    def set_firewall(self, host: str, inbound_ports: list[int]) -> Firewall:
        """Let only these TCP ports of a host be reached; without 22 nobody can log in any more."""
        machine = self.hosts.get(host)
        request = "api error: POST https://api.digitalocean.com/v2/firewalls"
        if machine is None:
            raise FakeError(f"{request}: 404 The resource you requested could not be found.")
        if any(not 1 <= port <= 65535 for port in inbound_ports):
            raise FakeError(f"{request}: 422 ports must be between 1 and 65535")
        machine.open_ports = sorted(set(inbound_ports))
        return Firewall(True, host, machine.open_ports)

    @tool(reads=True)
    def list_droplets(self) -> list[DropletEntry]:
        """List all droplets with what each has cost so far, destroyed ones included."""
        return [self._droplet_entry(droplet_id) for droplet_id in self.droplets]

    def _droplet_entry(self, droplet_id: str) -> DropletEntry:
        droplet, now = self.droplets[droplet_id], self.clock.now()
        status: Literal["new", "active", "archive"] = "active"
        if droplet.destroyed_at is not None:
            status = "archive"
        elif now < droplet.created_at + self.provisioning_seconds:
            status = "new"
        return DropletEntry(
            True,
            droplet_id,
            droplet.name,
            droplet.size,
            droplet.region,
            status,
            round(droplet.dollars(now), 5),
        )
