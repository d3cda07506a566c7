"""The reference answer to `feature-development`: branch, write, test and repair, propose."""

from __future__ import annotations

from dataclasses import dataclass, replace

from pytest_mcpflow import Hub
from pytest_mcpflow.scenarios._careful import together
from pytest_mcpflow.scenarios._delivery import Delivery, StoppedError, coverage

__all__ = ["Feature", "FeatureReport"]

REPOSITORY, BRANCH, FOLDER = "shop/api", "feature/user-auth", "src/auth"
QUESTION = "All tests of feature/user-auth pass. Create a pull request?"
REVIEWERS = ("ada", "grace")
SERVICE, CONTROLLER, JWT = (
    f"{FOLDER}/{name}.ts" for name in ("auth.service", "auth.controller", "jwt.service")
)
SERVICE_TEST, JWT_TEST = f"{FOLDER}/auth.service.spec.ts", f"{FOLDER}/jwt.service.spec.ts"
SKELETON = {
    SERVICE: "export class AuthService {}\n",
    CONTROLLER: "export class AuthController {}\n",
}
LAX = "    return this.jwt.sign(user);\n"
STRICT = "    if (!(await verify(password, user.hash))) throw new Unauthorized();\n    return this.jwt.sign(user);\n"
DRAFT = {
    SERVICE: (
        "export class AuthService {\n  async login(name: string, password: string) {\n"
        f"    const user = await this.users.byName(name);\n{LAX}  }}\n}}\n"
    ),
    CONTROLLER: (
        "export class AuthController {\n  post(body: Credentials) {\n"
        "    return this.auth.login(body.name, body.password);\n  }\n}\n"
    ),
    JWT: (
        "export class JwtService {\n  sign(user: User) {\n    return jwt.sign({ sub: user.id }, env.SECRET,"
        " { expiresIn: '15m' });\n  }\n  validate(token: string) {\n    return jwt.verify(token, env.SECRET);\n"
        "  }\n}\n"
    ),
    SERVICE_TEST: "test('a wrong password is refused', async () => {\n  await expect(login()).rejects();\n});\n",
    JWT_TEST: (
        "test('a token is valid', () => {\n  expect(validate(sign(user)).sub).toBe(user.id);\n});\n"
        "test('an expired token is refused', () => {\n  expect(() => validate(old)).toThrow();\n});\n"
    ),
}
REPAIRS = {SERVICE: (LAX, STRICT)}
"""What to replace in a file that a failing test names."""


@dataclass(frozen=True)
class FeatureReport:
    """How it went: `repaired` are the files that a test found wrong; `coverage` is per cent."""

    success: bool = False
    repaired: tuple[str, ...] = ()
    coverage: int | None = None
    pull_request: int | None = None
    error: str | None = None


class Feature:
    """One feature, from an empty folder to a pull request."""

    def __init__(self, hub: Hub) -> None:
        self._crew = Delivery(hub, REPOSITORY)
        self._report = FeatureReport()

    async def run(self) -> FeatureReport:
        error = await self._crew.loudly(f"{BRANCH} is not finished", self._steps())
        return replace(self._report, success=error is None, error=error)

    async def _steps(self) -> None:
        await self._crew.switch_to_new_branch(BRANCH)
        await self._crew.repeat("desktop-commander.create_directory", {"path": FOLDER})
        await self._write(SKELETON)
        await self._crew.commit("Set up the folder for authentication", *SKELETON)
        await self._write(DRAFT)
        await self._repair_until_tests_pass("npm test auth.service.spec.ts")
        results = await self._repair_until_tests_pass("npm test -- --coverage")
        self._report = replace(self._report, coverage=coverage(results))
        if self._report.coverage != 100:
            raise StoppedError(f"tests must cover everything, they cover {self._report.coverage} %")
        await self._crew.commit("Let users log in with a token", *DRAFT)
        await self._crew.ask(QUESTION, "developer")
        await self._crew.push(BRANCH)
        body = f"Logs users in with a JSON web token that is valid for 15 minutes.\n\n{results}\n"
        number = await self._crew.propose(BRANCH, "User authentication", body, reviewers=REVIEWERS)
        self._report = replace(self._report, pull_request=number)
        await self._crew.notify(f"Please review pull request #{number}", "slack")

    async def _write(self, files: dict[str, str]) -> None:
        """Write whole files, all at the same time."""
        await together(*(self._crew.write(path, content) for path, content in files.items()))

    async def _repair_until_tests_pass(self, command: str) -> str:
        """Run tests and repair what they name, each file once; what they printed when they passed."""
        while not (tested := await self._crew.run(command))["success"]:
            broken = str(tested["stderr"]).partition(":")[0]
            if broken not in REPAIRS or broken in self._report.repaired:
                raise StoppedError(f"{command} fails: {tested['stderr']}")
            await self._crew.edit(broken, *REPAIRS[broken])
            self._report = replace(self._report, repaired=(*self._report.repaired, broken))
        return str(tested["stdout"])
