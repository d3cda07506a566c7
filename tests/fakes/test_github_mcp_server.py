"""GitHub's own server over a fake account: its answers, its refusals, and one state with the documents' tools."""

from __future__ import annotations

import json
from copy import deepcopy
from typing import Any

import pytest

from pytest_mcpflow import Hub, ManualClock, ToolError, Way, run
from pytest_mcpflow.fakes.github import Check, FileChange, GitHub, Protection, repository
from pytest_mcpflow.fakes.real.github_mcp_server import GitHubMCPServer

OURS = {"owner": "octo", "repo": "app"}
API = "https://api.github.com/repos/octo/app"


def account(**files: str) -> GitHubMCPServer:
    """One repository with a main branch of these files (`a_py` is a.py)."""
    content = {name.replace("_", "."): text for name, text in files.items()} or {"app.py": "one\ntwo\n"}
    return GitHubMCPServer(repositories={"octo/app": repository(content)})


def ask(server: GitHub, tool: str, **arguments: Any) -> Any:
    """What a client gets of a tool: JSON where it is JSON, else text."""

    async def asked() -> str:
        async with Hub(way=Way.DIRECT) as hub:
            hub.serve(server, name="github")
            return (await hub.call_tool(f"github.{tool}", arguments)).text

    text = run(asked())
    return json.loads(text) if text.startswith(("{", "[")) else text


def refusal(server: GitHubMCPServer, tool: str, **arguments: Any) -> str:
    """The words of a refusal, after which the state is as before."""
    before = deepcopy(server)
    with pytest.raises(ToolError) as error:
        ask(server, tool, **arguments)
    assert server == before
    return error.value.message


def with_pull(server: GitHubMCPServer | None = None) -> GitHubMCPServer:
    """An account with pull request 1, which changes a line of app.py."""
    server = server or account()
    ask(server, "create_branch", **OURS, branch="fix")
    change = [{"path": "app.py", "content": "one\nTWO\n"}, {"path": "new.py", "content": "x\n"}]
    ask(server, "push_files", **OURS, branch="fix", files=change, message="Fix it")
    ask(server, "create_pull_request", **OURS, title="Fix", head="fix", base="main", body="Why")
    return server


def test_a_file_comes_as_a_resource_after_its_hash() -> None:
    async def read() -> list[dict[str, Any]]:
        async with Hub() as hub:
            hub.serve(account(), name="github")
            answer = await hub.call_tool("github.get_file_contents", {**OURS, "path": "app.py"})
            return [block.model_dump(by_alias=True, exclude_none=True) for block in answer.content]

    said, embedded = run(read())

    assert said["text"] == "successfully downloaded text file (SHA: 814f4a422927b82f5f8a43f8fab6d3839e3983f2)"
    assert embedded["resource"]["text"] == "one\ntwo\n"
    assert str(embedded["resource"]["uri"]).endswith("/contents/app.py")


def test_a_folder_is_listed_with_the_hash_of_each_file() -> None:
    server = account()
    server.push_files("octo", "app", "main", [FileChange("src/a.py", "a\n")], "Add")
    top = ask(server, "get_file_contents", **OURS)
    names = ask(server, "get_file_contents", **OURS, path="src", fields=["name", "type"])

    assert [(each["type"], each["path"]) for each in top] == [("file", "app.py"), ("dir", "src")]
    assert names == [{"name": "a.py", "type": "file"}]


