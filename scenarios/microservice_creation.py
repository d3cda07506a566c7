"""A microservice with all it needs: code, repository, droplet, monitoring; nothing is left over unnamed."""

from __future__ import annotations

import re
from dataclasses import dataclass

from pytest_mcpflow import Answer, Hub, Question, Run, Scenario, invariant
from pytest_mcpflow.fakes.github import Protection
from pytest_mcpflow.scenarios import _microservice_workflow as work
from pytest_mcpflow.scenarios._microservice_creation_world import EmptyDesktop
from pytest_mcpflow.scenarios._microservice_files import CHECKS, PIPELINE_PATH, SCAFFOLD
from pytest_mcpflow.scenarios._microservice_workflow import (
    HOST,
    NAME,
    REPOSITORY,
    SECRETS,
    SERVICE,
    Creation,
    ServiceReport,
)
from pytest_mcpflow.scenarios._rules import lacking, ran_in_order, succeeded, tests_passed_before

__all__ = ["MicroserviceCreation", "ServiceReport"]

FILES_SAY = {
    "src/providers/sendgrid.ts": ("class SendGrid", "SENDGRID_API_KEY"),
    "src/providers/twilio.ts": ("class Twilio", "TWILIO_AUTH_TOKEN"),
    "src/queue/rabbitmq.ts": ("assertQueue('notifications', { durable: true })", "channel.ack("),
    "src/application/send.ts": ("1000 * 2 ** attempt",),
    "src/http/routes.ts": ("/notifications", "/health"),
    "Dockerfile": ("FROM node", "HEALTHCHECK"),
    "docker-compose.yml": ("rabbitmq:4", "build: ."),
    ".env.example": ("SENDGRID_API_KEY=\n",),
}


@dataclass
class MicroserviceCreation(EmptyDesktop, Scenario):
    """Create a notification service for e-mail and SMS: scaffold it, host its code, and run it on a new droplet.

    The desktop's folder is empty; its remote is `shop/notification-service` once that exists. Version 0.1.0 is
    built from what is pushed. The keys of SendGrid and Twilio are in the vault.
    """

    tags = ("full-stack",)

    async def workflow(self, hub: Hub) -> ServiceReport:
        return await Creation(hub).run()

    def answer(self, question: Question) -> Answer:
        return {"approve": True, "reason": "we need it"}

    def expect(self, run: Run) -> None:
        repo = self.hosting.repositories[REPOSITORY]
        files = repo.branches["main"].files
        assert {*files} == {*SCAFFOLD}
        assert lacking(files, FILES_SAY) == []
        assert repo.branches["main"].commits[-1].message == work.MESSAGE
        [workflow] = self.hosting.list_workflows("shop", NAME)
        assert (workflow.path, workflow.state) == (PIPELINE_PATH, "active")
        assert {job.name: job.needs for job in workflow.jobs} == {
            "lint": [],
            "test": ["lint"],
            "build": ["test"],
        }
        assert repo.protection == {"main": Protection([*CHECKS], 1)}
        [(droplet_id, droplet)] = self.running()
        assert (droplet.name, droplet.size, droplet.region) == (HOST, work.SIZE, work.REGION)
        host = self.droplets.hosts[HOST]
        assert host.open_ports == work.PORTS
        service = host.services[SERVICE]
        assert (service.version, service.environment, service.pending) == (work.VERSION, SECRETS, [])
        assert self.droplets.metric(SERVICE, service, "error_rate") <= work.HEALTHY_ERRORS
        assert {rule.service for rule in self.monitoring.rules} == {SERVICE}
        assert ran_in_order(self.desktop, ("npm test", 0), ("docker compose config --quiet", 0))
        assert [(each.question, each.approved) for each in self.people.approvals] == [(work.QUESTION, True)]
        assert [sent.message for sent in self.people.notifications] == [
            f"{NAME} runs on {HOST}; its code is in {REPOSITORY}"
        ]
        assert run.result == ServiceReport(True, REPOSITORY, droplet_id)

    @invariant
    def nothing_is_orphaned(self, run: Run) -> None:
        """After a failure, each droplet and repository that stays is named in the report or an alert."""
        if run.error is not None or not succeeded(run.result):
            told = " ".join([repr(run.result), *(alert.message for alert in self.people.alerts)])
            left = [f"droplet {droplet.name}" for _, droplet in self.running()]
            left += [f"repository {name}" for name in self.hosting.repositories if name != "shop/api"]
            assert [each for each in left if each not in told] == []

    @invariant
    def there_is_one_of_each(self, run: Run) -> None:
        """However answers are lost, and however often it is run, there is one droplet and one repository at most."""
        assert len(self.running()) <= 1
        assert {*self.hosting.repositories} <= {"shop/api", REPOSITORY}

    @invariant
    def nothing_is_created_unasked(self, run: Run) -> None:
        """What costs money or is seen by others is created only after the developer said yes."""
        created = self.droplets.droplets or REPOSITORY in self.hosting.repositories
        assert not created or any(each.approved for each in self.people.approvals)

    @invariant
    def keys_stay_in_the_vault(self, run: Run) -> None:
        """The providers' keys are referred to, and written into no file."""
        given = [str(each.arguments["secret_ref"]) for each in run.calls("set_environment_variable")]
        assert [each for each in given if not each.startswith("vault:")] == []
        texts = [
            text for commit in self.desktop.repository.commits.values() for text in commit.files.values()
        ]
        assert [text for text in texts if re.search(r"(API_KEY|AUTH_TOKEN)=\S", text)] == []

    @invariant
    def nothing_untested_is_published(self, run: Run) -> None:
        """A repository and a deployment follow only on tests that were seen to pass."""
        assert tests_passed_before(run, "npm test", "create_repository", "deploy")

    @invariant
    def success_is_a_service_that_works(self, run: Run) -> None:
        """Success is only told of a service that answers requests, is watched, and whose main branch is guarded."""
        if succeeded(run.result):
            service = self.droplets.service_on(HOST, SERVICE)
            assert self.droplets.metric(SERVICE, service, "error_rate") <= work.HEALTHY_ERRORS
            assert self.monitoring.rules
            assert self.hosting.repositories[REPOSITORY].protection
