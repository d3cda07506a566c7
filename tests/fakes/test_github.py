"""The fake GitHub: branches, pull requests and the rules that guard a merge."""

from __future__ import annotations

import copy
from collections.abc import Callable

import pytest

from pytest_mcpflow import FakeError
from pytest_mcpflow.fakes.github import FileChange, GitHub, Protection, ReviewComment, repository

REPO = ("shop", "api")


def hosted() -> GitHub:
    fake = GitHub(repositories={"shop/api": repository({"README.md": "hello"})})
    fake.create_branch(*REPO, "fix")
    fake.push_files(*REPO, "fix", [FileChange("a.py", "x = 1\n")], "Add a")
    return fake


def refused(fake: GitHub, words: str, action: Callable[[], object]) -> None:
    before = copy.deepcopy(fake)
    with pytest.raises(FakeError, match=words):
        action()
    assert fake == before


def test_branches_have_trees_of_their_own() -> None:
    fake = hosted()
    assert fake.get_file_contents(*REPO, "a.py", "fix") == "x = 1\n"
    refused(fake, "Not Found", lambda: fake.get_file_contents(*REPO, "a.py"))
    assert [commit.message for commit in fake.list_commits(*REPO, "fix")] == ["Add a", "Initial commit"]
    refused(fake, "Reference already exists", lambda: fake.create_branch(*REPO, "fix"))
    refused(fake, "branch gone does not exist", lambda: fake.create_branch(*REPO, "new", "gone"))
    refused(fake, "must not be empty", lambda: fake.push_files(*REPO, "fix", [], "nothing"))


def test_there_is_one_open_pull_request_for_a_branch() -> None:
    fake = hosted()
    pull = fake.create_pull_request(*REPO, "Fix", "fix", "main", labels=["bug"], reviewers=["ada"])
    assert (pull.number, pull.state, pull.html_url) == (1, "open", "https://github.example/shop/api/pull/1")
    words = "A pull request already exists for shop:fix"
    refused(fake, words, lambda: fake.create_pull_request(*REPO, "Again", "fix", "main"))
    fake.create_branch(*REPO, "same")
    refused(
        fake,
        "No commits between main and same",
        lambda: fake.create_pull_request(*REPO, "No", "same", "main"),
    )
    assert [each.number for each in fake.list_pull_requests(*REPO, head="fix")] == [1]


def test_a_merge_waits_for_checks_and_approvals() -> None:
    fake = hosted()
    fake.repositories["shop/api"].protection["main"] = Protection(["test"], 1)
    fake.create_pull_request(*REPO, "Fix", "fix", "main")

    def merge() -> object:
        return fake.merge_pull_request(*REPO, 1)

    refused(fake, 'Required status check "test" is expected', merge)
    assert fake.get_pull_request_status(*REPO, 1).missing == ["test"]
    fake.set_check(*REPO, 1, "test", "failure")
    refused(fake, 'Required status check "test" is failure', merge)
    assert fake.get_pull_request_status(*REPO, 1).state == "failure"
    fake.set_check(*REPO, 1, "test", "success")
    refused(fake, "approving review is required", merge)
    fake.create_pull_request_review(*REPO, 1, "REQUEST_CHANGES", "not yet", "ada")
    refused(fake, "Changes have been requested", merge)
    fake.create_pull_request_review(*REPO, 1, "APPROVE", author="ada")
    assert fake.get_pull_request(*REPO, 1).mergeable
    assert fake.merge_pull_request(*REPO, 1).merged
    assert fake.get_file_contents(*REPO, "a.py") == "x = 1\n"
    refused(fake, "not mergeable", merge)


def test_secrets_never_come_back() -> None:
    fake = hosted()
    fake.set_secret(*REPO, "TOKEN", "value-of-the-secret")
    assert fake.list_secrets(*REPO) == ["TOKEN"]
    assert "value-of-the-secret" not in repr(fake)


