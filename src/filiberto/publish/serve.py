"""The page with its model on this machine: `filiberto serve RUN`.

    browser -> Guard (Host, Origin, token, size, time) -> /fill /compare -> models, one at a time

The page is that of `page.py`, with another model.js: one that asks here. Nothing else is reached.
"""

from __future__ import annotations

import asyncio
import json
import socket
import unicodedata
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from importlib import resources
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from filiberto import extras
from filiberto.console import say
from filiberto.errors import TryAgainError, UsageError
from filiberto.evaluate.elsewhere import folder_of, name_of
from filiberto.evaluate.fill import MASK
from filiberto.evaluate.likelihood import likelihoods, text_windows
from filiberto.evaluate.model import Reader, load_reader
from filiberto.publish.exported import FOLDER, INT8, is_current
from filiberto.publish.guard import LOOPBACK, Guard, protocol
from filiberto.publish.page import index

MOST_CHARACTERS = 10_000
MOST_COMPARED_CHARACTERS = 500
MOST_HOLES = 20
MOST_GUESSES = 50
MOST_WAITING = 16

Answer = Callable[[Reader], dict[str, Any]]
"""What a model answers to one question."""


def serve(
    run: Path,
    *,
    against: str | None = None,
    host: str = "127.0.0.1",
    port: int = 8000,
    token: str | None = None,
) -> None:
    """Serve the page until Ctrl-C.

    Args:
        run: a finished run or a model folder.
        against: another model, whose guesses are shown beside: a run, a folder, or OWNER/NAME.
        host: to listen at; any but this machine's own needs a token.
        port: to listen at; 0 for a free one.
        token: that a browser must show: the page is then opened by the address that is printed.

    Raises:
        UsageError: the packages for it are not installed, or others could come without a token.
        UnfinishedStageError: there is no finished model.
        TryAgainError: the port is in use, or the other model cannot be fetched.
    """
    extras.require("serve", "starlette", "uvicorn", command="serve")
    if host not in LOOPBACK and not token:
        raise UsageError(
            f"at {host} others than you reach the page", hint="add --token SECRET, of your choice"
        )
    import uvicorn

    say(f"opening {run}")
    readers = [(name_of(str(run)), _reader(run))]
    if against is not None:
        readers.append((name_of(against), load_reader(folder_of(against))))
    listening = _listen(host, port)
    port = listening.getsockname()[1]
    shown = f"[{host}]" if ":" in host else host
    config = uvicorn.Config(
        Guard(app(run, readers), host=host, port=port, token=token),
        http=protocol(),
        log_level="error",
        access_log=False,
        server_header=False,
        lifespan="off",
        ws="none",
        timeout_keep_alive=5,
        timeout_graceful_shutdown=2,
        h11_max_incomplete_event_size=16_384,
    )
    address = f"http://{shown}:{port}/{f'?token={token}' if token else ''}"
    _server(config, told=f"{address}   Ctrl-C ends").run(sockets=[listening])


def app(run: Path, readers: Sequence[tuple[str, Reader]]) -> Any:
    """The page and its questions, as an ASGI application without any protection.

    Args:
        run: whose examples the page shows.
        readers: names and models that answer.
    """
    from starlette.applications import Starlette
    from starlette.concurrency import run_in_threadpool
    from starlette.requests import Request
    from starlette.responses import HTMLResponse, JSONResponse, Response
    from starlette.routing import Route

    html = index(run, name=run.resolve().name, megabytes=None)
    static = resources.files("filiberto.publish") / "static"
    turn = asyncio.Lock()
    waiting = 0

    async def start(_: Request) -> Response:
        return HTMLResponse(html)

    def file(name: str, kind: str) -> Callable[[Request], Awaitable[Response]]:
        data = (static / name).read_bytes()

        async def answer(_: Request) -> Response:
            return Response(data, media_type=kind)

        return answer

    async def answered(read: Callable[[bytes], Answer], request: Request) -> Response:
        nonlocal waiting
        try:
            answer = read(await request.body())
        except ValueError as error:
            return JSONResponse({"failed": str(error)}, status_code=400)
        if waiting >= MOST_WAITING:
            return JSONResponse({"failed": "too many questions at once"}, status_code=503)
        waiting += 1
        try:
            async with turn:
                found = await run_in_threadpool(_asked_of_all, readers, answer)
        finally:
            waiting -= 1
        return JSONResponse({"models": found})

    async def fill(request: Request) -> Response:
        return await answered(_fill_question, request)

    async def compare(request: Request) -> Response:
        return await answered(_compare_question, request)

    script = "text/javascript"
    return Starlette(
        routes=[
            Route("/", start),
            Route("/page.css", file("page.css", "text/css")),
            Route("/page.js", file("page.js", script)),
            Route("/model.js", file("served.js", script)),
            Route("/fill", fill, methods=["POST"]),
            Route("/compare", compare, methods=["POST"]),
        ]
    )


