"""A real-time chat built by three agents on one branch, and tested as a whole at last."""

from __future__ import annotations

import itertools
import json
from dataclasses import dataclass, field

from pytest_mcpflow import Hub, Interaction, Run, Scenario, invariant
from pytest_mcpflow.fakes.desktop_commander import DesktopCommander
from pytest_mcpflow.fakes.droplet_executor import CommandResult, DropletExecutor
from pytest_mcpflow.fakes.github import GitHub
from pytest_mcpflow.scenarios._chat_workflow import (
    BRANCH,
    COMPONENTS,
    EDGE,
    EVENTS,
    INSTALL_REDIS,
    INTEGRATION_TESTS,
    REDIS_PATH,
    REPOSITORY,
    SERVICE,
    SESSIONS_PATH,
    SPEC,
    STAGING,
    VERSION,
    ChatReport,
    ChatTeam,
)
from pytest_mcpflow.scenarios._multi_agent_feature_world import MAIN, SHARES, desktop, droplets
from pytest_mcpflow.scenarios._rules import Guarded, ran_in_order, succeeded, told
from pytest_mcpflow.scenarios._worlds import connect_remote, hosting

__all__ = ["ChatReport", "MultiAgentFeature"]


@dataclass
class MultiAgentFeature(Guarded, Scenario):
    """Build a real-time chat: a backend, a frontend and an operations agent on one branch, then put it on staging.

    The checkout's remote is `shop/chat`; version 0.1.0 is built from its branch. Staging is `staging-1` and
    `staging-2` behind `edge-1`, where Redis and the load balancer belong.
    """

    tags = ("agents",)

    desktop: DesktopCommander = field(default_factory=desktop)
    hosting: GitHub = field(default_factory=lambda: hosting(REPOSITORY, MAIN))
    droplets: DropletExecutor = field(default_factory=droplets)
    out_of_order: list[str] = field(default_factory=list[str], init=False, repr=False)

    def connect(self, hub: Hub) -> None:
        def look_at_files(written: Interaction) -> None:
            path = str(written.arguments["path"])
            if path in SHARES["frontend"] and SPEC not in self.desktop.files:
                self.out_of_order.append(f"{path} before {SPEC}")

        def look_at_hosts(deployed: Interaction) -> None:
            missing = [agent for agent, share in SHARES.items() if not share <= {*self._pushed()}]
            if deployed.name == "deploy" and missing:
                self.out_of_order.append(f"a deployment before the share of {', '.join(missing)}")

        def try_out_staging(_: Interaction) -> None:
            failed = self._what_does_not_work()
            result = (
                CommandResult("", "; ".join(failed), 1)
                if failed
                else CommandResult("21 integration tests passed")
            )
            for host in STAGING:
                self.droplets.hosts[host].commands[INTEGRATION_TESTS] = result

        connect_remote(hub, self.desktop, self.hosting.repositories[REPOSITORY])
        hub.on_effect("desktop-commander.write_file", look_at_files)
        hub.on_effect("droplet-executor.*", look_at_hosts)
        hub.on_effect("*.*", try_out_staging)

    async def workflow(self, hub: Hub) -> ChatReport:
        return await ChatTeam(hub).run()

    def expect(self, run: Run) -> None:
        files = self._pushed()
        assert {*files} == {*MAIN}.union(*SHARES.values())
        assert json.loads(files[SPEC]) == {"transport": "socket.io", "events": EVENTS}
        assert "createAdapter(redis)" in files["src/chat/server.ts"]
        assert "mongo.collection" in files["src/chat/history.ts"]
        window, messages, box = (files[f"web/chat/{name}.tsx"] for name in COMPONENTS)
        assert "socket.on('message:new'" in window
        assert "text, author, at" in messages
        assert "socket.emit('message:send'" in box
        [workflow] = self.hosting.list_workflows("shop", "chat", BRANCH)
        assert (workflow.state, [job.name for job in workflow.jobs]) == ("active", ["test", "deploy"])
        edge = self.droplets.hosts[EDGE]
        assert INSTALL_REDIS in [ran.command for ran in edge.command_log]
        assert "ip_hash;" in edge.files[SESSIONS_PATH]
        assert all(f"server {host}:3000;" in edge.files[SESSIONS_PATH] for host in STAGING)
        assert "appendonly yes" in edge.files[REDIS_PATH]
        repo = self.hosting.repositories[REPOSITORY]
        assert repo.variables == {"staging/REDIS_URL": f"redis://{EDGE}:6379"}
        assert {self.droplets.hosts[host].services[SERVICE].version for host in STAGING} == {VERSION}
        assert ran_in_order(self.desktop, ("npm test -- src/chat", 0))
        assert ran_in_order(self.desktop, ("npm test -- web/chat", 0))
        # Integration is tested last: nothing changes any more after it.
        [*_, last] = [each for each in run.effects("*") if each.server != "communication-hub"]
        assert last.arguments.get("command") == INTEGRATION_TESTS
        messages_of_commits = [commit.message for commit in repo.branches[BRANCH].commits[1:]]
        assert sorted(messages_of_commits[:2]) == [
            "Serve and keep chat messages",
            "Show and send chat messages",
        ]
        assert {*messages_of_commits[2:]} == {"Deploy the chat"}
        [pull] = repo.pull_requests
        assert (pull.head, pull.state) == (BRANCH, "open")
        # At the same time: operations begin before the backend has finished.
        committed = next(
            each for each in run.calls("execute_command") if "git add" in each.arguments["command"]
        )
        assert run.calls("run_command")[0].at <= committed.at
        assert [sent.message for sent in self.people.notifications] == [
            f"Real-time chat is complete and on staging: #{pull.number}"
        ]
        assert run.result == ChatReport(True, ("backend", "frontend", "devops"), pull.number, STAGING)

    @invariant
    def no_half_commit(self, run: Run) -> None:
        """In each commit, here and on GitHub, an agent's files are all there or none is."""
        trees = [commit.files for commit in self.desktop.repository.commits.values()]
        trees += [branch.files for branch in self.hosting.repositories[REPOSITORY].branches.values()]
        for tree, share in itertools.product(trees, SHARES.values()):
            assert share <= {*tree} or not share & {*tree}, share - {*tree}

    @invariant
    def order_of_dependency(self, run: Run) -> None:
        """Nothing is built on a specification that is not there, and nothing deployed before all have committed."""
        assert self.out_of_order == []

    @invariant
    def the_frontend_speaks_the_specified_language(self, run: Run) -> None:
        """Every event that is sent or awaited in the frontend stands in the specification."""
        files = self._pushed()
        used = {
            part.split("'")[1]
            for path in SHARES["frontend"]
            for part in files.get(path, "").split("socket.")[1:]
        }
        assert used <= {*json.loads(files.get(SPEC, '{"events": {}}'))["events"]}

    @invariant
    def what_does_not_work_together_does_not_stay(self, run: Run) -> None:
        """The version stays on staging only if the integration tests were seen to pass, unless an alert says so."""
        passed = any(
            told(each, "exit_code") == 0
            for each in run.calls("run_command")
            if each.arguments["command"] == INTEGRATION_TESTS
        )
        staged = [host for host in STAGING if self.droplets.hosts[host].services[SERVICE].version == VERSION]
        assert passed or not staged or self.people.alerts

    @invariant
    def success_is_a_chat_that_works(self, run: Run) -> None:
        """Success is only told when all shares are on one branch and work together on staging."""
        if succeeded(run.result):
            assert self._what_does_not_work() == []

    def _pushed(self) -> dict[str, str]:
        branches = self.hosting.repositories[REPOSITORY].branches
        return branches[BRANCH].files if BRANCH in branches else {}

    def _what_does_not_work(self) -> list[str]:
        """What a user of staging would run into."""
        edge, pushed = self.droplets.hosts[EDGE], {*self._pushed()}
        wrong = {
            "messages do not cross hosts: no Redis": INSTALL_REDIS
            not in [ran.command for ran in edge.command_log],
            "sessions do not stick": "ip_hash" not in edge.files.get(SESSIONS_PATH, ""),
            "there is nothing to see": not SHARES["frontend"] <= pushed,
            "nobody answers": not SHARES["backend"] <= pushed,
            "not on all hosts": any(
                self.droplets.hosts[host].services[SERVICE].version != VERSION for host in STAGING
            ),
        }
        return [what for what, is_so in wrong.items() if is_so]
