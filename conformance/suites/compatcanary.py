"""CompatCanary: a scanner that also asks for /responses, which is not built here yet."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

from suite import Score, Suite, Target, score
from suites.node_clients import SETUP

_OUTCOMES = {"pass": "passed", "warn": "failed", "fail": "failed"}


def _command(target: Target, report: Path) -> list[str]:
    scan = ["node_modules/.bin/compatcanary", "scan", "--fail-on", "never", "--format", "json"]
    return [*scan, "--base-url", target.url, "--model", target.model]


def _count(text: str) -> Score:
    report = json.loads(text)
    found = {one["id"]: (_OUTCOMES.get(one["status"], "skipped"), one["summary"]) for one in report["results"]}
    counted = score(found)
    return dataclasses.replace(counted, notes=f"{report['score']}/100; {counted.notes}")


SUITES = (Suite(name="CompatCanary", setup=SETUP, command=_command, count=_count, seconds=300),)
