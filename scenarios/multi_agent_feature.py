"""A real-time chat built by three agents on one branch, and tested as a whole at last."""

from __future__ import annotations

import itertools
import json
from dataclasses import dataclass

from pytest_mcpflow import Hub, Run, Scenario, invariant
from pytest_mcpflow.scenarios import _chat_workflow as work
from pytest_mcpflow.scenarios._chat_workflow import (
    EDGE,
    INTEGRATION_TESTS,
    SPEC,
    STAGING,
    ChatReport,
    ChatTeam,
)
from pytest_mcpflow.scenarios._multi_agent_feature_world import MAIN, SHARES, StagingBehindAnEdge
from pytest_mcpflow.scenarios._rules import lacking, ran_in_order, succeeded, told

__all__ = ["ChatReport", "MultiAgentFeature"]

FILES_SAY = {
    "src/chat/server.ts": ("new Server(http", "createAdapter(redis)", "socket.on('message:send'"),
    "src/chat/history.ts": ("mongo.collection",),
    "migrations/0001_messages.js": ("db.messages.createIndex",),
    "web/chat/ChatWindow.tsx": ("socket.on('message:new'",),
    "web/chat/MessageList.tsx": ("text, author, at",),
    "web/chat/InputBox.tsx": ("socket.emit('message:send'",),
}
EDGE_SAYS = {
    work.SESSIONS_PATH: (
        "ip_hash;",
        "server staging-1:3000;",
        "server staging-2:3000;",
        "Upgrade $http_upgrade",
    ),
    work.REDIS_PATH: ("appendonly yes",),
}


@dataclass
class MultiAgentFeature(StagingBehindAnEdge, Scenario):
    """Build a real-time chat: a backend, a frontend and an operations agent on one branch, then put it on staging.

    The checkout's remote is `shop/chat`; version 0.1.0 is built from its branch. Staging is `staging-1` and
    `staging-2` behind `edge-1`, where Redis and the load balancer belong.
    """

    tags = ("agents",)

    async def workflow(self, hub: Hub) -> ChatReport:
        return await ChatTeam(hub).run()

    def expect(self, run: Run) -> None:
        files = self.pushed()
        assert {*files} == {*MAIN}.union(*SHARES.values())
        assert json.loads(files[SPEC]) == {"transport": "socket.io", "events": work.EVENTS}
        assert lacking(files, FILES_SAY) == []
        [workflow] = self.hosting.list_workflows("shop", "chat", work.BRANCH)
        assert (workflow.state, [job.name for job in workflow.jobs]) == ("active", ["test", "deploy"])
        edge, repo = self.droplets.hosts[EDGE], self.hosting.repositories[work.REPOSITORY]
        assert work.INSTALL_REDIS in [ran.command for ran in edge.command_log]
        assert lacking(edge.files, EDGE_SAYS) == []
        assert repo.variables == {"staging/REDIS_URL": f"redis://{EDGE}:6379"}
        assert self.staged_on() == [*STAGING]
        assert ran_in_order(self.desktop, ("npm test -- src/chat", 0))
        assert ran_in_order(self.desktop, ("npm test -- web/chat", 0))
        # Integration is tested last: nothing changes any more after it.
        [*_, last] = [each for each in run.effects("*") if each.server != "communication-hub"]
        assert last.arguments.get("command") == INTEGRATION_TESTS
        first, second, *operations = (commit.message for commit in repo.branches[work.BRANCH].commits[1:])
        assert {first, second} == {"Serve and keep chat messages", "Show and send chat messages"}
        assert {*operations} == {"Deploy the chat"}
        [pull] = repo.pull_requests
        assert (pull.head, pull.state) == (work.BRANCH, "open")
        # At the same time: operations begin before the backend has finished.
        commits = [each.at for each in run.calls("execute_command") if "git add" in each.arguments["command"]]
        assert run.calls("run_command")[0].at <= min(commits)
        assert [sent.message for sent in self.people.notifications] == [
            f"Real-time chat is complete and on staging: #{pull.number}"
        ]
        assert run.result == ChatReport(True, ("backend", "frontend", "devops"), pull.number, STAGING)

    @invariant
    def no_half_commit(self, run: Run) -> None:
        """In each commit, here and on GitHub, an agent's files are all there or none is."""
        trees = [commit.files for commit in self.desktop.repository.commits.values()]
        trees += [branch.files for branch in self.hosting.repositories[work.REPOSITORY].branches.values()]
        for tree, share in itertools.product(trees, SHARES.values()):
            assert share <= {*tree} or not share & {*tree}, share - {*tree}

    @invariant
    def order_of_dependency(self, run: Run) -> None:
        """Nothing is built on a specification that is not there, and nothing deployed before all have committed."""
        assert self.out_of_order == []

    @invariant
    def the_frontend_speaks_the_specified_language(self, run: Run) -> None:
        """Every event that is sent or awaited in the frontend stands in the specification."""
        files = self.pushed()
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
        assert passed or not self.staged_on() or self.people.alerts

    @invariant
    def success_is_a_chat_that_works(self, run: Run) -> None:
        """Success is only told when all shares are on one branch and work together on staging."""
        if succeeded(run.result):
            assert self.what_does_not_work() == []