@pytest.mark.parametrize(
    ("tool", "arguments", "words"),
    [
        (
            "get_file_contents",
            {"path": "nope"},
            f"failed to get file contents: GET {API}/contents/nope?ref=main: 404 Not Found []",
        ),
        (
            "create_branch",
            {"branch": "main"},
            f"failed to create branch: POST {API}/git/refs: 422 Reference already exists []",
        ),
        (
            "create_branch",
            {"branch": "x", "from_branch": "nope"},
            f"failed to get reference: GET {API}/git/ref/heads/nope: 404 Not Found []",
        ),
        (
            "issue_read",
            {"method": "get", "issue_number": 7},
            f"failed to get issue: GET {API}/issues/7: 404 Not Found []",
        ),
        ("issue_write", {"method": "create"}, "missing required parameter: title"),
        ("issue_write", {"method": "update"}, "missing required parameter: issue_number"),
        (
            "issue_write",
            {"method": "create", "title": "x", "milestone": 3},
            "failed to create issue: Validation Failed\nIssue.milestone (invalid): not kept by this account",
        ),
        (
            "create_pull_request",
            {"title": "x", "head": "main", "base": "main"},
            "failed to create pull request: Validation Failed\nNo commits between main and main",
        ),
        (
            "create_pull_request",
            {"title": "x", "head": "nope", "base": "main"},
            "failed to create pull request: Validation Failed\nPullRequest.head (invalid)",
        ),
        ("add_issue_comment", {"issue_number": 1}, "at least one of body or reaction is required"),
        (
            "delete_file",
            {"path": "nope", "message": "x", "branch": "main"},
            f"failed to create tree: POST {API}/git/trees: 422 GitRPC::BadObjectState []",
        ),
        (
            "list_commits",
            {"since": "yesterday"},
            "invalid since timestamp: invalid ISO 8601 timestamp: yesterday "
            "(supported formats: YYYY-MM-DDThh:mm:ssZ or YYYY-MM-DD)",
        ),
    ],
)
def test_a_refusal_says_what_failed_and_what_the_api_said(
    tool: str, arguments: dict[str, Any], words: str
) -> None:
    assert refusal(account(), tool, **OURS, **arguments) == words


def test_a_repository_of_somebody_else_is_not_found() -> None:
    assert "404 Not Found" in refusal(account(), "list_branches", owner="octo", repo="other")


def test_a_file_is_replaced_only_by_who_knows_its_hash() -> None:
    server = account()
    write = {**OURS, "path": "app.py", "content": "new\n", "message": "Write", "branch": "main"}

    assert refusal(server, "create_or_update_file", **write).startswith("File already exists at app.py.")
    assert refusal(server, "create_or_update_file", **write, sha="stale").startswith(
        "SHA mismatch: provided SHA stale"
    )
    done = ask(server, "create_or_update_file", **write, sha="814f4a422927b82f5f8a43f8fab6d3839e3983f2")

    assert server.repositories["octo/app"].branches["main"].files == {"app.py": "new\n"}
    assert done["commit"]["sha"] == server.repositories["octo/app"].branches["main"].sha


def test_files_are_pushed_to_a_branch_that_is_made_for_them() -> None:
    server = account()
    pushed = ask(
        server, "push_files", **OURS, branch="docs", files=[{"path": "a.md", "content": "a"}], message="Docs"
    )

    branches = server.repositories["octo/app"].branches
    assert branches["docs"].files == {"app.py": "one\ntwo\n", "a.md": "a"}
    assert (pushed["ref"], pushed["object"]["sha"]) == ("refs/heads/docs", branches["docs"].sha)
    assert "a.md" not in branches["main"].files


def test_a_new_repository_is_empty_unless_it_is_initialised() -> None:
    server = GitHubMCPServer()
    made = ask(server, "create_repository", name="empty")
    ask(server, "create_repository", name="ready", autoInit=True)

    assert made["url"] == "https://github.example/octocat/empty"
    assert ask(server, "list_branches", owner="octocat", repo="empty") == []
    assert [each["name"] for each in ask(server, "list_branches", owner="octocat", repo="ready")] == ["main"]
    assert "name already exists" in refusal(server, "create_repository", name="empty")


