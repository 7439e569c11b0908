"""Figures for Prometheus, in a registry of their own for each app.

Knows: prometheus_client, the notes on a request, the runtime's status. Does not know: HTTP.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator
from itertools import accumulate

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from aigc.runtime.status import RuntimeStatus
from aigc.server.trace import Trace

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_REQUEST_BUCKETS = (0.005, 0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300)
_FIRST_BUCKETS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 4, 8, 15, 30, 60)
_TOKEN_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.02, 0.04, 0.08, 0.15, 0.3, 0.6, 1.2, 5)


class Metrics:
    """All figures of one app.

    Args:
        status: asked for the state of the workers whenever the figures are read.
    """

    def __init__(self, status: Callable[[], RuntimeStatus]) -> None:
        self.registry = CollectorRegistry()
        self.registry.register(_Workers(status))

        def counter(name: str, words: str, *labels: str) -> Counter:
            return Counter(name, words, labels, registry=self.registry)

        def histogram(name: str, words: str, label: str, buckets: tuple[float, ...]) -> Histogram:
            return Histogram(name, words, (label,), buckets=buckets, registry=self.registry)

        self._requests = counter("aigc_requests", "Requests that have ended.", "method", "route", "status")
        self._prompt = counter("aigc_prompt_tokens", "Tokens of prompts.", "model")
        self._cached = counter("aigc_cached_prompt_tokens", "Tokens of prompts that were in a cache.", "model")
        self._completion = counter("aigc_completion_tokens", "Tokens of answers.", "model")
        self._seconds = histogram("aigc_request_seconds", "Time from request to end.", "route", _REQUEST_BUCKETS)
        self._first = histogram("aigc_first_token_seconds", "Time to the first token.", "model", _FIRST_BUCKETS)
        self._gaps = _Gaps()
        self.registry.register(self._gaps)

    def finished(self, trace: Trace, status: int) -> None:
        """Count a request that has ended."""
        method = trace.method if trace.method in _METHODS else "other"
        self._requests.labels(method, trace.route, str(status)).inc()
        self._seconds.labels(trace.route).observe(trace.seconds())
        if trace.model is None:
            return
        self._prompt.labels(trace.model).inc(trace.prompt_tokens)
        self._cached.labels(trace.model).inc(trace.cached_tokens)
        self._completion.labels(trace.model).inc(trace.completion_tokens)
        if trace.first_token_seconds is not None:
            self._first.labels(trace.model).observe(trace.first_token_seconds)

    def between(self, model: str) -> Callable[[float], None]:
        """Where a stream of ``model`` tells the time between its pieces."""
        return self._gaps.observer(model)

    def text(self) -> bytes:
        """Everything in Prometheus' text format."""
        return generate_latest(self.registry)


class _Gaps(Collector):
    """Time between two pieces of an answer. Counted by hand: this runs for every token, and prometheus_client's own
    histogram costs as much as writing the token's JSON.
    """

    def __init__(self) -> None:
        self._counts: dict[str, list[int]] = {}
        self._seconds: dict[str, float] = {}

    def observer(self, model: str) -> Callable[[float], None]:
        """Counts for one model."""
        counts = self._counts.setdefault(model, [0] * (len(_TOKEN_BUCKETS) + 1))
        self._seconds.setdefault(model, 0.0)

        def observe(seconds: float) -> None:
            counts[bisect_left(_TOKEN_BUCKETS, seconds)] += 1
            self._seconds[model] += seconds

        return observe

    def collect(self) -> Iterator[Metric]:
        limits = [*map(str, map(float, _TOKEN_BUCKETS)), "+Inf"]
        words = "Time between two pieces of an answer."
        family = HistogramMetricFamily("aigc_inter_token_seconds", words, labels=("model",))
        for model, counts in self._counts.items():
            family.add_metric((model,), list(zip(limits, accumulate(counts), strict=True)), self._seconds[model])
        yield family


class _Workers(Collector):
    """Reads the runtime's status at the moment of the scrape: no figure can be out of date."""

    def __init__(self, status: Callable[[], RuntimeStatus]) -> None:
        self._status = status

    def describe(self) -> list[Metric]:
        return []  # registering must not ask a runtime that hasn't started

    def collect(self) -> Iterator[Metric]:
        status = self._status()
        for name, words, attribute in (
            ("aigc_running", "Answers that are being computed.", "running"),
            ("aigc_waiting", "Requests that wait for a place.", "waiting"),
            ("aigc_worker_rss_bytes", "Resident memory of a worker.", "rss_bytes"),
            ("aigc_worker_restarts", "How often a worker ended by itself.", "restarts"),
        ):
            family = GaugeMetricFamily(name, words, labels=("model", "engine"))
            for worker in status.workers:
                family.add_metric((worker.model, worker.engine), getattr(worker, attribute))
            yield family
        workers = GaugeMetricFamily("aigc_workers", "Workers by state.", labels=("state",))
        for state in ("loading", "ready", "dead"):
            workers.add_metric((state,), sum(worker.state == state for worker in status.workers))
        yield workers
        yield GaugeMetricFamily("aigc_memory_budget_bytes", "For all models.", value=status.memory_budget_bytes)
        yield GaugeMetricFamily("aigc_memory_reserved_bytes", "Held by models.", value=status.memory_reserved_bytes)
