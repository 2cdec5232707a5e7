"""A server that speaks as much of Hugging Face's API as loading and publishing a repository takes."""

import base64
import contextlib
import hashlib
import json
import re
import urllib.parse

from web_server import Quiet


class Hub(Quiet):
    """Serves `repositories`: by name, the files of every revision, which are bytes by name.

    Attributes:
        repositories: Name, revision (a branch or a commit), file, content.
        asked: The files that were asked for.
        private: Whether the repositories that were made are private, by name.
        cuts: By file, after how many bytes of the next answers the connection ends.
    """

    repositories: dict
    asked: list
    private: dict
    cuts: dict

    @classmethod
    def commit_of(cls, name, revision):
        """Returns the hash of a commit, made of its files."""
        return hashlib.sha1(repr(sorted(cls.repositories[name][revision].items())).encode()).hexdigest()

    def do_HEAD(self):
        self.answer()

    def do_GET(self):
        self.answer()

    def answer(self):
        """Answers a request for a file."""
        found = re.fullmatch(r"/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", self.path)
        if not found:
            return self.refuse("RevisionNotFound")
        name, revision, file = found[1], urllib.parse.unquote(found[2]), found[3]
        self.asked.append(file)
        if name not in self.repositories:
            return self.refuse("RepoNotFound")
        revisions = self.repositories[name]
        commits = {self.commit_of(name, each): each for each in revisions}
        revision = commits.get(revision, revision)
        if revision not in revisions:
            return self.refuse("RevisionNotFound")
        if file not in revisions[revision]:
            return self.refuse("EntryNotFound", self.commit_of(name, revision))
        content = revisions[revision][file]
        begin = int((re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", "")) or [0, 0])[1])
        self.send_response(206 if begin else 200)
        self.send_header("X-Repo-Commit", self.commit_of(name, revision))
        self.send_header("ETag", f'"{hashlib.sha256(content).hexdigest()}"')
        self.send_header("Content-Length", str(len(content) - begin))
        if begin:
            self.send_header("Content-Range", f"bytes {begin}-{len(content) - 1}/{len(content)}")
        self.end_headers()
        if self.command == "GET":
            cuts = self.cuts.get(file)
            with contextlib.suppress(ConnectionError):
                self.wfile.write(content[begin : cuts.pop(0) if cuts else None])

    def refuse(self, code, commit=None):
        self.send_response(404)
        self.send_header("X-Error-Code", code)
        if commit:
            self.send_header("X-Repo-Commit", commit)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def do_POST(self):
        """Makes a repository, says how files are to come, and takes them."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        host = f"http://{self.headers['Host']}"
        path = urllib.parse.urlsplit(self.path).path
        if self.headers.get("Authorization") == "Bearer hf_wrong":
            return self.reply({"error": "Invalid user token."}, 401)
        if path == "/api/repos/create":
            fields = json.loads(body)
            name = f"{fields.get('organization')}/{fields['name']}"
            self.repositories.setdefault(name, {"main": {}})
            self.private[name] = fields.get("private") or fields.get("visibility") == "private"
            return self.reply({"url": f"{host}/{name}"})
        if path == "/api/validate-yaml":
            return self.reply({"errors": [], "warnings": []})
        name, action = re.fullmatch(r"/api/models/([^/]+/[^/]+)/(preupload|commit)/main", path).groups()
        if action == "preupload":
            how = {"uploadMode": "regular", "shouldIgnore": False}
            return self.reply({"files": [{"path": each["path"], **how} for each in json.loads(body)["files"]]})
        for line in map(json.loads, body.splitlines()):
            if line["key"] == "file":
                content = base64.b64decode(line["value"]["content"])
                self.repositories[name]["main"][line["value"]["path"]] = content
        commit = self.commit_of(name, "main")
        self.reply({"commitUrl": f"{host}/{name}/commit/{commit}", "commitOid": commit})

    def reply(self, value, status=200):
        content = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)
