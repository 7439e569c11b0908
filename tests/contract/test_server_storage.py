"""A locked, full or broken database, and kill -9: nothing that a client saw the end of is lost, and nothing is a 500.

`make chaos` runs these tests longer: ``AIGC_TEST_LOCK_SECONDS=20 AIGC_TEST_KILLS=100``.
"""

from __future__ import annotations

import os
import random
import sqlite3
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from live_server import KEY, live
from server_process import server_process

LOCK_SECONDS = float(os.environ.get("AIGC_TEST_LOCK_SECONDS", "2"))
KILLS = int(os.environ.get("AIGC_TEST_KILLS", "3"))

URL = "/v1/chat/completions"
BODY: dict[str, Any] = {"model": "default", "messages": [{"role": "user", "content": "hi"}]}
STORED = BODY | {"store": True}

needs_prlimit = pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits the files of another process")


def listed(http: httpx.Client) -> set[str]:
    found: set[str] = set()
    query: dict[str, Any] = {"limit": 100}
    while True:
        page = http.get(URL, params=query).json()
        found |= {one["id"] for one in page["data"]}
        if not page["has_more"]:
            return found
        query["after"] = page["last_id"]


def test_a_locked_database_loses_no_write_and_holds_up_nothing_else(tmp_path: Path) -> None:
    with live(tmp_path) as server, ThreadPoolExecutor(16) as threads:
        before = server.http.post(URL, json=STORED).json()["id"]
        lock = sqlite3.connect(tmp_path / "aigc.db", isolation_level=None)
        lock.execute("BEGIN EXCLUSIVE")
        began = time.monotonic()

        def send(number: int) -> httpx.Response:
            headers = {"Authorization": f"Bearer {KEY}"}
            if number % 2:
                headers["Idempotency-Key"] = f"key {number}"
            body = STORED | {"stream": number % 4 > 1}
            return httpx.post(server.url + URL, json=body, headers=headers, trust_env=False, timeout=90)

        waiting = [threads.submit(send, number) for number in range(8)]
        waiting.append(
            threads.submit(
                httpx.post, f"{server.url}/v1/chat/completions/{before}", json={"metadata": {"a": "b"}},
                headers={"Authorization": f"Bearer {KEY}"}, trust_env=False, timeout=90,
            )
        )  # fmt: skip
        waiting.append(
            threads.submit(httpx.post, f"{server.url}/auth/login", json={"key": KEY}, trust_env=False, timeout=90)
        )
        while time.monotonic() - began < LOCK_SECONDS:
            assert server.http.post(URL, json=BODY).status_code == 200
            assert server.http.get(f"{URL}/{before}").status_code == 200
            assert len(listed(server.http)) == 1
        assert not any(one.done() for one in waiting)
        lock.execute("COMMIT")
        lock.close()
        answers = [one.result(90) for one in waiting]
        assert [one.status_code for one in answers] == [200] * 10
        for one in answers[:8]:
            assert '"error"' not in one.text
        assert len(listed(server.http)) == 9
        assert server.http.get(f"{URL}/{before}").json()["metadata"] == {"a": "b"}
        assert "set-cookie" in answers[9].headers


def test_kill_9_between_acknowledged_writes_loses_none_and_doubles_none(tmp_path: Path) -> None:
    chance = random.Random(7)
    acknowledged: set[str] = set()
    keys: set[str] = set()
    pending: set[str] = set()
    for turn in range(KILLS + 1):
        with server_process(tmp_path) as server:
            kept = listed(server.http)
            assert acknowledged <= kept
            for key in sorted(pending):  # the client never saw an answer, and asks again
                answer = server.http.post(URL, json=STORED, headers={"Idempotency-Key": key})
                assert answer.status_code == 200
                acknowledged.add(answer.json()["id"])
            assert listed(server.http) == acknowledged
            assert len(acknowledged) == len(keys)
            pending.clear()
            if turn == KILLS:
                break
            killer = threading.Timer(chance.uniform(0.2, 0.8), server.kill)
            killer.start()
            number = 0
            try:
                while True:
                    key = f"{turn}-{number}"
                    keys.add(key)
                    pending.add(key)
                    answer = server.http.post(URL, json=STORED, headers={"Idempotency-Key": key})
                    acknowledged.add(answer.json()["id"])
                    pending.remove(key)
                    number += 1
            except httpx.TransportError:
                killer.join()


@needs_prlimit
def test_a_full_disk_is_told_and_recovered_from(tmp_path: Path) -> None:
    with server_process(tmp_path) as server:
        http = server.http
        kept = http.post(URL, json=STORED).json()["id"]
        server.let_files_grow_to(0)
        whole = http.post(URL, json=STORED)
        assert (whole.status_code, whole.json()["error"]["code"]) == (507, "storage_full")
        keyed = http.post(URL, json=STORED, headers={"Idempotency-Key": "k"})
        assert (keyed.status_code, keyed.json()["error"]["code"]) == (507, "storage_full")
        for headers in ({}, {"Idempotency-Key": "s"}):
            stream = http.post(URL, json=STORED | {"stream": True}, headers=headers)
            assert stream.status_code == 200
            assert '"content":"Paris"' in stream.text
            assert '"code":"storage_full"' in stream.text.split("\n\n")[-2]
            assert '"finish_reason":"stop"' not in stream.text
        assert http.post(f"{URL}/{kept}", json={"metadata": {"a": "b"}}).status_code == 507
        assert http.delete(f"{URL}/{kept}").status_code == 507
        assert http.post("/auth/login", json={"key": KEY}).status_code == 507
        assert http.post(URL, json=BODY).status_code == 200
        assert listed(http) == {kept}
        server.let_files_grow_to(None)
        assert http.post(URL, json=STORED).status_code == 200
        assert http.post(URL, json=STORED, headers={"Idempotency-Key": "k"}).status_code == 200
        assert http.post("/auth/login", json={"key": KEY}).status_code == 200
        assert len(listed(http)) == 3


@needs_prlimit
def test_an_error_at_any_byte_of_a_write_leaves_nothing_of_it(tmp_path: Path) -> None:
    body = STORED | {"metadata": {"a": "b"}, "messages": [{"role": "user", "content": "x" * 9000}]}
    with server_process(tmp_path) as server:
        http = server.http
        http.post(URL, json=body, headers={"Idempotency-Key": "first"})
        expected = listed(http)
        written = (tmp_path / "aigc.db-wal").stat().st_size
        for step in range(1000):
            server.let_files_grow_to(written + step * 1024)
            answer = http.post(URL, json=body, headers={"Idempotency-Key": f"key {step}"})
            server.let_files_grow_to(None)
            if answer.status_code == 200:
                expected.add(answer.json()["id"])
                break
            assert (answer.status_code, answer.json()["error"]["code"]) == (507, "storage_full")
            assert listed(http) == expected, step
        assert step > 20
        assert listed(http) == expected
        again = http.post(URL, json=body, headers={"Idempotency-Key": "key 0"})
        assert (again.status_code, "idempotent-replayed" in again.headers) == (200, False)
        server.kill()
    with sqlite3.connect(tmp_path / "aigc.db") as rows:
        assert rows.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert rows.execute("SELECT count(*) FROM completions").fetchone() == (len(expected) + 1,)
        assert rows.execute("SELECT count(*) FROM completion_labels").fetchone() == (len(expected) + 1,)
        assert rows.execute("SELECT count(*) FROM replies").fetchone() == (len(expected) + 1,)
    rows.close()
