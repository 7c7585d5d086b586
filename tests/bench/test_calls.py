import json
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from aiohttp import web

from bench.calls import AuditCalls, ClientCalls, Counts, MetricsCalls, quiet
from certwright.kube.client import Calls


def entry(verb: str, resource: str, code: int, *, agent: str = "certwright-controller/1", **more: Any) -> str:
    ref = {"resource": resource.partition("/")[0], "subresource": resource.partition("/")[2]}
    body = {"stage": "ResponseComplete", "verb": verb, "userAgent": agent, "objectRef": ref}
    return json.dumps(body | {"responseStatus": {"code": code}} | more) + "\n"


def write(path: Path, entries: Iterable[str]) -> None:
    with path.open("a") as log:
        log.writelines(entries)


async def test_an_audit_log_is_counted_from_where_it_was(tmp_path: Path) -> None:
    path = tmp_path / "audit.log"
    write(path, [entry("create", "events", 201)])
    calls = AuditCalls(path, "^certwright-")
    write(path, [entry("patch", "certificates/status", 200)] * 2 + [entry("get", "secrets", 404)])
    assert await calls.read() == {("patch", "certificates/status", 200): 2, ("get", "secrets", 404): 1}
    write(path, [entry("get", "secrets", 404)])
    assert (await calls.read())["get", "secrets", 404] == 2


async def test_calls_of_others_watches_leases_and_unfinished_lines_are_left_out(tmp_path: Path) -> None:
    path = tmp_path / "audit.log"
    path.touch()
    calls = AuditCalls(path, "^certwright-")
    others = [
        entry("create", "events", 201, agent="kubectl/1"),
        entry("watch", "secrets", 200),
        entry("update", "leases", 200),
        entry("create", "events", 201, stage="ResponseStarted"),
        json.dumps({"stage": "ResponseComplete", "verb": "get", "userAgent": "certwright-x"}) + "\n",
    ]
    write(path, [*others, entry("create", "events", 201)[:-20]])
    assert await calls.read() == {}


async def test_what_a_client_counted_is_taken_over_without_watches() -> None:
    counted = Calls()
    counted.counts["watch", "secrets", 200] += 1
    counted.counts["create", "events", 201] += 5
    assert await ClientCalls(counted).read() == {("create", "events", 201): 5}


async def test_the_metrics_of_a_controller_are_read(unused_tcp_port: int) -> None:
    from certwright.app.metrics import Collector
    from certwright.controllers.manager import ControllerConfig, Controllers
    from certwright.kube.client import Client
    from certwright.kube.events import EventRecorder

    client = Client(transport=None)  # type: ignore[arg-type] # nothing is sent
    controllers = Controllers(client, lambda: datetime.now(UTC), ControllerConfig(), EventRecorder(client))
    client.calls.counts["patch", "certificates/status", 200] += 7
    collector = Collector(controllers, client.calls, lambda: datetime.now(UTC))

    async def scrape(_: web.Request) -> web.Response:
        return web.Response(body=collector.render())

    app = web.Application()
    app.router.add_get("/metrics", scrape)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", unused_tcp_port).start()
    try:
        found = await MetricsCalls(f"http://127.0.0.1:{unused_tcp_port}/metrics").read()
    finally:
        await runner.cleanup()
    assert found == {("patch", "certificates/status", 200): 7}


async def test_quiet_is_when_the_counts_no_longer_change() -> None:
    class Source:
        reads = 0

        async def read(self) -> Counts:
            self.reads += 1
            return Counts({("create", "events", 201): min(self.reads, 4)})

    source = Source()
    counts, _ = await quiet(source, calm=0.01)
    assert counts == {("create", "events", 201): 4}
    assert source.reads > 4
