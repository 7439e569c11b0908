"""Detached requests: they go on when their client leaves, and are asked for later.

How far a job has come lives in memory; that it exists, whose it is and how it ended stands in the database. After a
restart a job that had not ended says that it is lost.

Knows: when jobs begin and end. Does not know: paths, how pictures are made.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from functools import partial
from typing import Any

import msgspec

from aigc.db.pictures import JOB, Kept, Pictures
from aigc.errors import AigcError
from aigc.server import errors
from aigc.server.feed import Feed
from aigc.server.images.form import PictureForm
from aigc.server.images.making import Made, Maker, Progress
from aigc.server.ports import Runtime

log = logging.getLogger(__name__)

_REFUSED_SECONDS = 1.0
"""A job that fails this soon was refused: its client is told at once."""


@dataclass
class _Job:
    wanted: int
    """Pictures in all."""
    progress: Progress = Progress(0, 0, 0)
    detached: bool = False
    """Its client has been told that it goes on."""


class Jobs:
    """The jobs that this server works on.

    Args:
        runtime: who answers.
        kept: where jobs stand.
    """

    def __init__(self, runtime: Runtime, kept: Pictures) -> None:
        self._runtime = runtime
        self._kept = kept
        self._running: dict[str, tuple[_Job, asyncio.Task[AigcError | None]]] = {}

    async def begin(self, owner: str, maker: Maker, wanted: int) -> bytes:
        """Begin a job of ``wanted`` pictures. Returns: its JSON. Raises: AigcError: it was refused at once."""
        job_id = await self._kept.begin(owner)
        job = _Job(wanted)
        task = asyncio.create_task(self._work(job_id, maker, job), name=f"job {job_id}")
        self._running[job_id] = job, task
        task.add_done_callback(lambda _: self._running.pop(job_id, None))
        await asyncio.wait([task], timeout=_REFUSED_SECONDS)
        if not task.done():
            job.detached = True
        elif not task.cancelled() and (refusal := task.result()) is not None:
            await self._kept.delete_job(owner, job_id)
            raise refusal
        return await self.look(owner, job_id)

    async def look(self, owner: str, job_id: str) -> bytes:
        """A job's JSON. Raises: NotFound."""
        job, _ = self._running.get(job_id, (None, None))  # before the look at the row: it may end in between
        return _job_json(await self._kept.get(owner, job_id, JOB), job)

    async def forget(self, owner: str, job_id: str) -> None:
        """End a job, if it runs, and forget it. Raises: NotFound."""
        await self._kept.delete_job(owner, job_id)
        if job_id in self._running:
            _, task = self._running[job_id]
            task.cancel()
            await asyncio.wait([task])

    async def close(self) -> None:
        """End all of them; whoever asks later is told that they are lost."""
        tasks = [task for _, task in self._running.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _work(self, job_id: str, maker: Maker, job: _Job) -> AigcError | None:
        """Returns: what it failed with, where its client still waits to be told so."""
        try:
            made = await self._made(maker, job)
            body = await maker.work(partial(PictureForm(maker.request, maker.output).whole, made, None))
            await self._kept.finish(job_id, "completed", body)
        except Exception as error:
            ours = error if isinstance(error, AigcError) else errors.from_unexpected(error, job_id)
            if not job.detached:
                return ours
            await self._failed(job_id, ours)
        return None

    async def _failed(self, job_id: str, error: AigcError) -> None:
        try:
            await self._kept.finish(job_id, "failed", msgspec.json.encode(errors.envelope(error)))
        except AigcError as another:  # it will be called lost, which is true
            log.error("job %s could not be recorded as failed: %s", job_id, another.message)

    async def _made(self, maker: Maker, job: _Job) -> list[Made]:
        made: list[Made] = []
        async with Feed([partial(self._runtime.answer, maker.model, maker.request)]) as feed:
            async for told in maker.follow(feed):
                if isinstance(told, Progress):
                    job.progress = told
                elif isinstance(told, Made):
                    made.append(told)
        return made


def _job_json(kept: Kept, job: _Job | None) -> bytes:
    """``result`` is what the request would have answered, ``error`` what it would have been told."""
    running = kept.state == "in_progress" and job is not None
    state = "lost" if kept.state == "in_progress" and not running else kept.state
    found: dict[str, Any] = {
        "id": kept.id,
        "object": "image.job",
        "created_at": kept.created,
        "expires_at": None if running else kept.ends,
        "status": state,
    }
    if job is not None and running:
        last = job.progress
        found["progress"] = {"index": last.index, "of": job.wanted, "step": last.step, "steps": last.steps}
    elif state == "completed":
        found["result"] = msgspec.Raw(kept.body)
    elif state == "failed":
        found |= msgspec.json.decode(kept.body)
    elif state == "lost":
        found["error"] = {
            "message": "the server ended before this job did; nothing of it is left",
            "type": "server_error",
            "param": None,
            "code": "job_lost",
            "hint": "send the request again",
        }
    return msgspec.json.encode(found)
