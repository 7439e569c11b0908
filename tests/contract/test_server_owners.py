"""What belongs to one owner does not exist for another: the matrix of users, ids and routes, from the route table."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator

import httpx
import pytest

from live_server import Live, live

HELLO = [{"role": "user", "content": "hi"}]
SHARED = {"model", "engine"}
"""Path parameters that name what all owners share."""


def _completion(client: httpx.Client) -> str:
    body = {"model": "default", "messages": HELLO, "store": True}
    made: str = client.post("/v1/chat/completions", json=body).json()["id"]
    return made


def _job(client: httpx.Client) -> str:
    made: str = client.post("/v1/images/generations", json={"prompt": "a fox", "detach": True}).json()["id"]
    return made


def _file(client: httpx.Client) -> str:
    body = {"prompt": "a fox", "response_format": "url"}
    url: str = client.post("/v1/images/generations", json=body).json()["data"][0]["url"]
    return url.rpartition("/")[2].removesuffix(".png")


OWNED: dict[str, tuple[Callable[[httpx.Client], str], str]] = {
    "completion_id": (_completion, "chatcmpl-" + "0" * 32),
    "job_id": (_job, "imgjob_" + "0" * 48),
    "file_id": (_file, "img_" + "0" * 48),
}
"""Path parameters that name what one owner has: how it is made, and an id of that form that nobody has."""

BODIES = {("post", "/v1/chat/completions/{completion_id}"): {"metadata": {"a": "b"}}}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with live(tmp_path_factory.mktemp("server")) as running:
        yield running


@pytest.fixture(scope="module")
def users(server: Live) -> Iterator[dict[str, httpx.Client]]:
    made = {}
    for name in ("ann", "bob"):
        headers = {"Authorization": f"Bearer {server.keys.create('test', owner=name)[1]}"}
        made[name] = httpx.Client(base_url=server.url, headers=headers, trust_env=False, timeout=20)
    yield made
    for client in made.values():
        client.close()


def routes(server: Live) -> list[tuple[str, str, str]]:
    """(method, path, parameter) of every route with a parameter in its path."""
    found = []
    for path, methods in server.http.get("/openapi.json").json()["paths"].items():
        for method, parameter in itertools.product(methods, re.findall(r"{(\w+)}", path)):
            found.append((method, path, parameter))
    return found


def test_every_parameter_of_a_path_is_owned_or_shared(server: Live) -> None:
    assert {parameter for _, _, parameter in routes(server)} == SHARED | set(OWNED)


def test_another_owners_id_and_an_unknown_one_get_the_same_404(server: Live, users: dict[str, httpx.Client]) -> None:
    tried = 0
    for method, path, parameter in routes(server):
        if parameter not in OWNED:
            continue
        make, unknown = OWNED[parameter]
        for user, other in itertools.permutations(users):
            answers = {}
            for kind, one in (("foreign", make(users[other])), ("unknown", unknown), ("own", make(users[user]))):
                response = users[user].request(
                    method, path.replace("{" + parameter + "}", one), json=BODIES.get((method, path))
                )
                answers[kind] = (response.status_code, response.text.replace(one, "ID"))
                tried += 1
            assert answers["foreign"] == answers["unknown"], (method, path, user)
            assert (answers["foreign"][0], answers["own"][0]) == (404, 200), (method, path, user)
    assert tried >= 42


def test_nothing_of_another_owner_changes_or_is_listed(server: Live, users: dict[str, httpx.Client]) -> None:
    mine = _completion(users["ann"])
    before = users["ann"].get(f"/v1/chat/completions/{mine}").json()
    users["bob"].post(f"/v1/chat/completions/{mine}", json={"metadata": {"a": "b"}})
    users["bob"].delete(f"/v1/chat/completions/{mine}")
    assert users["ann"].get(f"/v1/chat/completions/{mine}").json() == before
    assert mine not in users["bob"].get("/v1/chat/completions", params={"limit": 100}).text
    assert mine not in server.http.get("/v1/chat/completions").text
