"""The tools of `pytest_mcpflow.fakes.real.github_mcp_server` about files and commits."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from pytest_mcpflow.fake import FakeError, Omittable, Verbatim, tool
from pytest_mcpflow.fakes.github import Branch, Commit, FileChange
from pytest_mcpflow.fakes.real._github_api import Api, Json, blob_sha, only, page_of, written
from pytest_mcpflow.plain_yaml import Yaml

CommitField = Literal["sha", "html_url", "commit", "author", "committer"]
EntryField = Literal["type", "name", "path", "size", "sha", "url", "git_url", "html_url", "download_url"]


@dataclass
class ContentTools(Api):
    """Files and commits."""

    @tool(reads=True, name="get_file_contents")
    def tool_get_file_contents(
        self,
        owner: str,
        repo: str,
        path: str = "/",
        ref: Omittable[str] = None,
        sha: Omittable[str] = None,
        fields: Omittable[list[EntryField]] = None,
    ) -> Verbatim:
        """Read a file, or list a folder."""
        where = path.strip("/")
        with self.doing(
            "resolve git reference", f"GET repos/{owner}/{repo}/git/ref/heads/{sha or ref or ''}"
        ):
            name, branch = self.branch_at(owner, repo, sha or ref)
        if where in branch.files:
            return _file(owner, repo, branch, where, branch.files[where])
        below = f"{where}/" if where else ""
        inside = sorted(
            {each[len(below) :].partition("/")[0] for each in branch.files if each.startswith(below)}
        )
        if not inside:
            with self.doing("get file contents", f"GET repos/{owner}/{repo}/contents/{where}?ref={name}"):
                raise FakeError("Not Found")
        entries: list[Yaml] = [
            only(self._entry(owner, repo, branch, below + each), fields) for each in inside
        ]
        return _text(written(entries))

    @tool(name="create_or_update_file")
    def tool_create_or_update_file(
        self,
        owner: str,
        repo: str,
        path: str,
        content: str,
        message: str,
        branch: str,
        sha: Omittable[str] = None,
        allow_symlink_write: bool = False,
    ) -> str:
        """Commit one file; replacing one needs the hash of what is there."""
        path = path.removeprefix("/")
        with self.doing("check if file exists", f"GET repos/{owner}/{repo}/contents/{path}?ref={branch}"):
            _, target = self.branch_at(owner, repo, branch)
        if any(each.startswith(f"{path}/") for each in target.files):
            raise FakeError(f"Path {path} is a directory, not a file. This tool only works with files.")
        there = None if path not in target.files else blob_sha(target.files[path])
        if sha and there not in (None, sha):
            raise FakeError(
                f"SHA mismatch: provided SHA {sha} is stale. Current file SHA is {there}. "
                f"Pull the latest changes and use git rev-parse {branch}:{path} to get the current SHA."
            )
        if there is not None and not sha:
            raise FakeError(
                f"File already exists at {path}. You must provide the current file's SHA when updating. "
                f"Use git rev-parse {branch}:{path} to get the blob SHA, then retry with the sha parameter."
            )
        with self.doing("create/update file", f"PUT repos/{owner}/{repo}/contents/{path}"):
            self.branch_to_push(owner, repo, branch)
        made = self.commit_to(target, {**target.files, path: content}, message)
        url = self.repository_url(owner, repo)
        shown: Json = {"name": path.rpartition("/")[2], "path": path, "sha": blob_sha(content)}
        shown |= {"size": len(content.encode()), "html_url": f"{url}/blob/{branch}/{path}"}
        commit: Json = {"sha": made.sha, "message": message, "html_url": f"{url}/commit/{made.sha}"}
        return written({"content": shown, "commit": commit})

    @tool(name="push_files")
    def tool_push_files(
        self, owner: str, repo: str, branch: str, files: list[FileChange], message: str
    ) -> str:
        """Commit files to a branch, which is created from the default branch if there is none of that name."""
        with self.doing("get branch reference", f"GET repos/{owner}/{repo}/git/ref/heads/{branch}"):
            found = self.repository_of(owner, repo)
            if branch not in found.branches and found.branches:
                _, source = self.branch_at(owner, repo, None)
                found.branches[branch] = Branch([*source.commits], {**source.files})
        target = found.branches.setdefault(branch, Branch([]))
        with self.doing("update reference", f"PATCH repos/{owner}/{repo}/git/refs/heads/{branch}"):
            self.branch_to_push(owner, repo, branch)
        made = self.commit_to(
            target, {**target.files, **{each.path: each.content for each in files}}, message
        )
        return written(self.reference(owner, repo, branch, made.sha))

    @tool(destroys=True, name="delete_file")
    def tool_delete_file(self, owner: str, repo: str, path: str, message: str, branch: str) -> str:
        """Commit the deletion of a file."""
        with self.doing("get branch reference", f"GET repos/{owner}/{repo}/git/ref/heads/{branch}"):
            _, target = self.branch_at(owner, repo, branch)
        with self.doing("create tree", f"POST repos/{owner}/{repo}/git/trees"):
            if path not in target.files:
                raise FakeError("GitRPC::BadObjectState")
        with self.doing("update reference", f"PATCH repos/{owner}/{repo}/git/refs/heads/{branch}"):
            self.branch_to_push(owner, repo, branch)
        rest = {name: text for name, text in target.files.items() if name != path}
        made = self.commit_to(target, rest, message)
        url = f"{self.repository_url(owner, repo)}/commit/{made.sha}"
        return written({"commit": {"sha": made.sha, "message": message, "html_url": url}, "content": None})

    @tool(reads=True, name="list_commits")
    def tool_list_commits(
        self,
        owner: str,
        repo: str,
        sha: Omittable[str] = None,
        author: Omittable[str] = None,
        path: Omittable[str] = None,
        since: Omittable[str] = None,
        until: Omittable[str] = None,
        fields: Omittable[list[CommitField]] = None,
        page: Omittable[float] = None,
        perPage: Omittable[float] = None,
    ) -> str:
        """List the commits of a branch, newest first."""
        if path is not None:
            raise FakeError("failed to list commits: this account does not keep which paths a commit changed")
        begin, end = self._moment("since", since), self._moment("until", until)
        with self.doing(f"list commits: {sha or ''}", f"GET repos/{owner}/{repo}/commits"):
            _, branch = self.branch_at(owner, repo, sha)
        chosen = [
            commit
            for commit in reversed(branch.commits)
            if author in (None, self.login)
            and (begin is None or begin <= commit.at)
            and (end is None or commit.at <= end)
        ]
        items: list[Yaml] = [
            only(self.commit_object(owner, repo, commit), fields) for commit in page_of(chosen, page, perPage)
        ]
        return written(items)

    def commit_object(self, owner: str, repo: str, commit: Commit) -> Json:
        """A commit as the API shows it."""
        signed: Json = {"name": self.login, "date": self.stamp(commit.at)}
        url = f"{self.repository_url(owner, repo)}/commit/{commit.sha}"
        return {
            "sha": commit.sha,
            "html_url": url,
            "commit": {"message": commit.message, "author": signed, "committer": signed},
            "author": self.user(),
            "committer": self.user(),
        }

    def _moment(self, name: str, text: str | None) -> float | None:
        """Seconds on the clock, of an instant or of the beginning of a day."""
        if text is None:
            return None
        try:
            day = text if "T" in text else f"{text}T00:00:00Z"
            return (datetime.fromisoformat(day) - self.clock.starts_at).total_seconds()
        except (ValueError, TypeError):
            raise FakeError(
                f"invalid {name} timestamp: invalid ISO 8601 timestamp: {text} "
                "(supported formats: YYYY-MM-DDThh:mm:ssZ or YYYY-MM-DD)"
            ) from None

    def _entry(self, owner: str, repo: str, branch: Branch, path: str) -> Json:
        is_file = path in branch.files
        api = f"https://api.github.com/repos/{owner}/{repo}/contents/{path}"
        content = branch.files.get(path, "")
        return {
            "type": "file" if is_file else "dir",
            "name": path.rpartition("/")[2],
            "path": path,
            "size": len(content.encode()) if is_file else None,
            "sha": blob_sha(content) if is_file else None,
            "url": api,
            "html_url": f"{self.repository_url(owner, repo)}/{'blob' if is_file else 'tree'}/{branch.sha}/{path}",
        }


def _text(text: str) -> Verbatim:
    return Verbatim({"content": [{"type": "text", "text": text}], "isError": False})


def _file(owner: str, repo: str, branch: Branch, path: str, content: str) -> Verbatim:
    """The content of a file as an embedded resource, after a line that has its hash."""
    kind = "text" if content else "empty"
    said = {"type": "text", "text": f"successfully downloaded {kind} file (SHA: {blob_sha(content)})"}
    uri = f"repo://{owner}/{repo}/sha/{branch.sha}/contents/{path}"
    body = {"uri": uri, "mimeType": "text/plain; charset=utf-8", "text": content}
    return Verbatim({"content": [said, {"type": "resource", "resource": body}], "isError": False})
