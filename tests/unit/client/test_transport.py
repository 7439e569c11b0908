from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable

import httpx
import pytest

from aigc.client.app_thread import AppThread
from aigc.client.transport import LocalTransport
from aigc.errors import StorageFull, Unreachable


def soon(condition: Callable[[], bool]) -> bool:
    end = time.monotonic() + 5
    while not condition() and time.monotonic() < end:
        time.sleep(0.01)
    return condition()


def test_nothing_starts_before_the_first_request(server) -> None:
    made = []
    thread = AppThread(lambda: made.append(1) or server.app())
    assert made == []
    with httpx.Client(transport=LocalTransport(thread)) as http:
        http.get("http://x/nothing")
        http.get("http://x/nothing")
    assert made == [1]
    thread.close()
    assert server.closed == 1


def test_the_application_sees_path_query_headers_and_body() -> None:
    seen = {}

    async def app(scope, receive, send) -> None:
        if scope["type"] == "lifespan":
            while (await receive())["type"] != "lifespan.shutdown":
                await send({"type": "lifespan.startup.complete"})
            return await send({"type": "lifespan.shutdown.complete"})
        seen.update(scope, message=await receive())
        await send({"type": "http.response.start", "status": 207, "headers": [(b"x-a", b"b")]})
        return await send({"type": "http.response.body", "body": b"done"})

    thread = AppThread(lambda: app)
    with httpx.Client(transport=LocalTransport(thread)) as http:
        response = http.post("http://h:81/a%20b/%E4%B8%AD?q=1&r=%20", content=b"body", headers={"X-Y": "z"})
    thread.close()
    assert (response.status_code, response.headers["x-a"], response.content) == (207, "b", b"done")
    assert (seen["path"], seen["raw_path"], seen["query_string"]) == ("/a b/中", b"/a%20b/%E4%B8%AD", b"q=1&r=%20")
    assert (b"x-y", b"z") in seen["headers"]
    assert seen["server"] == ("h", 81)
    assert seen["message"] == {"type": "http.request", "body": b"body", "more_body": False}


def test_leaving_an_unanswered_request_is_a_disconnect(server, thread: AppThread) -> None:
    done = threading.Event()

    def ask() -> None:
        with httpx.Client(transport=LocalTransport(thread)) as http, pytest.raises(Unreachable):
            http.post("http://x/v1/slow")
        done.set()

    threading.Thread(target=ask).start()
    time.sleep(0.1)
    thread.close()
    assert done.wait(5), "close() ends a request that another thread waits for"


def test_a_failed_start_is_raised_and_can_be_tried_again(server) -> None:
    def factory():
        if not tries.append(1) and len(tries) == 1:
            raise StorageFull("no room")
        return server.app()

    tries: list[int] = []
    thread = AppThread(factory)
    with httpx.Client(transport=LocalTransport(thread)) as http:
        with pytest.raises(StorageFull, match="no room"):
            http.get("http://x/")
        assert http.get("http://x/").status_code == 404
    thread.close()


def test_an_error_in_the_lifespan_keeps_its_class() -> None:
    from starlette.applications import Starlette

    class Lifespan:
        def __init__(self, app: Starlette) -> None: ...
        async def __aenter__(self) -> None:
            raise StorageFull("no room")

        async def __aexit__(self, *error: object) -> None: ...

    thread = AppThread(lambda: Starlette(lifespan=Lifespan))
    with pytest.raises(StorageFull, match="no room"):
        thread.start()


def test_a_closed_application_starts_anew(server, thread: AppThread) -> None:
    with httpx.Client(transport=LocalTransport(thread)) as http:
        assert http.get("http://x/").status_code == 404
        thread.close()
        assert http.get("http://x/").status_code == 404
    assert server.closed == 1


EXIT = """
import threading, sys
from concurrent.futures import ThreadPoolExecutor
sys.path.insert(0, sys.argv[1])
from conftest import TinyServer
from aigc.client.app_thread import AppThread
from aigc.client.transport import LocalTransport
import httpx, asyncio, contextlib

class Server(TinyServer):
    def app(self):
        from starlette.applications import Starlette
        from starlette.routing import Route
        @contextlib.asynccontextmanager
        async def lifespan(app):
            yield
            # what closing a runtime needs: another thread
            print(await asyncio.to_thread(lambda: "closed in an orderly way"), flush=True)
        return Starlette(routes=[Route("/v1/chat/completions", self.chat, methods=["POST"])], lifespan=lifespan)

thread = AppThread(Server().app)
http = httpx.Client(transport=LocalTransport(thread))
request = http.build_request("POST", "http://x/v1/chat/completions",
    json={"stream": True, "messages": [{"content": "wait"}]})
response = http.send(request, stream=True)
print(next(response.iter_raw())[:5])
"""


def test_the_interpreter_ends_at_once_with_a_stream_open_and_closes_the_application() -> None:
    start = time.monotonic()
    folder = __file__.rsplit("/", 1)[0]
    found = subprocess.run([sys.executable, "-c", EXIT, folder], capture_output=True, text=True, timeout=30)
    assert found.stdout.splitlines() == ["b'data:'", "closed in an orderly way"]
    assert found.returncode == 0
    assert found.stderr == ""
    assert time.monotonic() - start < 8


def test_many_threads_share_one_application(server, thread: AppThread) -> None:
    texts: list[bytes] = []

    def ask(number: int) -> None:
        with httpx.Client(transport=LocalTransport(thread)) as http:
            body = {"stream": True, "messages": [{"content": str(number)}]}
            texts.append(http.post("http://x/v1/chat/completions", json=body).content)

    workers = [threading.Thread(target=ask, args=(n,)) for n in range(20)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len(texts) == 20
    assert len(set(texts)) == 1
