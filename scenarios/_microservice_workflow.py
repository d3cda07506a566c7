"""The reference answer to `microservice-creation`: what is there is used, what is left over destroyed or named."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from pytest_mcpflow import Hub
from pytest_mcpflow.scenarios._careful import together
from pytest_mcpflow.scenarios._delivery import Delivery, StoppedError
from pytest_mcpflow.scenarios._microservice_files import CHECKS, PIPELINE_PATH, SCAFFOLD

__all__ = ["Creation", "ServiceReport"]

NAME, SERVICE, VERSION, HOST = "notification-service", "notifications", "0.1.0", "notifications-1"
REPOSITORY, MESSAGE = f"shop/{NAME}", "Scaffold the notification service"
QUESTION = f"The scaffold of {NAME} is tested. Create its repository and a droplet for it?"
SIZE, REGION, PORTS = "s-1vcpu-2gb", "fra1", [22, 443]
SECRETS = {"SENDGRID_API_KEY": "vault:sendgrid/api", "TWILIO_AUTH_TOKEN": "vault:twilio/auth"}
HEALTHY_ERRORS, WATCH_EVERY, WATCH_FOR = 0.01, 60, 900


@dataclass(frozen=True)
class ServiceReport:
    """What was created; `left` names what a failure left behind, or may have left behind."""

    success: bool = False
    repository: str | None = None
    droplet_id: str | None = None
    left: tuple[str, ...] = ()
    error: str | None = None


class Creation:
    """One service, from its scaffold to a host that is watched. A second run goes on where the first one stopped."""

    def __init__(self, hub: Hub) -> None:
        self._crew = Delivery(hub, REPOSITORY)
        self._report = ServiceReport()
        self._touched_repository = self._created_droplet = self._found_droplet = False

    async def run(self) -> ServiceReport:
        error = await self._crew.loudly(f"{NAME} is not created", self._steps())
        if error is not None:
            await self._clean_up()
        return replace(self._report, success=error is None, error=error)

    async def _steps(self) -> None:
        await self._scaffold()
        await self._crew.ask(QUESTION, "developer")
        await self._host_code()
        droplet = await self._droplet()
        self._report = replace(self._report, droplet_id=droplet["droplet_id"])
        await self._deploy(droplet["droplet_id"])
        await self._crew.notify(f"{NAME} runs on {HOST}; its code is in {REPOSITORY}", "slack")

    async def _scaffold(self) -> None:
        await together(*(self._crew.write(path, content) for path, content in SCAFFOLD.items()))
        await self._crew.must_run("npm test")
        await self._crew.must_run("docker compose config --quiet")
        await self._crew.commit(MESSAGE, *SCAFFOLD)

    async def _host_code(self) -> None:
        """A repository whose main branch asks for checks and a review, from the second commit on."""

        async def is_there() -> bool:
            listed = await self._crew.repeat("github.list_repositories", {"owner": "shop"})
            return NAME in listed["result"]

        if not await is_there():
            self._touched_repository = True
            await self._crew.once("github.create_repository", {"owner": "shop", "name": NAME}, done=is_there)
        self._touched_repository = True
        self._report = replace(self._report, repository=REPOSITORY)
        await self._crew.push("main")
        workflows = (await self._crew.github("list_workflows"))["result"]
        if [(each["path"], each["state"]) for each in workflows] != [(PIPELINE_PATH, "active")]:
            raise StoppedError(f"the pipeline is not valid: {workflows}")
        asked: dict[str, int | list[str]] = {"required_checks": [*CHECKS], "required_approvals": 1}
        guarded = await self._crew.github("update_branch_protection", branch="main", **asked)
        if dict(guarded) != asked:
            raise StoppedError(f"main is guarded otherwise than asked: {dict(guarded)}")

    async def _droplet(self) -> dict[str, Any]:
        """A machine with this name that answers; names are not unique, so one that is there is taken."""

        async def is_there() -> bool:
            return bool(await self._droplets())

        if await is_there():
            self._found_droplet = True
        else:
            self._created_droplet = True
            droplet = {"name": HOST, "size": SIZE, "region": REGION, "environment": "staging"}
            await self._crew.once("droplet-executor.create_droplet", droplet, done=is_there)

        async def is_active() -> bool:
            return all(each["status"] == "active" for each in await self._droplets())

        for extra in (await self._droplets())[1:]:  # the network may have asked twice
            await self._destroy(extra["droplet_id"])
        await self._crew.until(is_active, f"{HOST} has booted")
        firewall = {"host": HOST, "inbound_ports": PORTS}
        let_in = await self._crew.repeat("droplet-executor.set_firewall", firewall)
        if let_in["inbound_ports"] != PORTS:
            raise StoppedError(f"the firewall lets in {let_in['inbound_ports']} and not {PORTS}")
        return (await self._droplets())[0]

    async def _deploy(self, droplet_id: str) -> None:
        """Deploy, hand over the keys by reference, watch, and see requests succeed."""
        await self._crew.deploy(HOST, SERVICE, VERSION, machine=f" ({droplet_id})")
        for name, reference in SECRETS.items():
            variable = {"service": SERVICE, "name": name, "secret_ref": reference}
            await self._crew.droplet("set_environment_variable", host=HOST, **variable)
        # Nobody uses it yet, so a restart too many harms nobody.
        await self._crew.droplet("restart_service", host=HOST, service=SERVICE)
        watched = {"service": SERVICE, "environment": "staging"}
        await self._crew.repeat("prometheus-monitoring.setup_alerts", watched)
        await self._crew.until(
            self._answers, f"requests to {SERVICE} succeed", patience=WATCH_FOR, every=WATCH_EVERY
        )

    async def _answers(self) -> bool:
        metrics = await self._crew.droplet("get_metrics", host=HOST, service=SERVICE)
        healthy = (await self._crew.service(HOST, SERVICE))["healthy"]
        return bool(healthy and metrics["services"][SERVICE]["error_rate"] <= HEALTHY_ERRORS)

    async def _clean_up(self) -> None:
        """Destroy the droplet that this run created, since it costs money; name all that stays."""
        left = [f"repository {REPOSITORY}"] if self._touched_repository else []
        if self._created_droplet:
            try:
                for droplet in await self._droplets():
                    await self._destroy(droplet["droplet_id"])
            except Exception:
                left.append(f"droplet {HOST}")
        elif self._found_droplet:
            left.append(f"droplet {HOST}")
        self._report = replace(self._report, left=tuple(left), droplet_id=None)
        if left:
            await self._crew.alert(
                f"{NAME} was not finished; left behind: {', '.join(left)}", severity="medium"
            )

    async def _destroy(self, droplet_id: str) -> None:
        async def is_gone() -> bool:
            return droplet_id not in [each["droplet_id"] for each in await self._droplets()]

        await self._crew.once("droplet-executor.destroy_droplet", {"droplet_id": droplet_id}, done=is_gone)

    async def _droplets(self) -> list[dict[str, Any]]:
        listed = (await self._crew.repeat("droplet-executor.list_droplets", {}))["result"]
        return [each for each in listed if each["name"] == HOST and each["status"] != "archive"]
