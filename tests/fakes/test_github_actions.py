"""The fake GitHub: workflow files, environments, secrets, variables, webhooks, branch protection."""

from __future__ import annotations

import copy
from collections.abc import Callable

import pytest

from pytest_mcpflow import FakeError
from pytest_mcpflow.fakes._github_workflows import read_workflow
from pytest_mcpflow.fakes.github import FileChange, GitHub, repository
from pytest_mcpflow.plain_yaml import read_yaml

REPO = ("shop", "api")
PATH = ".github/workflows/ci.yml"
VALID = """\
# what runs on every change
name: ci
on:
  pull_request:
  push:
    branches: [develop, "main"]
jobs:
  test:
    runs-on: ubuntu-latest
    timeout-minutes: 10
    steps:
      - uses: actions/checkout@v4
      - name: Test
        run: |
          npm ci
          npm test
  deploy:
    needs: test
    if: github.ref == 'refs/heads/main'
    environment: production
    runs-on: ubuntu-latest
    steps:
    - run: ./deploy.sh
    - if: failure()
      run: ./deploy.sh rollback
"""


def refused(fake: GitHub, words: str, action: Callable[[], object]) -> None:
    before = copy.deepcopy(fake)
    with pytest.raises(FakeError, match=words):
        action()
    assert fake == before


def test_a_workflow_file_is_read_with_its_triggers_and_jobs() -> None:
    workflow = read_workflow(PATH, VALID)

    assert (workflow.name, workflow.state, workflow.error) == ("ci", "active", None)
    assert workflow.triggers == {"pull_request": [], "push": ["develop", "main"]}
    test, deploy = workflow.jobs
    assert (test.name, test.needs, test.condition, test.environment) == ("test", [], None, None)
    assert test.steps == ["actions/checkout@v4", "npm ci\nnpm test"]
    assert (deploy.needs, deploy.environment) == (["test"], "production")
    assert deploy.condition == "github.ref == 'refs/heads/main'"
    assert deploy.conditions == ["failure()"]


@pytest.mark.parametrize(
    ("old", "new", "error"),
    [
        ("needs: test", "needs: tests", "Job 'deploy' depends on unknown job 'tests'."),
        ("needs: test", "needs: deploy", "Job 'deploy' depends on itself."),
        ("    runs-on: ubuntu-latest\n    timeout-minutes: 10\n", "", "Job 'test': Required properties"),
        ("jobs:", "jos:", "Required property is missing: jobs"),
        ("  deploy:", "  deploy", "(Line: 17): a key was expected: deploy"),
        ("  deploy:", "  test:", "(Line: 17): 'test' is already defined"),
        ("  deploy:", "   deploy:", "(Line: 17): unexpected indentation"),
        ('"main"]', '"main"', "(Line: 6): a bracket is not closed"),
        ('"main"]', '"main]', "(Line: 6): a quote is not closed"),
        ("environment: production", "environment: {name: production}", "(Line: 20): not understood here"),
    ],
)
def test_an_invalid_workflow_file_says_why(old: str, new: str, error: str) -> None:
    workflow = read_workflow(PATH, VALID.replace(old, new, 1))

    assert workflow.state == "invalid"
    assert workflow.error is not None
    assert error in workflow.error
    assert workflow.jobs == []


def test_scalars_are_read_as_what_they_are() -> None:
    text = "a: true\nb: -3\nc: 'true'\nd: [1, x]\ne:\nf: \"\"\n"

    assert read_yaml(text) == {"a": True, "b": -3, "c": "true", "d": [1, "x"], "e": None, "f": ""}


def test_the_jobs_that_run_on_pull_requests_are_their_checks() -> None:
    fake = GitHub(repositories={"shop/api": repository({"README.md": "hello"})})
    fake.create_branch(*REPO, "ci")
    fake.push_files(*REPO, "ci", [FileChange(PATH, VALID)], "Add a pipeline")
    fake.repositories["shop/api"].new_checks = {"test": "failure"}

    fake.create_pull_request(*REPO, "Pipeline", "ci", "main")

    [pull] = fake.repositories["shop/api"].pull_requests
    assert [(check.name, check.state) for check in pull.checks] == [("test", "failure")]
    assert [each.path for each in fake.list_workflows(*REPO, "ci")] == [PATH]
    assert fake.list_workflows(*REPO) == []


def test_secrets_and_variables_belong_to_a_repository_or_an_environment_and_never_come_back() -> None:
    fake = GitHub(repositories={"shop/api": repository()})
    fake.update_environment(*REPO, "staging", ["ada"])
    fake.set_secret(*REPO, "TOKEN", "s3cret")
    fake.set_secret(*REPO, "KEY", "s3cret", "staging")
    fake.set_variable(*REPO, "HOST", "staging-1", "staging")

    assert fake.list_environments(*REPO) == ["staging"]
    assert (fake.list_secrets(*REPO), fake.list_secrets(*REPO, "staging")) == (["TOKEN"], ["KEY"])
    assert (fake.list_variables(*REPO), fake.list_variables(*REPO, "staging")) == ([], ["HOST"])
    assert "s3cret" not in str(fake)
    refused(fake, "Not Found", lambda: fake.set_secret(*REPO, "KEY", "x", "nowhere"))


def test_a_webhook_is_there_once_and_encrypted() -> None:
    fake = GitHub(repositories={"shop/api": repository()})
    fake.create_webhook(*REPO, "https://hooks.example/1", ["push"])

    assert [hook.url for hook in fake.list_webhooks(*REPO)] == ["https://hooks.example/1"]
    refused(fake, "already exists", lambda: fake.create_webhook(*REPO, "https://hooks.example/1", ["push"]))
    refused(fake, "not supported", lambda: fake.create_webhook(*REPO, "http://hooks.example/2", ["push"]))


def test_protection_is_shown_once_there_is_some() -> None:
    fake = GitHub(repositories={"shop/api": repository()})
    refused(fake, "Branch not protected", lambda: fake.get_branch_protection(*REPO, "main"))

    fake.update_branch_protection(*REPO, "main", ["test"], 2)

    protection = fake.get_branch_protection(*REPO, "main")
    assert (protection.required_checks, protection.required_approvals) == (["test"], 2)