def test_commits_are_listed_newest_first_and_by_time() -> None:
    server = account()
    assert isinstance(server.clock, ManualClock)
    server.clock.advance(3600)
    server.push_files("octo", "app", "main", [FileChange("b.py", "b\n")], "Second")
    listed = ask(server, "list_commits", **OURS)

    assert [each["commit"]["message"] for each in listed] == ["Second", "Initial commit"]
    assert listed[0]["commit"]["author"] == {"name": "octocat", "date": "2026-01-01T01:00:00Z"}
    assert len(ask(server, "list_commits", **OURS, since="2026-01-01T00:30:00Z")) == 1
    assert ask(server, "list_commits", **OURS, perPage=1, page=2, fields=["sha"]) == [
        {"sha": listed[1]["sha"]}
    ]


def test_an_issue_is_opened_changed_and_closed_with_a_reason() -> None:
    server = account()
    opened = ask(
        server, "issue_write", method="create", **OURS, title="Slow", labels=["bug"], assignees=["ann"]
    )
    ask(
        server,
        "issue_write",
        method="update",
        **OURS,
        issue_number=1,
        state="closed",
        state_reason="not_planned",
    )
    ask(server, "add_issue_comment", **OURS, issue_number=1, body="Later")
    shown = ask(server, "issue_read", method="get", **OURS, issue_number=1)

    assert opened == {"id": "1", "url": "https://github.example/octo/app/issues/1"}
    assert (
        shown["state"],
        shown["state_reason"],
        shown["labels"],
        shown["assignees"],
        shown["comments"],
    ) == (*("closed", "not_planned", ["bug"], ["ann"], 1),)
    assert ask(server, "issue_read", method="get_comments", **OURS, issue_number=1)[0]["body"] == "Later"


def test_issues_are_listed_in_pages_by_state_and_label() -> None:
    server = account()
    for number, labels in enumerate([["bug"], [], ["bug", "ui"]], 1):
        ask(server, "issue_write", method="create", **OURS, title=f"Issue {number}", labels=labels)
    ask(server, "issue_write", method="update", **OURS, issue_number=1, state="closed")
    first = ask(server, "list_issues", **OURS, perPage=2)
    rest = ask(server, "list_issues", **OURS, perPage=2, after=first["pageInfo"]["endCursor"])

    assert [each["number"] for each in first["issues"]] == [3, 2]
    assert (first["totalCount"], first["pageInfo"]["hasNextPage"]) == (3, True)
    assert ([each["number"] for each in rest["issues"]], rest["pageInfo"]["hasNextPage"]) == ([1], False)
    assert [
        each["number"] for each in ask(server, "list_issues", **OURS, state="OPEN", labels=["bug"])["issues"]
    ] == [3]


def test_a_pull_request_shows_its_files_commits_and_diff() -> None:
    server = with_pull()
    read = {**OURS, "pullNumber": 1}
    files = ask(server, "pull_request_read", method="get_files", **read)
    commits = ask(server, "pull_request_read", method="get_commits", **read)
    diff = ask(server, "pull_request_read", method="get_diff", **read)

    assert [(each["filename"], each["status"], each["changes"]) for each in files] == [
        ("app.py", "modified", 2),
        ("new.py", "added", 1),
    ]
    assert [each["message"] for each in commits] == ["Fix it"]
    assert diff.startswith(
        "diff --git a/app.py b/app.py\n--- a/app.py\n+++ b/app.py\n@@ -1,2 +1,2 @@\n one\n-two\n+TWO\n"
    )


def test_checks_are_no_statuses() -> None:
    """GitHub says "pending" of a commit that has checks only: a workflow that asks for the status waits for ever."""
    server = with_pull()
    server.set_check("octo", "app", 1, "tests", "success")
    status = ask(server, "pull_request_read", method="get_status", **OURS, pullNumber=1)
    checks = ask(server, "pull_request_read", method="get_check_runs", **OURS, pullNumber=1)

    assert (status["state"], status["total_count"]) == ("pending", 0)
    assert checks["check_runs"] == [
        {"id": 1, "name": "tests", "status": "completed", "conclusion": "success"}
    ]


