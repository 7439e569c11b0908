"""pytest plugin: one JSON line a test, as it ends, into the file that ROWS names, so that a time-out loses nothing.

openai-python's tests were written for a mock server. So that an honest server can pass them, and only a server can: the
key that their conftest has built in is replaced, a picture stands where they send text for one, and a test is skipped
where a mock answers in the server's place, or where it needs an object with a fixed id, which a server that never made
it must refuse.
"""

import inspect
import json
import os
import re
import struct
import zlib

import pytest

_FIXED_ID = re.compile(r"\b(training_file|input_file_id|file_ids|previous_response_id|conversation)=")
_NO_PICTURES = (b"Example data", b"raw file contents")
_refused = set()


def picture():
    """A PNG of 64x64 pixels, half of it transparent: an image and a mask."""

    def chunk(kind, content):
        sum_ = struct.pack(">I", zlib.crc32(kind + content))
        return struct.pack(">I", len(content)) + kind + content + sum_

    rows = b"".join(b"\0" + bytes((200, 120, 40, 255 * (y < 32))) * 64 for y in range(64))
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 64, 64, 8, 6, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def with_pictures(function):
    """The same test with a picture instead of text that is none."""
    code = function.__code__
    constants = tuple(picture() if constant in _NO_PICTURES else constant for constant in code.co_consts)
    function.__code__ = code.replace(co_consts=constants)


def write(**row):
    with open(os.environ["ROWS"], "a", encoding="utf-8") as file:
        file.write(json.dumps(row) + "\n")


def pytest_plugin_registered(plugin):
    if hasattr(plugin, "api_key") and str(getattr(plugin, "__file__", "")).endswith("conftest.py"):
        plugin.api_key = plugin.admin_api_key = os.environ["SUITE_KEY"]


def unfair(item):
    """Why no honest server can pass this test, or nothing.

    The generated tests have a test_path_params_X for every method X that takes an id in its path.
    """
    if any(name.endswith("_mock") for name in item.fixturenames):
        return "a mock answers"
    name = getattr(item, "originalname", "") or ""
    if not name.startswith("test_method_") or item.cls.__name__.endswith("Models"):
        return ""
    method = name.removeprefix("test_method_").replace("_with_all_params", "")
    if hasattr(item.cls, "test_path_params_" + method) or _FIXED_ID.search(inspect.getsource(item.function)):
        return "needs an object with a fixed id"
    return ""


def pytest_collection_modifyitems(items):
    for item in items:
        if "Images" in getattr(item.cls, "__name__", ""):
            with_pictures(item.function)
        if reason := unfair(item):
            item.add_marker(pytest.mark.skip(reason=reason))


def pytest_collection_finish(session):
    write(total=len(session.items))


def pytest_collectreport(report):
    if report.failed:
        write(id=report.nodeid, outcome="failed", why="does not collect: " + str(report.longrepr)[-200:])


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """A 400 that names the parameter is a refusal, told apart from a failure."""
    outcome = yield
    error = call.excinfo.value if call.excinfo else None
    if getattr(error, "status_code", None) == 400 and getattr(error, "param", None):
        _refused.add(outcome.get_result().nodeid)


def pytest_runtest_logreport(report):
    if report.when != "call" and report.outcome == "passed":
        return
    why, outcome = "", report.outcome
    if report.outcome == "skipped":
        why = "xfail" if hasattr(report, "wasxfail") else str(report.longrepr[-1]).removeprefix("Skipped: ")
    elif report.outcome == "failed":
        crash = getattr(report.longrepr, "reprcrash", None)
        why = crash.message if crash else str(report.longrepr)
        outcome = "refused" if report.nodeid in _refused else outcome
    write(id=report.nodeid, outcome=outcome, why=why[:300])