def test_issues_share_numbers_with_pull_requests() -> None:
    fake = hosted()
    fake.create_pull_request(*REPO, "Fix", "fix", "main")
    assert fake.create_issue(*REPO, "Broken", labels=["bug"]).number == 2
    assert fake.add_issue_comment(*REPO, 2, "Yes").comments == ["Yes"]
    refused(fake, "Not Found", lambda: fake.add_issue_comment(*REPO, 9, "No"))


def test_repositories_are_created_and_protected() -> None:
    fake = GitHub()
    assert fake.create_repository("shop", "new") == "https://github.example/shop/new"
    refused(fake, "name already exists on this account", lambda: fake.create_repository("shop", "new"))
    fake.update_branch_protection("shop", "new", "main", ["lint", "test"])
    assert fake.repositories["shop/new"].protection["main"] == Protection(["lint", "test"], 1)
    refused(fake, "Not Found", lambda: fake.list_commits("shop", "gone"))


def test_issues_are_listed_by_state() -> None:
    fake = hosted()
    fake.create_issue(*REPO, "Open")
    done = fake.create_issue(*REPO, "Done")
    fake.update_issue(*REPO, done.number, "closed")

    assert [issue.title for issue in fake.list_issues(*REPO)] == ["Open"]
    assert [issue.title for issue in fake.list_issues(*REPO, "all")] == ["Open", "Done"]
    refused(fake, "Not Found", lambda: fake.update_issue(*REPO, 99, "closed"))


def test_a_review_has_comments_on_lines_that_there_are() -> None:
    fake = hosted()
    fake.create_pull_request(*REPO, "Fix", "fix", "main")
    assert [(each.filename, each.status) for each in fake.get_pull_request_files(*REPO, 1)] == [
        ("a.py", "added")
    ]

    remark = ReviewComment("a.py", 1, "name it")
    fake.create_pull_request_review(*REPO, 1, "COMMENT", "see below", "ada", [remark])

    assert [(each.author, each.comments) for each in fake.get_pull_request_reviews(*REPO, 1)] == [
        ("ada", [remark])
    ]

    def review(body: str, path: str, line: int) -> Callable[[], object]:
        return lambda: fake.create_pull_request_review(
            *REPO, 1, "COMMENT", body, "ada", [ReviewComment(path, line, "?")]
        )

    refused(fake, "body can't be blank", review(" ", "a.py", 1))
    refused(fake, "Path could not be resolved: b.py", review("so", "b.py", 1))
    refused(fake, "Line could not be resolved: a.py:2", review("so", "a.py", 2))


def test_the_repositories_of_an_owner_are_listed() -> None:
    fake = hosted()
    fake.create_repository("shop", "web")
    fake.create_repository("other", "api")

    assert fake.list_repositories("shop") == ["api", "web"]


def test_a_merge_brings_the_history_with_it_so_that_there_is_nothing_left_to_propose() -> None:
    fake = hosted()
    fake.create_pull_request(*REPO, "Fix", "fix", "main")

    fake.merge_pull_request(*REPO, 1)

    messages = [commit.message for commit in fake.list_commits(*REPO)]
    assert messages == ["Merge #1: Fix", "Add a", "Initial commit"]
    words = "No commits between main and fix"
    refused(fake, words, lambda: fake.create_pull_request(*REPO, "Again", "fix", "main"))


def two_branches(one: FileChange, other: FileChange) -> GitHub:
    """Two pull requests, 1 and 2, that began at the same commit."""
    fake = GitHub(repositories={"shop/api": repository({"app.py": "a\nb\nc\nd\ne\n"})})
    for branch, change in (("one", one), ("other", other)):
        fake.create_branch(*REPO, branch)
        fake.push_files(*REPO, branch, [change], f"Change {change.path}")
        fake.create_pull_request(*REPO, branch, branch, "main")
    return fake


