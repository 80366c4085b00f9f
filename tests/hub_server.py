"""A small Hub on this machine: data sets in memory, over HTTP, with faults on demand.

Speaks what we ask of the real one: a set's commit, its tree in pages, paths-info, and `resolve`
with HEAD, redirects of large files to another host, Range, ETag and the X- headers; 401 for a gated
set.
"""

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
    requests: list[tuple[str, str, str | None, str | None]] = field(default_factory=list)
    """Method, path, Range and Authorization of each request."""
    url: str = ""

    def ranges(self, path: str) -> list[str | None]:
        """The Range of each GET of a file's bytes."""
        return [r for m, p, r, _ in self.requests if m == "GET" and p.endswith(f"/cdn/{path}")]

    def is_large(self, path: str) -> bool:
        """Whether a file lies outside git, as binary files on the Hub do."""
        return not path.endswith((".md", ".txt", ".csv"))


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
        self._body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self._answer()

    def _answer(self) -> None:
        hub, url = self.state, urlsplit(self.path)
        path = unquote(url.path)
        token = self.headers.get("Authorization")
        hub.requests.append((self.command, path, self.headers.get("Range"), token))
        if hub.status is not None:
            self._send(hub.status, b"{}")
            return
        if match := re.fullmatch(r"/([\w.-]+/[\w.-]+)/cdn/(.+)", path):
            self._file(match[1], match[2])
            return
        match = re.match(r"(?:/api)?/datasets/([\w.-]+/[\w.-]+)", path)
        dataset = match[1] if match else ""
        rest = path[match.end() :] if match else ""
        if dataset not in hub.datasets:
            self._send(404, b"{}", {"X-Error-Code": "RepoNotFound"})
        elif rest == "" or rest.startswith("/revision/"):
            self._json({"id": dataset, "sha": hub.commit, "siblings": [], "tags": []})
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

    def _entry(self, dataset: str, path: str) -> dict[str, Any]:
        data = self.state.datasets[dataset][path]
        entry = {"type": "file", "path": path, "size": len(data), "oid": blob_id(data)}
        if self.state.is_large(path):
            digest = hashlib.sha256(data).hexdigest()
            entry |= {"oid": blob_id(digest.encode())}
            entry["lfs"] = {"oid": digest, "size": len(data), "pointerSize": 134}
        return entry

    def _tree(self, dataset: str, parts: list[str], query: dict[str, list[str]]) -> None:
        folder = parts[3] + "/" if len(parts) > 3 else ""
        paths = sorted(p for p in self.state.datasets[dataset] if p.startswith(folder))
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
        data = self.state.datasets[dataset].get(path)
        if data is None:
            self._send(404, b"", {"X-Error-Code": "EntryNotFound"})
            return
        headers = {"X-Repo-Commit": self.state.commit, "ETag": f'"{blob_id(data)}"'}
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
        hub, data = self.state, self.state.datasets[dataset][path]
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

    def _json(self, value: Any, headers: dict[str, str] | None = None) -> None:
        body = json.dumps(value).encode()
        self._send(200, body, {"Content-Type": "application/json", **(headers or {})})

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