def test_a_protected_branch_takes_no_pull_request_before_its_rules_are_met() -> None:
    server = with_pull()
    server.repositories["octo/app"].protection["main"] = Protection(["tests"], 1)
    merge = {**OURS, "pullNumber": 1}
    words = refusal(server, "merge_pull_request", **merge)
    blocked = ask(server, "pull_request_read", method="get", **merge)["mergeable_state"]
    server.set_check("octo", "app", 1, "tests", "success")
    ask(server, "pull_request_review_write", method="create", **merge, event="APPROVE")
    merged = ask(server, "merge_pull_request", **merge)

    api = "https://api.github.com/repos/octo/app/pulls/1/merge"
    assert (
        words == f'failed to merge pull request: PUT {api}: 405 Required status check "tests" is expected. []'
    )
    assert (blocked, merged["merged"]) == ("blocked", True)
    assert server.repositories["octo/app"].branches["main"].files["app.py"] == "one\nTWO\n"


@pytest.mark.parametrize(
    ("method", "messages"),
    [
        ("merge", ["Initial commit", "Fix it", "Merge #1: Fix"]),
        ("squash", ["Initial commit", "All of it"]),
        ("rebase", ["Initial commit", "Fix it"]),
    ],
)
def test_a_merge_leaves_the_commits_of_its_method(method: str, messages: list[str]) -> None:
    server = with_pull()
    title = {"commit_title": "All of it"} if method == "squash" else {}
    ask(server, "merge_pull_request", **OURS, pullNumber=1, merge_method=method, **title)

    main = server.repositories["octo/app"].branches["main"]
    assert [commit.message for commit in main.commits] == messages
    assert main.files == {"app.py": "one\nTWO\n", "new.py": "x\n"}


def test_a_pending_review_is_seen_by_nobody_until_it_is_submitted() -> None:
    server = with_pull()
    review = {**OURS, "pullNumber": 1}
    remark = {"path": "app.py", "body": "Why?", "subjectType": "LINE", "line": 2}
    early = refusal(server, "add_comment_to_pending_review", **review, **remark)
    began = ask(server, "pull_request_review_write", method="create", **review, body="Hm")
    ask(server, "add_comment_to_pending_review", **review, **remark)
    unseen = ask(server, "pull_request_read", method="get_reviews", **review)
    sent = ask(
        server, "pull_request_review_write", method="submit_pending", **review, event="REQUEST_CHANGES"
    )

    assert (early, began, unseen) == (
        "No pending review found for the viewer",
        "pending pull request created",
        [],
    )
    assert sent == "pending pull request review successfully submitted"
    assert ask(server, "pull_request_read", method="get_reviews", **review)[0]["state"] == "CHANGES_REQUESTED"
    threads = ask(server, "pull_request_read", method="get_review_comments", **review)["review_threads"]
    assert threads[0]["comments"] == [{"body": "Why?", "path": "app.py", "line": 2, "author": "octocat"}]


def test_a_user_has_one_pending_review_of_a_pull_request() -> None:
    server = with_pull()
    begin = {"method": "create", **OURS, "pullNumber": 1}
    ask(server, "pull_request_review_write", **begin)

    assert refusal(server, "pull_request_review_write", **begin) == (
        "User can only have one pending review per pull request"
    )


def test_a_merged_pull_request_is_not_opened_again() -> None:
    server = with_pull()
    ask(server, "merge_pull_request", **OURS, pullNumber=1)

    words = refusal(server, "update_pull_request", **OURS, pullNumber=1, state="open")

    assert words.endswith("state cannot be changed. The pull request is merged.")


def test_a_remark_on_a_line_that_is_not_there_is_refused() -> None:
    server = with_pull()
    ask(server, "pull_request_review_write", method="create", **OURS, pullNumber=1)
    remark = {"path": "app.py", "body": "?", "subjectType": "LINE", "line": 99}

    assert "the line number doesn't exist" in refusal(
        server, "add_comment_to_pending_review", **OURS, pullNumber=1, **remark
    )