@pytest.mark.parametrize(
    ("other", "merged"),
    [
        (FileChange("new.py", "x = 1\n"), {"app.py": "A\nb\nc\nd\ne\n", "new.py": "x = 1\n"}),
        (FileChange("app.py", "a\nb\nc\nd\nE\n"), {"app.py": "A\nb\nc\nd\nE\n"}),
        (FileChange("app.py", "A\nb\nc\nd\nE\n"), {"app.py": "A\nb\nc\nd\nE\n"}),
    ],
    ids=["another file", "other lines of the file", "the same and other lines"],
)
def test_a_merge_keeps_what_was_merged_since_the_branch_began(
    other: FileChange, merged: dict[str, str]
) -> None:
    fake = two_branches(FileChange("app.py", "A\nb\nc\nd\ne\n"), other)

    fake.merge_pull_request(*REPO, 1)

    assert [each.filename for each in fake.get_pull_request_files(*REPO, 2)] == [other.path]
    assert fake.get_pull_request(*REPO, 2).mergeable
    fake.merge_pull_request(*REPO, 2)
    assert fake.repositories["shop/api"].branches["main"].files == merged


def test_what_was_changed_on_both_sides_cannot_be_merged() -> None:
    fake = two_branches(FileChange("app.py", "a\nb\nC\n"), FileChange("app.py", "a\nb\nc, changed\n"))

    fake.merge_pull_request(*REPO, 1)

    assert not fake.get_pull_request(*REPO, 2).mergeable
    refused(fake, "Pull Request is not mergeable", lambda: fake.merge_pull_request(*REPO, 2))


@pytest.mark.parametrize(
    ("protection", "words"),
    [
        (Protection([], 1), "Changes must be made through a pull request"),
        (Protection(["test"], 0), 'Required status check "test" is expected'),
    ],
)
def test_nothing_is_pushed_to_a_protected_branch(protection: Protection, words: str) -> None:
    fake = hosted()
    fake.repositories["shop/api"].protection["main"] = protection
    change = [FileChange("a.py", "x = 2\n")]
    refused(fake, words, lambda: fake.push_files(*REPO, "main", change, "In a hurry"))
    fake.push_files(*REPO, "fix", change, "As agreed")


@pytest.mark.parametrize(
    "branch",
    ["", "my fix", "a..b", "a/", "/a", "a//b", ".a", "a.lock", "a.", "a~1", "a^", "a:b", "a@{b", "@"],
)
def test_a_branch_has_a_name_that_git_takes(branch: str) -> None:
    fake = hosted()
    words = "refs/heads/.* is not a valid ref name"
    refused(fake, words, lambda: fake.create_branch(*REPO, branch))


def test_what_has_no_name_and_no_words_is_refused() -> None:
    fake = hosted()
    fake.create_issue(*REPO, "Broken")
    for path in ("", "/a", "a/../b"):
        words = "malformed path component"
        refused(fake, words, lambda: fake.push_files(*REPO, "fix", [FileChange(path, "")], "Add"))  # noqa: B023
    refused(fake, "title can't be blank", lambda: fake.create_issue(*REPO, " "))
    refused(fake, "title can't be blank", lambda: fake.create_pull_request(*REPO, "", "fix", "main"))
    refused(fake, "body can't be blank", lambda: fake.add_issue_comment(*REPO, 1, ""))
    refused(fake, "name can't be blank", lambda: fake.create_repository("shop", ""))


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("MY SECRET", "Spaces are not allowed"),
        ("2FA", "Must start with a letter"),
        ("GITHUB_TOKEN", "must not start with GITHUB_"),
    ],
)
def test_secrets_and_variables_have_names_that_github_takes(name: str, words: str) -> None:
    fake = hosted()
    refused(fake, f"^Secret names .*{words}", lambda: fake.set_secret(*REPO, name, "x"))
    refused(fake, f"^Variable names .*{words}", lambda: fake.set_variable(*REPO, name, "x"))
