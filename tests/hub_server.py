"""A small Hub on this machine: data sets and models in memory, over HTTP, with faults on demand.

Speaks what we ask of the real one: a set's commit, its tree in pages, paths-info, and `resolve`
with HEAD, redirects of large files to another host, Range, ETag and the X- headers; 401 for a gated
set. Models and Spaces can be made and written to: preupload, Git LFS, commits of files and
deletions, and whether they are public. Licences and tags are those of the cards.
"""

import base64
import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

COMMIT = "c0ffee" * 6 + "cafe"
TEMPLATE = ("README.md", "index.html", "style.css")
"""What a new static Space has."""
PAGE = 3


@dataclass
class Hub:
    """What the server has, how it fails, and what it was asked."""

    datasets: dict[str, dict[str, bytes]] = field(default_factory=dict)
    gated: set[str] = field(default_factory=set)
    token: str = "hf_canary_of_the_tests"
    commit: str = COMMIT
    drops: dict[str, list[int]] = field(default_factory=dict)
    """By path: after how many bytes of the body the connection drops, each once."""
    status: int | None = None
    """Every answer from now on, if set."""
    damaged: set[str] = field(default_factory=set)
    """Paths whose first byte comes flipped."""
    without_range: bool = False
    models: dict[str, dict[str, bytes]] = field(default_factory=dict)
    """Nobody without the token sees one. A Space is `spaces/OWNER/NAME`."""
    public: set[str] = field(default_factory=set)
    """Of the models; the others say that they are private."""
    commits: list[set[str]] = field(default_factory=list)
    """The files that each commit to a model has brought."""
    untouched: set[str] = field(default_factory=set)
    """Models and Spaces without a commit after the one that made them."""
    blobs: dict[str, bytes] = field(default_factory=dict)
    """What was uploaded by its SHA-256, before a commit names it."""
    uploads_left: int | None = None
    """After so many uploads every connection is dropped without an answer."""
    foreign: set[str] = field(default_factory=set)
    """Owners in whose name the token may not write."""
    requests: list[tuple[str, str, str | None, str | None]] = field(default_factory=list)
    """Method, path, Range and Authorization of each request."""
    url: str = ""

    def ranges(self, path: str) -> list[str | None]:
        """The Range of each GET of a file's bytes."""
        return [r for m, p, r, _ in self.requests if m == "GET" and p.endswith(f"/cdn/{path}")]

    def is_large(self, path: str) -> bool:
        """Whether a file lies outside git, as binary files on the Hub do."""
        return not path.endswith((".md", ".txt", ".csv", ".json", ".toml"))