def test_a_deleted_pending_review_leaves_nothing() -> None:
    server = with_pull()
    ask(server, "pull_request_review_write", method="create", **OURS, pullNumber=1)
    ask(server, "pull_request_review_write", method="delete_pending", **OURS, pullNumber=1)

    assert server.pending_reviews == {}
    assert "No pending review" in refusal(
        server, "pull_request_review_write", method="delete_pending", **OURS, pullNumber=1
    )


def test_pull_requests_are_changed_and_listed_by_state() -> None:
    server = with_pull()
    ask(server, "update_pull_request", **OURS, pullNumber=1, title="Better", reviewers=["ann"])
    ask(server, "update_pull_request", **OURS, pullNumber=1, state="closed")

    assert ask(server, "list_pull_requests", **OURS) == []
    fields = ["number", "title", "requested_reviewers"]
    assert ask(server, "list_pull_requests", **OURS, state="all", fields=fields) == [
        {"number": 1, "title": "Better", "requested_reviewers": ["ann"]}
    ]
    assert refusal(server, "update_pull_request", **OURS, pullNumber=1) == "No update parameters provided."


def test_workflows_and_their_runs_are_listed() -> None:
    server = account()
    text = "name: CI\non: push\njobs:\n  test:\n    runs-on: ubuntu-latest\n    steps:\n    - run: make\n"
    server.push_files("octo", "app", "main", [FileChange(".github/workflows/ci.yml", text)], "CI")
    listed = ask(server, "actions_list", method="list_workflows", **OURS)
    runs = ask(
        server, "actions_list", method="list_workflow_runs", **OURS, workflow_runs_filter={"branch": "x"}
    )

    assert listed["workflows"] == [
        {"id": 1, "name": "CI", "path": ".github/workflows/ci.yml", "state": "active"}
    ]
    assert runs == {"total_count": 0, "workflow_runs": []}


def test_repositories_are_found_by_words_and_owner() -> None:
    server = account()
    server.repositories["ann/app-docs"] = repository()

    assert ask(server, "search_repositories", query="app")["total_count"] == 2
    assert [
        each["full_name"] for each in ask(server, "search_repositories", query="app user:ann")["items"]
    ] == ["ann/app-docs"]


def test_both_sets_of_tools_work_on_one_account() -> None:
    documents = GitHub(repositories={"octo/app": repository({"a.py": "a\n"})})
    real = GitHubMCPServer.over(documents)
    ask(real, "issue_write", method="create", **OURS, title="From the real server")
    ask(documents, "create_issue", **OURS, title="From the documents")

    assert [each["title"] for each in ask(real, "list_issues", **OURS)["issues"]] == [
        *("From the documents", "From the real server"),
    ]
    assert [each.title for each in documents.repositories["octo/app"].issues] == [
        *("From the real server", "From the documents"),
    ]


def test_a_check_that_is_not_done_has_no_conclusion() -> None:
    server = with_pull()
    server.repositories["octo/app"].pull_requests[0].checks = [Check("tests", "pending")]
    checks = ask(server, "pull_request_read", method="get_check_runs", **OURS, pullNumber=1)

    assert checks["check_runs"] == [{"id": 1, "name": "tests", "status": "in_progress"}]


def test_nothing_is_pushed_to_a_protected_branch() -> None:
    server = with_pull()
    rules = server.repositories["octo/app"].protection
    rules["main"] = Protection(["tests"], 1)
    files = dict(server.repositories["octo/app"].branches["main"].files)
    target = {**OURS, "branch": "main", "message": "In a hurry"}
    pushed = refusal(server, "push_files", **target, files=[{"path": "b.py", "content": "b"}])
    created = refusal(server, "create_or_update_file", **target, path="b.py", content="b")
    deleted = refusal(server, "delete_file", **target, path=next(iter(files)))
    assert pushed == (
        "failed to update reference: PATCH https://api.github.com/repos/octo/app/git/refs/heads/main: 422 Protected "
        "branch update failed for refs/heads/main. Changes must be made through a pull request. []"
    )
    assert "failed to create/update file: PUT " in created
    assert "failed to update reference: PATCH " in deleted
    assert server.repositories["octo/app"].branches["main"].files == files