def guesses(reader: Reader, text: str, count: int) -> dict[str, Any]:
    """What the page shows of a text: its tokens, and for each hole the likeliest entries."""
    ids = reader.tokenizer.encode(text.replace(MASK, reader.special_tokens[MASK])).ids
    word = partial(reader.tokenizer.decode, skip_special_tokens=False)
    tokens = [word([token]) for token in ids]
    if len(ids) > reader.max_length:
        return {"tokens": tokens, "blanks": [], "longest": reader.max_length}
    places = [n for n, token in enumerate(ids) if token == reader.special_ids[MASK]]
    if not places:
        return {"tokens": tokens, "blanks": []}
    blanks = []
    for row in reader.log_probabilities([ids], [places[:MOST_HOLES]])[0]:
        best = row.exp().topk(min(count, len(row)))
        pairs = zip(best.indices.tolist(), best.values.tolist(), strict=True)
        blanks.append([{"word": word([t]).strip(), "probability": p} for t, p in pairs])
    return {"tokens": tokens, "blanks": blanks}


def compared(reader: Reader, texts: Sequence[str]) -> dict[str, Any]:
    """The pseudo-log-likelihoods of some texts, in nats."""
    windows = [text_windows(reader, unicodedata.normalize("NFC", text)) for text in texts]
    found = likelihoods(reader, windows, advance=lambda done: None)
    return {"nats": [likelihood.total for likelihood in found]}


def _asked_of_all(readers: Sequence[tuple[str, Reader]], answer: Answer) -> list[dict[str, Any]]:
    return [{"name": name, **answer(reader)} for name, reader in readers]


def _fill_question(body: bytes) -> Answer:
    """What `/fill` is asked: `text`, with holes, and the `count` of guesses for each.

    Raises:
        ValueError: it is not as the page sends it.
    """
    text, count = _fields(body, "text", "count")
    if not isinstance(count, int) or isinstance(count, bool) or not 1 <= count <= MOST_GUESSES:
        raise ValueError(f"`count` must be a whole number from 1 to {MOST_GUESSES}")
    _check_text(text, most=MOST_CHARACTERS)
    return partial(guesses, text=text, count=count)


def _compare_question(body: bytes) -> Answer:
    """What `/compare` is asked: `texts`, two of them.

    Raises:
        ValueError: it is not as the page sends it.
    """
    (texts,) = _fields(body, "texts")
    if not isinstance(texts, list) or len(texts) != 2:
        raise ValueError("`texts` must be two texts")
    for text in texts:
        _check_text(text, most=MOST_COMPARED_CHARACTERS)
    return partial(compared, texts=texts)


def _fields(body: bytes, *names: str) -> list[Any]:
    try:
        asked = json.loads(body)
        return [asked[name] for name in names]
    except (ValueError, RecursionError, KeyError, TypeError):
        raise ValueError(f"the body must be JSON with {' and '.join(names)}") from None


def _check_text(text: Any, *, most: int) -> None:
    if not isinstance(text, str):
        raise ValueError("a text must be a text")
    if len(text) > most:
        raise ValueError(f"a text has {len(text):,} characters; {most:,} are the most")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError("a text has half a surrogate pair") from None


def _server(config: Any, *, told: str) -> Any:
    """A server that says when it listens, and that Ctrl-C and SIGTERM end without a word."""
    import signal

    import uvicorn

    class Server(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            say(told)

        @contextmanager
        def capture_signals(self) -> Iterator[None]:
            ends = (signal.SIGINT, signal.SIGTERM)
            before = [signal.signal(end, self.handle_exit) for end in ends]
            try:
                yield
            finally:
                for end, handler in zip(ends, before, strict=True):
                    signal.signal(end, handler)

    return Server(config)


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
    except OSError as error:
        listening.close()
        raise TryAgainError(
            f"port {port} of {host} cannot be had: {error.strerror}",
            hint=f"take another: --port {port + 1}, or --port 0 for any",
        ) from None
    listening.listen(128)
    return listening


def _reader(run: Path) -> Reader:
    """The model of a run; its int8 file where there is one and onnxruntime."""
    reader = load_reader(run)
    if (run / FOLDER).is_dir() and is_current(run) and find_spec("onnxruntime"):
        from filiberto.publish.onnx import open_onnx

        return open_onnx(run / FOLDER / INT8, reader)
    return reader
