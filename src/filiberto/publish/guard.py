"""What stands before the served page: it answers that page, within bounds, and nobody else.

request  ->  Host, Origin, token, kind, size, time  ->  the page's application
"""

from __future__ import annotations

import asyncio
import hmac
import json
from collections.abc import Awaitable, Callable, MutableMapping
from functools import partial
from typing import Any

MOST_BODY_BYTES = 64_000
SECONDS_TO_SPEAK = 10.0
"""For a connection to send its headers, and for a request to send its body."""

LOOPBACK = ("127.0.0.1", "localhost", "::1")
_SECURITY = [
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cache-control", b"no-store"),
]


Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class Guard:
    """Lets through what the page of this server asks, and nothing else.

    A page of another origin must not use the model through its reader's browser, whatever name it
    gives this machine; and nobody may hold it up with what never ends.
    """

    def __init__(self, inner: Any, *, host: str, port: int, token: str | None) -> None:
        names = {*LOOPBACK[:2], "[::1]"} if host in LOOPBACK else set()
        self._hosts = {f"{name}:{port}" for name in names}
        self._any_host = host not in LOOPBACK  # then by the token alone
        self._inner, self._token = inner, token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or refuse it."""
        if scope["type"] != "http":
            return
        headers = scope["headers"]
        problem = self._refusal(scope, headers)
        if problem is not None:
            await _refuse(send, *problem)
            return
        body = b""
        if scope["method"] == "POST":
            try:
                async with asyncio.timeout(SECONDS_TO_SPEAK):
                    body = await _whole(receive)
            except TimeoutError:
                await _refuse(send, 408, "the body did not come")
                return
            except ValueError as error:
                await _refuse(send, 413, str(error))
                return
        given = False

        async def whole() -> MutableMapping[str, Any]:
            nonlocal given
            if given:
                return await receive()
            given = True
            return {"type": "http.request", "body": body, "more_body": False}

        await self._inner(scope, whole, partial(self._send, send, scope))

    def _refusal(self, scope: Scope, headers: list[tuple[bytes, bytes]]) -> tuple[int, str] | None:
        def all_of(name: bytes) -> list[str]:
            return [value.decode("latin-1") for key, value in headers if key == name]

        hosts, origins = all_of(b"host"), all_of(b"origin")
        if len(hosts) != 1 or not (self._any_host or hosts[0] in self._hosts):
            return 421, "this page is not for that Host"
        if any(origin != f"http://{hosts[0]}" for origin in origins):
            return 403, "this page is not for that Origin"
        if self._token and not self._knows_token(scope, all_of(b"cookie")):
            return 401, "the token is missing: open the address that was printed"
        if scope["method"] == "POST":
            if [kind.partition(";")[0].strip() for kind in all_of(b"content-type")] != [
                "application/json"
            ]:
                return 415, "the body must be application/json"
            lengths = all_of(b"content-length")
            if len(lengths) == 1 and lengths[0].isdigit() and int(lengths[0]) > MOST_BODY_BYTES:
                return 413, f"the body has over {MOST_BODY_BYTES:,} bytes"
        return None

    def _knows_token(self, scope: Scope, cookies: list[str]) -> bool:
        shown = [pair.strip() for cookie in cookies for pair in cookie.split(";")]
        shown += scope["query_string"].decode("latin-1").split("&")
        wanted = f"token={self._token}".encode()
        return any(hmac.compare_digest(pair.encode(), wanted) for pair in shown)

    async def _send(self, send: Send, scope: Scope, message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            extra = list(_SECURITY)
            if self._token and scope["path"] == "/":
                cookie = f"token={self._token}; HttpOnly; SameSite=Strict; Path=/"
                extra.append((b"set-cookie", cookie.encode()))
            message = {**message, "headers": [*message.get("headers", []), *extra]}
        await send(message)


async def _whole(receive: Receive) -> bytes:
    """The body of a request.

    Raises:
        ValueError: it is too large.
    """
    body = b""
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return body
        body += message.get("body", b"")
        if len(body) > MOST_BODY_BYTES:
            raise ValueError(f"the body has over {MOST_BODY_BYTES:,} bytes")
        if not message.get("more_body"):
            return body


async def _refuse(send: Send, status: int, reason: str) -> None:
    body = json.dumps({"failed": reason}).encode()
    headers = [(b"content-type", b"application/json"), (b"connection", b"close"), *_SECURITY]
    headers.append((b"content-length", str(len(body)).encode()))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def protocol() -> Any:
    """HTTP by h11, that hangs up on who connects and says nothing."""
    from uvicorn.protocols.http.h11_impl import H11Protocol

    class Impatient(H11Protocol):
        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            self._limit = self.loop.call_later(SECONDS_TO_SPEAK, self._hang_up)

        def _hang_up(self) -> None:
            if self.cycle is None:  # no request has come
                self.transport.close()

        def connection_lost(self, exc: Exception | None) -> None:
            self._limit.cancel()
            super().connection_lost(exc)

    return Impatient