def blob_id(data: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()


@contextmanager
def running(hub: Hub) -> Iterator[Hub]:
    """Serve a hub on a free port of this machine while the block runs."""

    class Handler(_Handler):
        state = hub

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    hub.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    state: Hub

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def do_GET(self) -> None:
        self._answer()

    def do_HEAD(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._body = self._read_body()
        self._answer()

    def do_PUT(self) -> None:
        self._body = self._read_body()
        hub, path = self.state, urlsplit(self.path).path
        hub.requests.append(("PUT", path, None, self.headers.get("Authorization")))
        if match := re.fullmatch(r"/api/(?:models/)?(.+)/settings", path):
            change = hub.public.add if self._asks_public() else hub.public.discard
            change(match[1])
            self._json({})
            return
        if hub.uploads_left == 0:
            self.close_connection = True
            return
        if hub.uploads_left is not None:
            hub.uploads_left -= 1
        hub.blobs[hashlib.sha256(self._body).hexdigest()] = self._body
        self._send(200, b"")

    def _asks_public(self) -> bool:
        return json.loads(self._body)["visibility"] == "public"

    def _read_body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = b""
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def _answer(self) -> None:
        hub, url = self.state, urlsplit(self.path)
        path = unquote(url.path)
        token = self.headers.get("Authorization")
        hub.requests.append((self.command, path, self.headers.get("Range"), token))
        if hub.uploads_left == 0:
            self.close_connection = True
            return
        if hub.status is not None:
            self._send(hub.status, b"{}")
            return
        if match := re.fullmatch(r"/((?:spaces/)?[\w.-]+/[\w.-]+)/cdn/(.+)", path):
            self._file(match[1], match[2])
            return
        if self._model(path, token, parse_qs(url.query)):
            return
        match = re.match(r"(?:/api)?/datasets/([\w.-]+/[\w.-]+)", path)
        dataset = match[1] if match else ""
        rest = path[match.end() :] if match else ""
        if dataset not in hub.datasets:
            self._send(404, b"{}", {"X-Error-Code": "RepoNotFound"})
        elif rest == "" or rest.startswith("/revision/"):
            siblings = [{"rfilename": path} for path in hub.datasets[dataset]]
            about = {"id": dataset, "sha": hub.commit, "siblings": siblings, "tags": []}
            card = hub.datasets[dataset].get("README.md", b"").decode()
            licence = re.search(r"^license: (.+)$", card, re.MULTILINE)
            self._json(about | {"cardData": {"license": licence[1]} if licence else {}})
        elif dataset in hub.gated and token != f"Bearer {hub.token}":
            self._send(401, b"{}", {"X-Error-Code": "GatedRepo"})
        elif rest.startswith("/paths-info/"):
            asked = json.loads(self._body)["paths"] if self._body[:1] == b"{" else []
            asked = asked or parse_qs(self._body.decode())["paths"]
            self._json([self._entry(dataset, p) for p in asked if p in hub.datasets[dataset]])
        elif rest.startswith("/tree/"):
            self._tree(dataset, rest.split("/", 3), parse_qs(url.query))
        elif rest.startswith("/resolve/"):
            self._resolve(dataset, rest.split("/", 3)[3])
        else:
            self._send(404, b"{}", {"X-Error-Code": "EntryNotFound"})

    def _model(self, path: str, token: str | None, query: dict[str, list[str]]) -> bool:
        """Answer what is asked of a model; False where nothing is."""
        hub = self.state
        if path == "/api/repos/create":
            asked = json.loads(self._body)
            name = f"{asked['organization']}/{asked['name']}"
            known = token == f"Bearer {hub.token}"
            if asked.get("type") == "space":
                assert asked["sdk"] == "static"
                name = f"spaces/{name}"
            there = name in hub.models
            if not known or asked["organization"] in hub.foreign:
                self._send(403 if known else 401, b"{}")
                return True
            if not there and self._asks_public():
                hub.public.add(name)
            if not there:
                hub.untouched.add(name)
                hub.models[name] = {".gitattributes": b"*.safetensors filter=lfs\n"}
            if not there and name.startswith("spaces/"):
                hub.models[name] |= dict.fromkeys(TEMPLATE, b"<!-- the Hub's own -->")
            self._json({"url": f"{hub.url}/{name}"}, status=409 if there else 200)
            return True
        if path == "/api/validate-yaml":
            licence = re.search(r"^license: (.+)$", json.loads(self._body)["content"], re.MULTILINE)
            wrong = licence is not None and licence[1] not in ("mit", "apache-2.0")
            errors = [{"message": '"license" must be one of [apache-2.0, mit, ...]'}] * wrong
            self._json({"errors": errors, "warnings": []}, status=400 if wrong else 200)
            return True
        path = path.removeprefix("/api") if path.startswith("/api/spaces/") else path
        path = path.removeprefix("/api/models")
        match = re.match(r"/((?:spaces/)?[\w.-]+/[\w-]+?)(\.git)?(?=/|$)", path)
        if not match or match[1].startswith(("api/", "datasets/")):
            return False
        name, rest = match[1], path[match.end() :]
        if name not in hub.models or token != f"Bearer {hub.token}":
            self._send(404 if token else 401, b"{}", {"X-Error-Code": "RepoNotFound"})
        elif rest.startswith("/preupload/") and name.split("/")[-2] in hub.foreign:
            self._send(403, b"{}")
        elif rest.startswith("/preupload/"):
            paths = [file["path"] for file in json.loads(self._body)["files"]]
            self._json({"files": [self._mode(name, path) for path in paths]})
        elif rest == "/info/lfs/objects/batch":
            objects = json.loads(self._body)["objects"]
            upload = {"actions": {"upload": {"href": f"{hub.url}/upload"}}}
            self._json(
                {
                    "transfer": "basic",
                    "objects": [o | ({} if o["oid"] in hub.blobs else upload) for o in objects],
                }
            )
        elif rest.startswith("/commit/"):
            self._commit(name)
        elif rest.startswith("/commits/"):
            ids = [self._head(name), COMMIT][name in hub.untouched :]
            about = {"authors": [], "date": "2026-01-01T00:00:00.000Z", "title": "", "message": ""}
            self._json([{"id": commit, **about} for commit in ids])
        elif rest.startswith("/paths-info/"):
            asked = json.loads(self._body)["paths"] if self._body[:1] == b"{" else []
            asked = asked or parse_qs(self._body.decode())["paths"]
            self._json([self._entry(name, p) for p in asked if p in hub.models[name]])
        elif rest.startswith("/revision/") or rest == "":
            siblings = [{"rfilename": path} for path in hub.models[name]]
            about = {"id": name, "sha": self._head(name), "siblings": siblings}
            card = hub.models[name].get("README.md", b"").decode().split("---")
            tags = re.findall(r"^- (\w+)$", card[1] if len(card) > 2 else "", re.MULTILINE)
            self._json(about | {"private": name not in hub.public, "tags": tags})
        elif rest.startswith("/tree/"):
            self._tree(name, rest.split("/", 3), query)
        elif rest.startswith("/resolve/"):
            self._resolve(name, rest.split("/", 3)[3])
        else:
            return False
        return True

    def _mode(self, name: str, path: str) -> dict[str, Any]:
        """How a file is to be uploaded, and what the model has of that name."""
        large = path.endswith(".safetensors") or "tfevents" in path
        mode = {"path": path, "uploadMode": "lfs" if large else "regular", "shouldIgnore": False}
        if data := self.state.models[name].get(path):
            mode["oid"] = hashlib.sha256(data).hexdigest() if large else blob_id(data)
        return mode

    def _head(self, name: str) -> str:
        """The commit of a model: another one for other files."""
        files = sorted(self.state.models[name].items())
        return blob_id(repr([(path, blob_id(data)) for path, data in files]).encode())

    def _commit(self, name: str) -> None:
        files, brought = dict(self.state.models[name]), set[str]()
        for line in self._body.splitlines():
            entry = json.loads(line)
            value = entry["value"]
            if entry["key"] == "file":
                brought.add(value["path"])
                files[value["path"]] = base64.b64decode(value["content"])
            elif entry["key"] == "lfsFile":
                brought.add(value["path"])
                files[value["path"]] = self.state.blobs[value["oid"]]
            elif entry["key"] == "deletedFile":
                del files[value["path"]]
            elif entry["key"] == "deletedFolder":
                there = [path for path in files if path.startswith(value["path"])]
                assert there
                for path in there:
                    del files[path]
        self.state.models[name] = files
        self.state.untouched.discard(name)
        self.state.commits.append(brought)
        head = self._head(name)
        answer = {"success": True, "commitOid": head}
        self._json(answer | {"commitUrl": f"{self.state.url}/{name}/commit/{head}"})

    def _files(self, name: str) -> dict[str, bytes]:
        return self.state.datasets.get(name) or self.state.models[name]

    def _entry(self, dataset: str, path: str) -> dict[str, Any]:
        data = self._files(dataset)[path]
        entry = {"type": "file", "path": path, "size": len(data), "oid": blob_id(data)}
        if self.state.is_large(path):
            digest = hashlib.sha256(data).hexdigest()
            entry |= {"oid": blob_id(digest.encode())}
            entry["lfs"] = {"oid": digest, "size": len(data), "pointerSize": 134}
        return entry

    def _tree(self, dataset: str, parts: list[str], query: dict[str, list[str]]) -> None:
        folder = parts[3] + "/" if len(parts) > 3 else ""
        paths = sorted(p for p in self._files(dataset) if p.startswith(folder))
        if not paths:
            self._send(404, b"{}", {"X-Error-Code": "EntryNotFound"})
            return
        if query.get("recursive", ["false"])[0].lower() != "true":
            names = sorted({path.removeprefix(folder).partition("/")[0] for path in paths})
            here = [folder + name for name in names]
            files = [self._entry(dataset, path) for path in here if path in paths]
            folders = [{"type": "directory", "path": p, "oid": "0"} for p in here if p not in paths]
            self._json([*folders, *files])
            return
        start = int(query.get("cursor", ["0"])[0])
        headers = {}
        if start + PAGE < len(paths):
            here = self.path.split("?")[0]
            link = f"{self.state.url}{here}?recursive=true&cursor={start + PAGE}"
            headers["Link"] = f'<{link}>; rel="next"'
        page = [self._entry(dataset, path) for path in paths[start : start + PAGE]]
        self._json([{"type": "directory", "path": "a", "oid": "0"}, *page], headers)

    def _resolve(self, dataset: str, path: str) -> None:
        data = self._files(dataset).get(path)
        if data is None:
            self._send(404, b"", {"X-Error-Code": "EntryNotFound"})
            return
        model = dataset not in self.state.datasets
        commit = self._head(dataset) if model else self.state.commit
        headers = {"X-Repo-Commit": commit, "ETag": f'"{blob_id(data)}"'}
        target = f"/{dataset}/cdn/{path}"
        if self.state.is_large(path):  # from another host, as the Hub does
            port = urlsplit(self.state.url).port
            headers |= {
                "X-Linked-Size": str(len(data)),
                "X-Linked-ETag": f'"{hashlib.sha256(data).hexdigest()}"',
                "Location": f"http://localhost:{port}{target}",
            }
            self._send(302, b"", headers)
        else:
            self._file(dataset, path, headers)

    def _file(self, dataset: str, path: str, headers: dict[str, str] | None = None) -> None:
        hub, data = self.state, self._files(dataset)[path]
        if path in hub.damaged:
            data = bytes([data[0] ^ 1]) + data[1:]
        wanted = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        start = int(wanted[1]) if wanted and not hub.without_range else 0
        headers = {**(headers or {}), "Accept-Ranges": "bytes"}
        if start:
            headers["Content-Range"] = f"bytes {start}-{len(data) - 1}/{len(data)}"
        drops = hub.drops.get(path) if self.command == "GET" else None
        cut = drops.pop(0) if drops else None
        self._send(206 if start else 200, data[start:], headers, cut=cut)

    def _json(
        self, value: Any, headers: dict[str, str] | None = None, *, status: int = 200
    ) -> None:
        body = json.dumps(value).encode()
        self._send(status, body, {"Content-Type": "application/json", **(headers or {})})

    def _send(
        self,
        status: int,
        body: bytes,
        headers: dict[str, str] | None = None,
        *,
        cut: int | None = None,
    ) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body[:cut])
        if cut is not None:
            self.wfile.flush()
            self.close_connection = True
