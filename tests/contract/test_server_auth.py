"""Nobody gets in without a key: every route, every spelling, every foreign page."""

from __future__ import annotations

import re
from collections.abc import Iterator

import httpx
import pytest

from live_server import KEY, Live, live

PUBLIC = {"/health", "/ready", "/", "/auth/login"}
BODY = {"model": "default", "messages": [{"role": "user", "content": "hi"}]}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with live(tmp_path_factory.mktemp("server"), allowed_hosts=("aigc.example",)) as running:
        yield running


@pytest.fixture
def stranger(server: Live) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.url, trust_env=False) as client:
        yield client


def ask(server: Live, method: str, target: str, *lines: str) -> int:
    """The status for a target sent as it is: no client tidies it up."""
    with server.connect() as connection:
        head = "\r\n".join([f"{method} {target} HTTP/1.1", "Host: 127.0.0.1", "Connection: close", *lines, "", ""])
        connection.sendall(head.encode("latin-1"))
        return int(connection.makefile("rb").readline().split()[1])


def spellings(path: str) -> set[str]:
    encoded = path.replace("v1", "%76%31").replace("models", "%6dodels")
    return {
        path,
        path + "/",
        "/" + path,
        path.replace("/", "//"),
        path.upper(),
        encoded,
        path + "?key=1",
        path + "%00",
        path + ";a=b",
        path + "/.",
        "/health/.." + path,
        "/." + path,
        path.replace("/", "/./"),
        "/health%2f.." + path,
        "http://127.0.0.1" + path,
    }


def test_every_route_but_the_public_ones_answers_401_in_every_spelling(server: Live) -> None:
    document = server.http.get("/openapi.json").json()
    paths = {re.sub(r"\{.*?\}", "x", path) for path in document["paths"]} | {"/openapi.json", "/docs", "/redoc"}
    assert len(paths) > 15
    seen = 0
    for path in sorted(paths - PUBLIC):
        for target in sorted(spellings(path)):
            for method in ("GET", "POST", "HEAD", "OPTIONS", "DELETE"):
                assert ask(server, method, target) == 401, (method, target)
                seen += 1
    assert seen > 1000


OTHER_SPELLINGS = ["//", "/health/", "//health", "/HEALTH", "/health/../v1/models", "/index.html/", "/."]


@pytest.mark.parametrize("path", OTHER_SPELLINGS)
def test_other_spellings_of_public_paths_are_not_public(server: Live, path: str) -> None:
    assert ask(server, "GET", path) == 401


@pytest.mark.parametrize("path", ["/health", "/ready", "/", "/index.html"])
def test_public_paths_are_open(stranger: httpx.Client, path: str) -> None:
    assert stranger.get(path).status_code == 200


@pytest.mark.parametrize(
    "header",
    ["", "Bearer", "Bearer ", "Basic c2s6c2s=", f"Bearer {KEY}x", f"Bearer {KEY[:-1]}", f"Token {KEY}", KEY],
)
def test_a_wrong_authorization_is_refused(server: Live, header: str) -> None:
    assert ask(server, "GET", "/v1/models", f"Authorization: {header}") == 401


def test_the_right_key_gets_in_and_two_headers_do_not(server: Live) -> None:
    assert ask(server, "GET", "/v1/models", f"Authorization: Bearer {KEY}") == 200
    assert ask(server, "GET", "/v1/models", f"authorization: bearer {KEY}") == 200
    twice = f"Authorization: Bearer {KEY}"
    assert ask(server, "GET", "/v1/models", twice, twice) == 401


def test_a_key_of_the_database_works_at_once_and_stops_when_it_is_revoked(server: Live, stranger: httpx.Client) -> None:
    record, key = server.keys.create("test")
    headers = {"Authorization": f"Bearer {key}"}
    assert stranger.get("/v1/models", headers=headers).status_code == 200
    server.keys.revoke(record.id)
    assert stranger.get("/v1/models", headers=headers).status_code == 401


FOREIGN = ["evil.example", "127.0.0.1.evil.example", "", "localhost.evil.example:80", "10.0.0.1"]
OURS = ["localhost", "LOCALHOST:1", "127.0.0.1:80", "127.8.8.8", "[::1]:8400", "aigc.example"]


