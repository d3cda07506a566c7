"""The reference answer to `multi-agent-feature`: three agents, one branch, each share whole or not there at all."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from pytest_mcpflow import Hub
from pytest_mcpflow.scenarios._careful import together
from pytest_mcpflow.scenarios._delivery import Delivery, StoppedError

__all__ = ["ChatReport", "ChatTeam"]

REPOSITORY, BRANCH, TITLE = "shop/chat", "feature/chat", "Real-time chat"
STAGING, EDGE, SERVICE, VERSION = ("staging-1", "staging-2"), "edge-1", "chat", "0.1.0"
SPEC, EVENTS = (
    "docs/chat-api.json",
    {"message:send": "text", "message:new": "author, text, at", "typing": "author"},
)
INSTALL_REDIS = "apt-get install -y redis-server"
SESSIONS_PATH, REDIS_PATH = "/etc/nginx/conf.d/chat.conf", "/etc/redis/redis.conf"
INTEGRATION_TESTS = "npm run test:integration"
BACKEND = {
    "src/chat/server.ts": (
        "const io = new Server(http, { adapter: createAdapter(redis) });\n"
        "io.on('connection', (socket) => socket.on('message:send', (text) => history.save(socket, text)));\n"
    ),
    "src/chat/history.ts": "export const history = mongo.collection('messages');\n",
    "migrations/0001_messages.js": "db.messages.createIndex({ room: 1, at: -1 });\n",
    "test/chat.server.test.ts": "test('a message is kept and sent to the room', () => send().expect(kept));\n",
}
COMPONENTS = ("ChatWindow", "MessageList", "InputBox")
SESSIONS = (
    "upstream chat {\n  ip_hash;\n" + "".join(f"  server {host}:3000;\n" for host in STAGING) + "}\n"
    "server {\n  location /socket.io/ {\n    proxy_pass http://chat;\n    proxy_set_header Upgrade $http_upgrade;\n"
    '    proxy_set_header Connection "upgrade";\n  }\n}\n'
)
PIPELINE = {
    ".github/workflows/chat.yml": (
        "name: chat\non: [pull_request, push]\njobs:\n  test:\n    runs-on: ubuntu-latest\n    steps:\n"
        "      - uses: actions/checkout@v4\n      - run: npm test\n  deploy:\n    needs: test\n"
        "    if: github.event_name == 'push'\n    environment: staging\n    runs-on: ubuntu-latest\n    steps:\n"
        "      - run: ./deploy/deploy.sh\n"
    ),
    "deploy/deploy.sh": "#!/bin/bash\nset -euo pipefail\nsystemctl restart chat\n",
}


def frontend_of(spec: Mapping[str, Any]) -> dict[str, str]:
    """The components, built on the events that the specification has."""
    listens = "".join(
        f"  socket.on('{event}', update);\n" for event in spec["events"] if event != "message:send"
    )
    bodies = {
        "ChatWindow": listens,
        "MessageList": "  const { text, author, at } = message;\n",
        "InputBox": "  const send = (text) => socket.emit('message:send', text);\n",
    }
    files = {
        f"web/chat/{name}.tsx": f"export function {name}() {{\n{bodies[name]}}}\n" for name in COMPONENTS
    }
    return {
        **files,
        "web/chat/chat.test.tsx": "test('a new message appears at once', () => arrive().expect(shown));\n",
    }


@dataclass(frozen=True)
class ChatReport:
    """Which agents finished, and where what they made is to be seen."""

    success: bool = False
    finished: tuple[str, ...] = ()
    pull_request: int | None = None
    staged_on: tuple[str, ...] = ()
    error: str | None = None


class ChatTeam:
    """Three agents at work on one branch.

    They wait for each other's results by futures: who waits for an agent that died gets its error.
    """

    def __init__(self, hub: Hub) -> None:
        self._crew = Delivery(hub, REPOSITORY)
        self._report = ChatReport()
        self._index = asyncio.Lock()  # there is one checkout, and git has one index
        self._shares = 2
        """How many of the two that are written here are not committed yet."""
        loop = asyncio.get_running_loop()
        self._spec: asyncio.Future[Mapping[str, Any]] = loop.create_future()
        self._pushed: asyncio.Future[None] = loop.create_future()

    async def run(self) -> ChatReport:
        error = await self._crew.loudly(f"{TITLE} is not on staging", self._steps())
        return replace(self._report, success=error is None, error=error)

    async def _steps(self) -> None:
        await self._crew.switch_to_new_branch(BRANCH)
        agents = {"backend": self._backend(), "frontend": self._frontend(), "devops": self._devops()}
        done = await asyncio.gather(*agents.values(), return_exceptions=True)
        failures = {
            name: each for name, each in zip(agents, done, strict=True) if isinstance(each, BaseException)
        }
        self._report = replace(self._report, finished=tuple(name for name in agents if name not in failures))
        if failures:
            raise StoppedError("; ".join(f"{name} agent: {error}" for name, error in failures.items()))
        number = await self._crew.propose(BRANCH, TITLE, f"Built on {SPEC}.")
        self._report = replace(self._report, pull_request=number)
        await self._crew.checks_pass(number)
        await self._stage()
        await self._crew.notify(f"{TITLE} is complete and on staging: #{number}", "slack")

    async def _backend(self) -> None:
        """The specification first, since others build on it; then the server and the history of messages."""
        spec = {"transport": "socket.io", "events": EVENTS}
        try:
            await self._crew.write(SPEC, json.dumps(spec, indent=2) + "\n")
        except Exception as error:
            self._spec.set_exception(StoppedError(f"there is no specification: {error}"))
            self._spec.exception()  # seen, even if nobody waits for it any more
            self._give_up(error)
            raise
        self._spec.set_result(spec)
        try:
            await self._share("Serve and keep chat messages", BACKEND, "npm test -- src/chat", SPEC)
        except Exception as error:
            self._give_up(error)
            raise

    async def _frontend(self) -> None:
        """The components, once it is known what they talk to."""
        try:
            spec = await self._spec
            await self._share("Show and send chat messages", frontend_of(spec), "npm test -- web/chat")
        except Exception as error:
            self._give_up(error)
            raise

    async def _devops(self) -> None:
        """Redis for the adapter, a load balancer whose sessions stick, and a pipeline on top of the others' work."""
        await self._crew.droplet("run_command", host=EDGE, command=INSTALL_REDIS)
        for path, content in ((REDIS_PATH, "bind 0.0.0.0\nappendonly yes\n"), (SESSIONS_PATH, SESSIONS)):
            await self._crew.droplet("upload_file", host=EDGE, path=path, content=content)
        await self._crew.github("update_environment", environment="staging")
        await self._crew.github(
            "set_variable", name="REDIS_URL", value=f"redis://{EDGE}:6379", environment="staging"
        )
        await self._pushed
        await self._crew.commit_there(BRANCH, PIPELINE, "Deploy the chat")

    async def _share(self, message: str, files: Mapping[str, str], tests: str, *others: str) -> None:
        """Write, test and commit one agent's files; what cannot be committed whole is removed."""
        try:
            for path, content in files.items():
                await self._crew.write(path, content)
            await self._crew.must_run(tests)
            async with self._index:
                await self._crew.commit(message, *files, *others)
        except Exception:
            await self._crew.run(f"rm -f {' '.join([*files, *others])}")
            raise
        self._shares -= 1
        if not self._shares:  # whoever is last pushes both
            await self._crew.push(BRANCH)
            self._pushed.set_result(None)

    async def _stage(self) -> None:
        """Deploy to both hosts, then run the integration tests, and go back on both if they fail."""
        try:
            await together(*(self._crew.ship(host, SERVICE, VERSION) for host in STAGING))
            ran = await self._crew.droplet("run_command", host=STAGING[0], command=INTEGRATION_TESTS)
            if not ran["success"]:
                raise StoppedError(f"{INTEGRATION_TESTS}: {ran['stderr'] or ran['stdout']}")
        except Exception:
            await together(*(self._take_back(host) for host in STAGING))
            raise
        self._report = replace(self._report, staged_on=STAGING)

    async def _take_back(self, host: str) -> None:
        if (await self._crew.service(host, SERVICE))["version"] == VERSION:
            await self._crew.go_back(host, SERVICE, VERSION)

    def _give_up(self, error: BaseException) -> None:
        """Let nobody wait for a push that will not come."""
        if not self._pushed.done():
            self._pushed.set_exception(StoppedError(f"nothing is pushed: {error}"))
            self._pushed.exception()
