"""The served page: what a person does with it, and what nobody may do to it (P22, P23)."""

import asyncio
import contextlib
import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from filiberto.evaluate.fill import fill
from filiberto.evaluate.likelihood import likelihoods, text_windows
from filiberto.evaluate.model import load_reader
from filiberto.publish.guard import Guard
from tests.browser import needs_browser, tab
from tests.conftest import filiberto

TEXT = "Anna <mask> il libro oggi, e alle <mask> torna a casa."
JSON = {"Content-Type": "application/json"}


@contextlib.contextmanager
def serving(run: Path, *flags: str) -> Iterator[tuple[int, subprocess.Popen[str], str]]:
    """The command in a process of its own: its port, the process and the address it prints."""
    process = subprocess.Popen(
        [sys.executable, "-m", "filiberto", "serve", str(run), "--port", "0", *flags],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == f"opening {run}\n"
        line = process.stdout.readline()
        found = re.search(r"(http://[^ ]*?:(\d+)/\S*)", line)
        assert found, line + (process.stderr.read() if process.stderr else "")
        yield int(found[2]), process, found[1]
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        for stream in (process.stdout, process.stderr):
            if stream:
                stream.close()


@pytest.fixture(scope="module")
def port(mini_run: Path) -> Iterator[int]:
    with serving(mini_run) as (number, _, _):
        yield number


def ask(
    port: int, method: str = "POST", path: str = "/fill", body: Any = None, **headers: str
) -> tuple[int, Any]:
    """Status and body of an answer; the body as JSON where it is."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        named = {key.replace("_", "-"): value for key, value in headers.items()}
        connection.request(method, path, body, {**(JSON if method == "POST" else {}), **named})
        answer = connection.getresponse()
        data = answer.read()
    finally:
        connection.close()
    with contextlib.suppress(ValueError):
        return answer.status, json.loads(data)
    return answer.status, data.decode()


def question(text: str = TEXT, count: Any = 5) -> str:
    return json.dumps({"text": text, "count": count})


def raw(port: int, data: bytes, *, wait: float = 30.0) -> bytes:
    """What comes back for some bytes, until the other side hangs up."""
    with socket.create_connection(("127.0.0.1", port), timeout=wait) as connection:
        with contextlib.suppress(OSError):
            connection.sendall(data)
        got = b""
        with contextlib.suppress(ConnectionResetError):
            while part := connection.recv(65_536):
                got += part
        return got


def post(port: int, *lines: str, body: bytes = b"") -> bytes:
    head = [f"POST /fill HTTP/1.1\r\nHost: 127.0.0.1:{port}", *lines, "Connection: close", "", ""]
    return raw(port, "\r\n".join(head).encode() + body)


def status(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1]) if answer else 0


def test_guesses_are_those_of_fill(port: int, mini_run: Path) -> None:
    code, found = ask(port, body=question())
    assert code == 200
    own = fill(load_reader(mini_run), TEXT)
    (found,) = found["models"]
    assert [[one["word"] for one in blank] for blank in found["blanks"]] == [
        [one["token_str"].strip() for one in blank] for blank in own
    ]
    first = found["blanks"][0][0]["probability"]
    assert first == pytest.approx(own[0][0]["score"], rel=1e-4)
    assert "".join(found["tokens"]) == f"<s>{TEXT}</s>".replace(" <mask>", "<mask>")


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b"", "must be JSON"),
        (b"\xff\xfe", "must be JSON"),
        (b"[" * 30_000, "must be JSON"),
        (b"[]", "must be JSON"),
        (b'{"text": "a"}', "must be JSON"),
        (question(count="5").encode(), "a whole number from 1 to 50"),
        (question(count=True).encode(), "a whole number"),
        (question(count=0).encode(), "a whole number"),
        (question(count=10**9).encode(), "a whole number"),
        (b'{"text": ["a"], "count": 5}', "must be a text"),
        (b'{"text": "\\ud800", "count": 5}', "half a surrogate pair"),
        (question("a" * 10_001).encode(), "10,001 characters"),
    ],
    ids=lambda value: str(value)[:24],
)
def test_a_body_that_is_no_question_is_told_so(port: int, body: bytes, told: str) -> None:
    code, found = ask(port, body=body)
    assert code == 400
    assert told in found["failed"]


def test_texts_without_holes_with_many_and_too_long_are_answered(port: int) -> None:
    def of(text: str) -> dict[str, Any]:
        code, found = ask(port, body=question(text))
        assert code == 200
        return found["models"][0]

    assert of("Anna legge")["blanks"] == []
    assert len(of("<mask> " * 60)["blanks"]) == 20
    assert of("casa " * 1_500)["longest"] == 64
    assert "script" in "".join(of("<script>alert(1)</script> <mask>")["tokens"])
    assert ask(port, body=question("\x00\u202e <mask> \U0010ffff"))[0] == 200


def test_sentences_are_compared_as_minimal_pairs_are(port: int, mini_run: Path) -> None:
    texts = ["Anna legge il libro", "Anna legge la libro oggi"]
    reader = load_reader(mini_run)
    windows = [text_windows(reader, text) for text in texts]
    own = [found.total for found in likelihoods(reader, windows, advance=lambda done: None)]
    code, found = ask(port, path="/compare", body=json.dumps({"texts": texts}))
    assert code == 200
    assert found["models"][0]["nats"] == pytest.approx(own, rel=1e-4)
    for wrong in ([], ["a"], ["a", 1], ["a"] * 3, ["a", "b" * 501]):
        assert ask(port, path="/compare", body=json.dumps({"texts": wrong}))[0] == 400


def test_a_second_model_is_shown_beside(mini_run: Path, tmp_path: Path) -> None:
    other = shutil.copytree(mini_run / "model", tmp_path / "mini")  # of the same name, too
    with serving(mini_run, "--against", str(other)) as (port, _, _):
        one, two = ask(port, body=question())[1]["models"]
        assert (one["name"], two["name"]) == ("mini", "mini")
        assert one["blanks"] == two["blanks"]  # it is the same model


def test_only_the_page_of_this_server_may_ask(port: int) -> None:
    own = f"127.0.0.1:{port}"
    assert ask(port, body=question(), Origin=f"http://{own}")[0] == 200
    for host in ("evil.example", f"evil.example:{port}", "127.0.0.1", f"127.0.0.1:{port + 1}"):
        assert ask(port, body=question(), Host=host)[0] == 421
        assert ask(port, "GET", "/", Host=host)[0] == 421
    for origin in ("http://evil.example", f"https://{own}", "null", f"http://localhost:{port}"):
        assert ask(port, body=question(), Origin=origin)[0] == 403
    two = f"GET / HTTP/1.1\r\nHost: {own}\r\nHost: evil.example\r\nConnection: close\r\n\r\n"
    assert status(raw(port, two.encode())) in (400, 421)
    without = b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n"
    assert status(raw(port, without)) in (400, 421)


def test_the_guard_lets_no_foreign_host_through() -> None:
    inner: list[Any] = []
    answers: list[Any] = []

    async def let_in(scope: Any, receive: Any, send: Any) -> None:
        inner.append(scope)

    async def receive() -> Any:
        return {"type": "http.request"}

    async def send(message: Any) -> None:
        answers.append(message)

    guard = Guard(let_in, host="127.0.0.1", port=8000, token=None)
    for host in (b"127.0.0.1:8000", b"evil.example:8000"):
        scope = {"type": "http", "method": "GET", "path": "/", "query_string": b""}
        asyncio.run(guard({**scope, "headers": [(b"host", host)]}, receive, send))
    assert [scope["headers"][0][1] for scope in inner] == [b"127.0.0.1:8000"]
    assert [answer["status"] for answer in answers if "status" in answer] == [421]


def test_other_kinds_verbs_and_paths_get_nothing(port: int) -> None:
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data"):
        assert ask(port, body=question(), Content_Type=kind)[0] == 415
    assert ask(port, "GET", "/fill")[0] == 405
    assert ask(port, "DELETE", "/")[0] == 405
    for path in ("/../../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "//etc/passwd", "/model", "/x"):
        code, found = ask(port, "GET", path)
        assert code == 404
        assert "root:" not in str(found)


def test_lengths_that_lie_and_lines_without_end_end(port: int) -> None:
    kind = "Content-Type: application/json"
    assert status(post(port, kind, "Content-Length: 99999999999")) == 413
    assert status(post(port, kind, "Content-Length: -1")) == 400
    assert status(post(port, kind, "Content-Length: many")) == 400
    assert status(post(port, kind, body=question().encode())) == 400  # no length, so no body
    chunks = b"".join(b"8000\r\n" + b" " * 0x8000 + b"\r\n" for _ in range(4)) + b"0\r\n\r\n"
    assert status(post(port, kind, "Transfer-Encoding: chunked", body=chunks)) == 413
    assert status(post(port, kind, f"X-Long: {'a' * 70_000}")) == 400
    assert status(raw(port, b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\n\r\n")) == 400
    assert status(raw(port, b"\x16\x03\x01\x02\x00\x01\xff\xfe\r\n\r\n")) == 400
    assert ask(port, body=question())[0] == 200


def test_who_connects_and_says_nothing_is_hung_up_on_and_holds_nobody_up(port: int) -> None:
    head = f"POST /fill HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n"
    body = f"{head}Content-Type: application/json\r\nContent-Length: 500\r\n\r\n{{"
    silent = [socket.create_connection(("127.0.0.1", port)) for _ in range(200)]
    try:
        for number, connection in enumerate(silent):
            connection.sendall([b"", head.encode(), body.encode()][number % 3])
        assert ask(port, body=question())[0] == 200
        for connection in silent:
            connection.settimeout(60)
            with contextlib.suppress(ConnectionResetError):
                while connection.recv(4_096):
                    pass  # a refusal may come before the end
    finally:
        for connection in silent:
            connection.close()
    assert ask(port, body=question())[0] == 200


def test_many_ask_at_once_and_some_leave(port: int) -> None:
    found: list[int] = []

    def one() -> None:
        found.append(ask(port, body=question())[0])

    threads = [threading.Thread(target=one) for _ in range(10)]
    for thread in threads:
        thread.start()
    for _ in range(5):
        gone = socket.create_connection(("127.0.0.1", port))
        head = (
            f"POST /fill HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\n"
        )
        gone.sendall(f"{head}Content-Length: {len(question())}\r\n\r\n{question()}".encode())
        gone.close()
    for thread in threads:
        thread.join()
    assert found == [200] * 10


def test_answers_forbid_what_a_page_of_elsewhere_could_do_with_them(port: int) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("GET", "/")
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert "Access-Control-Allow-Origin" not in answer.headers
    assert answer.headers["Server"] is None
    assert "default-src 'self'" in text
    assert "://" not in text


def test_for_others_there_is_a_token(mini_run: Path) -> None:
    open_to_all = filiberto("serve", mini_run, "--host", "0.0.0.0", "--port", "0")
    assert open_to_all.returncode == 2
    assert "--token SECRET" in open_to_all.stderr
    with serving(mini_run, "--host", "0.0.0.0", "--token", "s3cret") as (port, _, address):
        assert address.endswith("/?token=s3cret")
        for path in ("/", "/?token=", "/?token=s3cre", "/?token=s3crett", "/page.js"):
            assert ask(port, "GET", path)[0] == 401
        assert ask(port, body=question())[0] == 401
        assert ask(port, body=question(), Cookie="token=other")[0] == 401
        assert ask(port, "GET", "/?token=s3cret")[0] == 200
        assert ask(port, body=question(), Cookie="a=b; token=s3cret")[0] == 200
        evil = {"Cookie": "token=s3cret", "Origin": "http://evil.example"}
        assert ask(port, body=question(), **evil)[0] == 403


def test_bad_input_is_refused_and_ctrl_c_ends(mini_run: Path, port: int, tmp_path: Path) -> None:
    used = filiberto("serve", mini_run, "--port", str(port))
    assert used.returncode == 75
    assert f"port {port} of 127.0.0.1 cannot be had" in used.stderr
    wrong = filiberto("serve", mini_run, "--port", "99999")
    assert wrong.returncode == 2
    assert "0 to 65535" in wrong.stderr
    empty = filiberto("serve", tmp_path)
    assert empty.returncode == 2
    assert "holds no trained model" in empty.stderr
    with serving(mini_run) as (_, process, _):
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=30) == 0
        assert process.stderr is not None
        assert process.stderr.read() == ""


@needs_browser
def test_in_a_browser_it_guesses_as_one_types(port: int) -> None:
    with tab() as page:
        page.open(f"http://127.0.0.1:{port}/")
        page.wait_for("/ms$/.test(document.getElementById('status').textContent)")
        page.js("document.getElementById('text').focus()")
        page.type("<img src=x onerror=alert(1)> Anna <mask> il <mask> oggi")
        page.wait_for("document.querySelectorAll('#blanks ol').length === 2")
        (found,) = ask(port, body=question())[1]["models"]
        expected = [one["word"] or "␣" for one in found["blanks"][0]]
        page.type(TEXT)
        word = "document.querySelector('#blanks .word').textContent"
        page.wait_for(f"{word} === {json.dumps(expected[0])}")
        assert page.js("document.querySelectorAll('main img').length") == 0
        for place, sentence in (("first", "Anna legge il libro"), ("second", "zz zz zz zz zz")):
            page.js(f"document.getElementById('{place}').focus()")
            page.type(sentence)
        told = "document.getElementById('likelier').textContent"
        assert page.wait_for(told).startswith("The first")
        assert page.errors == []
        assert all(url.startswith(f"http://127.0.0.1:{port}/") for url in page.urls)