@pytest.mark.parametrize("host", FOREIGN)
def test_another_host_name_is_refused(server: Live, host: str) -> None:
    with server.connect() as connection:
        connection.sendall(f"GET /health HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
        assert int(connection.makefile("rb").readline().split()[1]) == 421


@pytest.mark.parametrize("host", OURS)
def test_our_own_host_names_are_accepted(stranger: httpx.Client, host: str) -> None:
    assert stranger.get("/health", headers={"Host": host}).status_code == 200


def log_in(server: Live, client: httpx.Client) -> str:
    response = client.post("/auth/login", json={"key": KEY})
    assert response.json() == {"object": "session", "owner": "local", "key_id": "AIGC_API_KEY"}
    cookie: str = response.headers["set-cookie"]
    return cookie


def test_a_key_becomes_a_cookie_that_scripts_and_other_sites_cannot_use(server: Live, stranger: httpx.Client) -> None:
    cookie = log_in(server, stranger)
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert KEY not in cookie
    assert stranger.get("/v1/models").status_code == 200
    assert stranger.get("/auth/me").json()["owner"] == "local"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": "http://HOST"}, 200),
        ({"Sec-Fetch-Site": "same-origin"}, 200),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://evil.example", "Sec-Fetch-Site": "same-origin"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({}, 403),
    ],
)
def test_a_cookie_counts_only_for_our_own_page(
    server: Live, stranger: httpx.Client, headers: dict[str, str], status: int
) -> None:
    log_in(server, stranger)
    host = server.url.removeprefix("http://")
    sent = {name: value.replace("HOST", host) for name, value in headers.items()}
    assert stranger.post("/v1/chat/completions", json=BODY, headers=sent).status_code == status


def test_logging_out_ends_the_session(server: Live, stranger: httpx.Client) -> None:
    log_in(server, stranger)
    kept = stranger.cookies["aigc_session"]
    assert stranger.post("/auth/logout", headers={"Sec-Fetch-Site": "same-origin"}).status_code == 204
    assert stranger.get("/auth/me").status_code == 401
    assert stranger.get("/auth/me", headers={"Cookie": f"aigc_session={kept}"}).status_code == 401


def test_a_wrong_key_logs_nobody_in(stranger: httpx.Client) -> None:
    response = stranger.post("/auth/login", json={"key": "sk-wrong"})
    assert response.status_code == 401
    assert "set-cookie" not in response.headers


def test_the_link_logs_in_once(server: Live, stranger: httpx.Client) -> None:
    from aigc.db.keys import Identity

    token = server.app.state.sessions.issue_token(Identity("local", "AIGC_API_KEY"))
    assert stranger.head(f"/?token={token}").status_code == 200  # a preview doesn't use it up
    first = stranger.get(f"/?token={token}")
    assert (first.status_code, first.headers["location"]) == (303, "/")
    assert stranger.get("/auth/me").status_code == 200
    again = httpx.get(f"{server.url}/?token={token}", trust_env=False)
    assert (again.status_code, "set-cookie" in again.headers) == (303, False)


def test_a_session_ends_with_its_key(server: Live, stranger: httpx.Client) -> None:
    record, key = server.keys.create("short")
    stranger.post("/auth/login", json={"key": key})
    assert stranger.get("/auth/me").status_code == 200
    server.keys.revoke(record.id)
    assert stranger.get("/auth/me").status_code == 401


def test_other_origins_get_no_permission_from_cors(server: Live) -> None:
    preflight = {"Origin": "http://evil.example", "Access-Control-Request-Method": "POST"}
    response = server.http.options("/v1/chat/completions", headers=preflight)
    assert "access-control-allow-origin" not in response.headers
    answer = server.http.get("/v1/models", headers={"Origin": "http://evil.example"})
    assert "access-control-allow-origin" not in answer.headers


def test_a_listed_origin_may_call_and_read_errors(tmp_path_factory: pytest.TempPathFactory) -> None:
    with live(tmp_path_factory.mktemp("cors"), cors_origins=("https://app.example",)) as server:
        preflight = {
            "Origin": "https://app.example",
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "authorization, content-type",
        }
        allowed = httpx.options(f"{server.url}/v1/chat/completions", headers=preflight, trust_env=False)
        assert allowed.headers["access-control-allow-origin"] == "https://app.example"
        refused = httpx.get(f"{server.url}/v1/models", headers={"Origin": "https://app.example"}, trust_env=False)
        assert refused.status_code == 401
        assert refused.headers["access-control-allow-origin"] == "https://app.example"


def test_a_login_outlives_the_server_unless_its_key_was_changed(tmp_path_factory: pytest.TempPathFactory) -> None:
    home = tmp_path_factory.mktemp("home")
    client = httpx.Client(trust_env=False)
    with live(home) as server:
        client.base_url = httpx.URL(server.url)
        log_in(server, client)
    with live(home) as server:
        client.base_url = httpx.URL(server.url)
        assert client.get("/auth/me").json()["owner"] == "local"
        server.app.state.sessions._bound_to = "another AIGC_API_KEY"
        assert client.get("/auth/me").status_code == 401
    client.close()


@pytest.mark.parametrize(("proxies", "secure"), [((), False), (("127.0.0.0/8",), True), (("10.0.0.1",), False)])
def test_the_cookie_is_secure_where_a_trusted_proxy_says_https(
    tmp_path_factory: pytest.TempPathFactory, proxies: tuple[str, ...], secure: bool
) -> None:
    with live(tmp_path_factory.mktemp("home"), trusted_proxies=proxies) as server:
        for proto, expected in (("https", secure), ("http", False), ("https, http", False)):
            response = server.http.post("/auth/login", json={"key": KEY}, headers={"X-Forwarded-Proto": proto})
            assert ("Secure" in response.headers["set-cookie"]) is expected, proto
