"""The tools of `pytest_mcpflow.fakes.droplet_executor` that change which version of a service runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pytest_mcpflow.fake import Call, FakeError, tool
from pytest_mcpflow.fakes._estate import Estate
from pytest_mcpflow.fakes._hosts import Approval, Colour, Deployment, Environment, Service, Strategy, stamp
from pytest_mcpflow.fakes._service_results import ServiceChange, service_change

Request = tuple[str, str, str, str]


class DeploymentError(FakeError):
    """The service cannot, or may not, be changed so."""


@dataclass
class DeploymentTools(Estate):
    """Deployments: deploy, switch colours, roll back."""

    @tool(reads=True)
    def list_releases(self, service: str) -> list[str]:
        """List the versions of a service that can be deployed."""
        return sorted(self.releases.get(service, {}))

    @tool(reads=True)
    def list_deployments(self, service: str | None = None) -> list[Deployment]:
        """List what was deployed, switched and rolled back, oldest first."""
        return [each for each in self.deployments if service in (None, each.service)]

    @tool()
    async def deploy(
        self,
        host: str,
        service: str,
        version: str,
        *,
        call: Call,
        skip_staging: bool = False,
        strategy: Strategy = "rolling",
        idempotency_key: str | None = None,
    ) -> Deployment:
        """Deploy a version of a service with no downtime.

        `blue-green` installs it on the colour without traffic, for `switch_live_colour`. A version that was
        never on staging is refused in production, unless `skip_staging` is set and a person approves. An
        `idempotency_key` deploys once: the same request again gets the first answer.
        """
        request = (host, service, version, strategy)
        earlier = self._deployed(idempotency_key, request)
        if earlier is not None:
            return earlier
        environment = self._check_deployable(host, service, version, strategy)
        approval: Approval | None = None
        if environment == "production" and not self._was_staged(service, version):
            if not skip_staging:
                raise DeploymentError(
                    f"{service} {version} was never deployed to staging; deploy it there first, "
                    "or ask for an approval with skip_staging"
                )
            question = f"Deploy {service} {version} to production host {host} without staging?"
            approval = await call.elicit(question, Approval)
            if not approval.approve:
                raise DeploymentError(f"APPROVAL_DENIED: {approval.reason or 'no reason given'}")
            # While the person thought, another call may have done or undone what was checked above.
            earlier = self._deployed(idempotency_key, request)
            if earlier is not None:
                return earlier
            self._check_deployable(host, service, version, strategy)
        return self._deploy(request, strategy, approval, idempotency_key)

    @tool(idempotent=True)
    def switch_live_colour(self, host: str, service: str, colour: Colour) -> ServiceChange:
        """Send all traffic of a service to its blue or its green installation."""
        unit = self.service_on(host, service)
        if colour != unit.live_colour:
            if unit.idle_version is None:
                raise DeploymentError(f"{service} has nothing installed on {colour}; deploy to it first")
            with self.changing():
                before = unit.version
                unit.previous_versions.append(before)
                unit.live_colour, unit.version, unit.idle_version = colour, unit.idle_version, before
                self._start(service, unit)
                self._record("switch", (host, service, unit.version, "switch"), before)
        return service_change(host, service, unit, healthy=self.problem(service, unit) is None)

    @tool()
    def rollback(self, host: str, service: str) -> Deployment:
        """Go back to the version that ran before. Repeated, it goes back one more."""
        unit = self.service_on(host, service)
        if not unit.previous_versions:
            raise DeploymentError(f'error: no rollout history found for deployment "{service}"')
        with self.changing():
            before, unit.version = unit.version, unit.previous_versions.pop()
            self._start(service, unit)
            return self._record("rollback", (host, service, unit.version, "rollback"), before)

    def _deployed(self, key: str | None, request: Request) -> Deployment | None:
        earlier = next((each for each in self.deployments if key and each.idempotency_key == key), None)
        if earlier is not None and (earlier.host, earlier.service, earlier.version, earlier.kind) != request:
            raise DeploymentError(
                "Keys for idempotent requests can only be used with the same parameters they were first used "
                f"with. {key!r} deployed {earlier.service} {earlier.version} to {earlier.host}."
            )
        return earlier

    def _check_deployable(self, host: str, service: str, version: str, strategy: Strategy) -> Environment:
        machine = self.host(host)
        if version not in self.releases.get(service, {}):
            raise DeploymentError(
                f"manifest for {service}:{version} not found: manifest unknown: manifest unknown"
            )
        if strategy == "blue-green" and service not in machine.services:
            raise DeploymentError(
                f"{service} does not run on {host} yet; its first deployment must be rolling"
            )
        return machine.environment

    def _was_staged(self, service: str, version: str) -> bool:
        running = any(
            host.environment == "staging"
            and service in host.services
            and host.services[service].version == version
            for host in self.hosts.values()
        )
        return running or any(
            (each.environment, each.service, each.version) == ("staging", service, version)
            for each in self.deployments
        )

    def _deploy(
        self, request: Request, strategy: Strategy, approval: Approval | None, key: str | None
    ) -> Deployment:
        host, service, version, _ = request
        unit = self.host(host).services.get(service)
        with self.changing():
            if strategy == "blue-green" and unit is not None:
                before, unit.idle_version = unit.idle_version, version
                self.log(unit, f"installed version {version} beside {unit.version}")
                return self._record("blue-green", request, before, approval, key)
            before = None
            if unit is None:
                unit = self.host(host).services[service] = Service(version)
            else:
                before, unit.version = unit.version, version
                if before != version:
                    unit.previous_versions.append(before)
            self._start(service, unit)
            return self._record("rolling", request, before, approval, key)

    def _record(
        self,
        kind: Literal["rolling", "blue-green", "switch", "rollback"],
        request: Request,
        before: str | None,
        approval: Approval | None = None,
        key: str | None = None,
    ) -> Deployment:
        host, service, version, _ = request
        live: Colour = self.hosts[host].services[service].live_colour
        idle: Colour = "green" if live == "blue" else "blue"
        deployment = Deployment(
            success=True,
            deployment_id=self.new_id("deployment"),
            at=stamp(self.clock.wall()),
            kind=kind,
            host=host,
            environment=self.hosts[host].environment,
            service=service,
            version=version,
            previous_version=before,
            colour=idle if kind == "blue-green" else live,
            approval=approval,
            idempotency_key=key,
        )
        self.deployments.append(deployment)
        return deployment
