"""A Starlette app whose session says who is signed in. Argument: secret_key."""

import asyncio
import sys

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.sessions import SessionMiddleware
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from peer import serve, typed

seen = {}


async def index(request):
    seen["session"] = typed(dict(request.session))
    seen["user"] = request.session.get("user")
    seen["change"](request.session)
    return PlainTextResponse("")


app = Starlette(
    routes=[Route("/", index)],
    middleware=[Middleware(SessionMiddleware, secret_key=sys.argv[1])],
)


async def get(cookie):
    sent = []

    async def receive():
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message):
        sent.append(message)

    await app(
        {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1",
            "method": "GET", "scheme": "http", "path": "/", "raw_path": b"/",
            "root_path": "", "query_string": b"", "server": ("localhost", 80),
            "client": ("127.0.0.1", 1), "headers": [(b"cookie", cookie.encode())],
        },
        receive,
        send,
    )
    assert sent[0]["status"] == 200, sent
    return [v.decode() for k, v in sent[0]["headers"] if k == b"set-cookie"]


loop = asyncio.new_event_loop()


def visit(cookie, change):
    seen["change"] = change
    headers = loop.run_until_complete(get(cookie))
    return seen["user"], seen["session"], headers


serve(visit)
