"""The reference answer to `cicd-setup`: piece by piece, each looked for afterwards, then tried out on staging."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from pytest_mcpflow import Hub
from pytest_mcpflow.scenarios._careful import together
from pytest_mcpflow.scenarios._delivery import Delivery, StoppedError
from pytest_mcpflow.scenarios._pipeline_files import (
    DEPLOY_SCRIPT,
    HEALTH_ENDPOINT,
    HEALTH_PATH,
    PIPELINE,
    PIPELINE_PATH,
    SCRIPT_PATH,
)

__all__ = ["PipelineReport", "PipelineSetup"]

REPOSITORY, BRANCH, TITLE = "shop/api", "ci/pipeline", "Test every change and deploy what is merged"
TARGETS = {"staging": "staging-1", "production": "prod-1"}
KEY_SECRET, SLACK_SECRET, HOST_VARIABLE = "DEPLOY_KEY", "SLACK_WEBHOOK_URL", "DEPLOY_HOST"
SLACK_FILE = ".deploy/slack-webhook"
WEBHOOK, EVENTS = "https://deployments.shop.example/github", ["deployment_status", "workflow_run"]
ADD_USER = "id -u deploy || useradd --create-home --shell /bin/bash deploy"
IS_ACTIVE = "systemctl is-active api"
AUTHORIZED_KEYS = "/home/deploy/.ssh/authorized_keys"


def key_file(environment: str) -> str:
    """Where the private half of a deployment key is made."""
    return f".deploy/{environment}"


def make_key(environment: str) -> str:
    """The command that makes a deployment key, unless there is one."""
    file = key_file(environment)
    return f'test -f {file} || ssh-keygen -t ed25519 -N "" -C deploy@{environment} -f {file}'


@dataclass(frozen=True)
class PipelineReport:
    """Which pieces are there, and which are not (or nobody knows); names only, never a value."""

    success: bool = False
    configured: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    pull_requests: tuple[int, ...] = ()
    error: str | None = None


@dataclass(frozen=True)
class _Piece:
    name: str
    set_up: Callable[[], Awaitable[object]]
    is_there: Callable[[], Awaitable[bool]]


class PipelineSetup:
    """The set-up of one repository and its targets."""

    def __init__(self, hub: Hub) -> None:
        self._crew = Delivery(hub, REPOSITORY)
        self._report = PipelineReport(missing=tuple(piece.name for piece in self._pieces()))

    async def run(self) -> PipelineReport:
        error = await self._crew.loudly("Setting up the pipeline", self._steps())
        return replace(self._report, success=error is None, error=error)

    async def _steps(self) -> None:
        await together(*map(self._make_key, TARGETS))
        await self._write_pipeline()
        await self._set_up()
        await together(*(self._crew.must_run(f"rm -f {key_file(environment)}") for environment in TARGETS))
        await self._try_out()
        number = await self._crew.propose(
            "develop", "Deploy to production what is merged", TITLE, base="main", reviewers=("lead",)
        )
        self._report = replace(self._report, pull_requests=(*self._report.pull_requests, number))
        await self._crew.notify(f"The pipeline deploys to staging; #{number} turns production on", "slack")

    async def _make_key(self, environment: str) -> None:
        """Once: a request that comes late would make another key, when this one has been handed over and removed."""

        async def is_made() -> bool:
            return bool((await self._crew.run(f"test -f {key_file(environment)}"))["success"])

        command = {"command": make_key(environment)}
        await self._crew.once("desktop-commander.execute_command", command, done=is_made)

    async def _write_pipeline(self) -> None:
        await self._crew.must_run("git checkout develop")
        await self._crew.switch_to_new_branch(BRANCH)
        await self._crew.write(PIPELINE_PATH, PIPELINE)
        await self._crew.commit(TITLE, PIPELINE_PATH)

    async def _set_up(self) -> None:
        """Set all pieces up that can be, and name those that cannot."""
        failures: dict[str, str] = {}
        for piece in self._pieces():
            try:
                await piece.set_up()
                there = await piece.is_there()
            except Exception as error:
                failures[piece.name] = str(error)
                continue
            if there:
                missing = tuple(name for name in self._report.missing if name != piece.name)
                configured = (*self._report.configured, piece.name)
                self._report = replace(self._report, configured=configured, missing=missing)
            else:
                failures[piece.name] = "not there although it was set up"
        if failures:
            named = "; ".join(f"{name} ({why})" for name, why in failures.items())
            raise StoppedError(f"not set up: {named}")

    async def _try_out(self) -> None:
        """Merge to develop, and see that the pipeline itself deploys that to staging."""
        number = await self._crew.propose(BRANCH, TITLE, f"Adds {PIPELINE_PATH}.", base="develop")
        self._report = replace(self._report, pull_requests=(number,))
        await self._crew.checks_pass(number)
        await self._crew.merge(number)

        async def has_run() -> bool:
            runs = (await self._crew.github("list_workflow_runs", branch="develop"))["result"]
            if any(run["conclusion"] == "failure" for run in runs):
                raise StoppedError("the pipeline runs on develop, and fails")
            return bool(runs)

        await self._crew.until(has_run, "the pipeline runs on develop")
        staged = await self._crew.droplet("read_remote_file", host=TARGETS["staging"], path=SCRIPT_PATH)
        if staged["result"] != DEPLOY_SCRIPT:
            raise StoppedError("staging runs another deployment script")

    def _pieces(self) -> list[_Piece]:
        environments = [piece for each in TARGETS for piece in self._environment(each)]
        return [
            _Piece("workflow file", lambda: self._crew.push(BRANCH), self._is_valid),
            *environments,
            _Piece(f"secret {SLACK_SECRET}", self._store_slack, lambda: self._has("secrets", SLACK_SECRET)),
            _Piece("webhook", self._hook, self._is_hooked),
            *(self._target(each) for each in TARGETS),
        ]

    def _environment(self, name: str) -> list[_Piece]:
        """An environment with its secret and its variable."""
        reviewers = ["lead"] if name == "production" else []

        async def is_there() -> bool:
            return name in (await self._crew.github("list_environments"))["result"]

        async def store_key() -> None:
            value = await self._crew.read(key_file(name))
            await self._crew.github("set_secret", name=KEY_SECRET, value=value, environment=name)

        return [
            _Piece(
                f"environment {name}",
                lambda: self._crew.github("update_environment", environment=name, reviewers=reviewers),
                is_there,
            ),
            _Piece(f"secret {name}/{KEY_SECRET}", store_key, lambda: self._has("secrets", KEY_SECRET, name)),
            _Piece(
                f"variable {name}/{HOST_VARIABLE}",
                lambda: self._crew.github(
                    "set_variable", name=HOST_VARIABLE, value=TARGETS[name], environment=name
                ),
                lambda: self._has("variables", HOST_VARIABLE, name),
            ),
        ]

    def _target(self, environment: str) -> _Piece:
        """A host that the pipeline can log in to, with a script to call and an endpoint to ask."""
        host = TARGETS[environment]

        async def set_up() -> None:
            await self._crew.droplet("run_command", host=host, command=ADD_USER)
            public = await self._crew.read(f"{key_file(environment)}.pub")
            files = {AUTHORIZED_KEYS: public, SCRIPT_PATH: DEPLOY_SCRIPT, HEALTH_PATH: HEALTH_ENDPOINT}
            for path, content in files.items():
                await self._crew.droplet("upload_file", host=host, path=path, content=content)

        async def is_there() -> bool:
            public = await self._crew.read(f"{key_file(environment)}.pub")
            known = await self._crew.droplet("read_remote_file", host=host, path=AUTHORIZED_KEYS)
            asked = await self._crew.droplet("run_command", host=host, command=IS_ACTIVE)
            return bool(known["result"] == public and asked["success"])

        return _Piece(f"target {host}", set_up, is_there)

    async def _is_valid(self) -> bool:
        """What GitHub understood of the file: it says what is wrong with an invalid one."""
        found = (await self._crew.github("list_workflows", branch=BRANCH))["result"]
        errors = [each["error"] for each in found if each["state"] != "active"]
        if errors:
            raise StoppedError("; ".join(errors))
        return [each["path"] for each in found] == [PIPELINE_PATH]

    async def _store_slack(self) -> None:
        value = await self._crew.read(SLACK_FILE)
        await self._crew.github("set_secret", name=SLACK_SECRET, value=value)

    async def _has(self, what: str, name: str, environment: str | None = None) -> bool:
        return name in (await self._crew.github(f"list_{what}", environment=environment))["result"]

    async def _hook(self) -> None:
        if not await self._is_hooked():
            hook = {**self._crew.repository, "url": WEBHOOK, "events": EVENTS}
            await self._crew.once("github.create_webhook", hook, done=self._is_hooked)

    async def _is_hooked(self) -> bool:
        hooks = (await self._crew.github("list_webhooks"))["result"]
        return any((each["url"], each["events"]) == (WEBHOOK, EVENTS) for each in hooks)
