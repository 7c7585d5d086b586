"""What Prometheus is told: upstream's certmanager_* series and our own, computed from the caches when asked.

The text is written here because upstream's counters do not end in `_total`: the client library insists on it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from itertools import islice

from aiohttp import web
from prometheus_client import PlatformCollector, ProcessCollector
from prometheus_client.core import Metric

from certwright.api.certmanager import Certificate, Issuer
from certwright.api.conditions import find
from certwright.app.errors import RunError
from certwright.controllers.manager import Controllers
from certwright.kube.client import Calls
from certwright.kube.store import Store

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_PIECE = 500
"""Lines that are written in one turn."""
STATUSES = ("True", "False", "Unknown")

_TIMES: tuple[tuple[str, str, Callable[[Certificate], datetime | None]], ...] = (
    ("not_after", "When the issued certificate ends", lambda each: each.status.not_after),
    ("not_before", "When the issued certificate begins", lambda each: each.status.not_before),
    ("expiration", "When the issued certificate ends", lambda each: each.status.not_after),
    ("renewal", "When the certificate is to be renewed", lambda each: each.status.renewal_time),
)


class Collector:
    """Reads everything that is exported. `clock` gives aware UTC times."""

    def __init__(self, controllers: Controllers, calls: Calls, clock: Callable[[], datetime]) -> None:
        self._controllers = controllers
        self._calls = calls
        self._clock = clock
        self._process = (ProcessCollector(registry=None), PlatformCollector(registry=None))

    def render(self) -> bytes:
        """The whole answer to a scrape, in the Prometheus text format 0.0.4."""
        return b"".join(self.chunks())

    def chunks(self) -> Iterator[bytes]:
        """The answer to a scrape in pieces: with many Certificates it is long, and takes its time."""
        yield "".join(_text(metric) for metric in self.collect()).encode()
        for family in _families(self._controllers.certificates):
            while piece := "".join(islice(family, _PIECE)):
                yield piece.encode()

    def collect(self) -> Iterator[Metric]:
        """Every metric with its samples, but for those of Certificates."""
        yield from self._clocks()
        yield from self._issuers()
        yield from self._syncs()
        yield from self._api_calls()
        for collector in self._process:
            yield from collector.collect()

    def _clocks(self) -> Iterator[Metric]:
        now = self._clock().timestamp()
        for suffix, kind in (("", "counter"), ("_gauge", "gauge")):
            metric = Metric(
                f"certmanager_clock_time_seconds{suffix}", "The clock, in seconds since 1970", kind
            )
            metric.add_sample(metric.name, {}, now)
            yield metric

    def _issuers(self) -> Iterator[Metric]:
        for prefix, store, namespaced in (
            ("issuer", self._controllers.issuers, True),
            ("clusterissuer", self._controllers.cluster_issuers, False),
        ):
            metric = Metric(
                f"certmanager_{prefix}_ready_status", "Whether it is Ready: 1 on its status", "gauge"
            )
            for issuer in store.all():
                labels = {"name": issuer.metadata.name}
                if namespaced:
                    labels["namespace"] = issuer.metadata.namespace
                _add_ready(metric, labels, _ready_status(issuer))
            yield metric

    def _syncs(self) -> Iterator[Metric]:
        calls = Metric("certmanager_controller_sync_call_count", "Keys that were looked at", "counter")
        errors = Metric("certmanager_controller_sync_error_count", "Keys whose sync failed", "counter")
        for engine in self._controllers.engines:
            labels = {"controller": engine.controller.name}
            calls.add_sample(calls.name, labels, engine.counters.syncs)
            errors.add_sample(errors.name, labels, engine.counters.errors)
        yield calls
        yield errors

    def _api_calls(self) -> Iterator[Metric]:
        metric = Metric(
            "certwright_api_calls_total", "Calls to the API server; code 0 is no answer", "counter"
        )
        for (verb, resource, code), count in sorted(self._calls.counts.items()):
            metric.add_sample(metric.name, {"verb": verb, "resource": resource, "code": str(code)}, count)
        yield metric
        conflicts = Metric("certwright_api_conflicts_total", "Writes that met another writer", "counter")
        for resource, count in sorted(self._calls.conflicts.items()):
            conflicts.add_sample(conflicts.name, {"resource": resource}, count)
        yield conflicts


async def serve(collector: Collector, address: tuple[str, int]) -> web.AppRunner:
    """Answer GET /metrics at an address until `cleanup` is called. Raises RunError when it cannot be had."""

    async def scrape(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": CONTENT_TYPE})
        await response.prepare(request)
        for chunk in collector.chunks():
            await response.write(chunk)
            await asyncio.sleep(0)
        return response

    app = web.Application()
    app.router.add_get("/metrics", scrape)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
    await runner.setup()
    try:
        await web.TCPSite(runner, *address).start()
    except OSError as error:
        await runner.cleanup()
        raise RunError(
            f"--metrics-listen-address {address[0]}:{address[1]}: {(error.strerror or str(error))}"
        ) from error
    return runner


def _families(certificates: Store[Certificate]) -> Iterator[Iterator[str]]:
    """The lines of each metric about Certificates, which read the cache as they go."""
    yield _ready_lines(certificates)
    for name, what, time_of in _TIMES:
        yield _time_lines(certificates, f"certmanager_certificate_{name}_timestamp_seconds", what, time_of)


def _ready_lines(certificates: Store[Certificate]) -> Iterator[str]:
    name = "certmanager_certificate_ready_status"
    yield _head(name, "Whether it is Ready: 1 on its status", "gauge")
    for certificate in certificates.each():
        labels, status = _labels(certificate), _ready_status(certificate)
        for each in STATUSES:
            yield _sample(name, {**labels, "condition": each}, float(each == status))


def _time_lines(
    certificates: Store[Certificate], name: str, what: str, time_of: Callable[[Certificate], datetime | None]
) -> Iterator[str]:
    yield _head(name, f"{what}, in seconds since 1970; 0: unknown", "gauge")
    for certificate in certificates.each():
        moment = time_of(certificate)
        yield _sample(name, _labels(certificate), moment.timestamp() if moment else 0)


def _labels(certificate: Certificate) -> dict[str, str]:
    issuer = certificate.spec.issuer_ref
    return {
        "name": certificate.metadata.name,
        "namespace": certificate.metadata.namespace,
        "issuer_name": issuer.name,
        "issuer_kind": issuer.kind,
        "issuer_group": issuer.group,
    }


def _ready_status(obj: Certificate | Issuer) -> str:
    condition = find(obj.status.conditions, "Ready")
    return condition.status if condition is not None else "Unknown"


def _add_ready(metric: Metric, labels: dict[str, str], status: str) -> None:
    for each in STATUSES:
        metric.add_sample(metric.name, {**labels, "condition": each}, float(each == status))


def _text(metric: Metric) -> str:
    # The process collectors name their counters without the suffix that the samples carry.
    name = metric.samples[0].name if metric.type == "counter" and metric.samples else metric.name
    head = _head(name, metric.documentation, metric.type)
    return head + "".join(_sample(sample.name, sample.labels, sample.value) for sample in metric.samples)


def _head(name: str, documentation: str, kind: str) -> str:
    return f"# HELP {name} {_escape(documentation)}\n# TYPE {name} {kind}\n"


def _sample(name: str, labels: Mapping[str, str], value: float) -> str:
    return f"{name}{_label_text(labels.items())} {_number(value)}\n"


def _label_text(labels: Iterable[tuple[str, str]]) -> str:
    pairs = [f'{name}="{_escape(value, quotes=True)}"' for name, value in labels]
    return f"{{{','.join(pairs)}}}" if pairs else ""


def _number(value: float) -> str:
    return str(int(value)) if float(value).is_integer() else repr(float(value))


def _escape(text: str, quotes: bool = False) -> str:
    text = text.replace("\\", "\\\\").replace("\n", "\\n")
    return text.replace('"', '\\"') if quotes else text
