"""The role `certwright controller`: the controllers on any Kubernetes API server, not on our own."""

from __future__ import annotations

import asyncio
import logging
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import msgspec

from certwright import __version__
from certwright.app import gates, metrics
from certwright.app.clock import now
from certwright.app.errors import RunError
from certwright.app.logging import LineFormatter, debugging, set_up
from certwright.app.loop import Stop, run, until
from certwright.app.memory import give_back
from certwright.app.settings import configure
from certwright.controllers.manager import Controllers
from certwright.kube.client import Client
from certwright.kube.cluster import ClusterConfig, ConfigError
from certwright.kube.errors import ApiError, NotFound
from certwright.kube.events import EventRecorder
from certwright.kube.kubeconfig import in_cluster, load_kubeconfig
from certwright.kube.requests import Request
from certwright.kube.transport import HttpTransport

log = logging.getLogger(__name__)

GROUP_PATH = "/apis/cert-manager.io/v1"
NEEDED = ("certificates", "certificaterequests", "issuers", "clusterissuers")
RETRY_SECONDS = 5.0


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """What the command line says; no kubeconfig means the access of the Pod this runs in.

    `settings` are those of `app.settings` by parameter name.
    """

    kubeconfig: Path | None = None
    context: str | None = None
    settings: dict[str, Any] = {}


def main(options: Options) -> int:
    """Run until SIGINT or SIGTERM; returns the exit code. Raises RunError."""
    set_up(logging.DEBUG if debugging() else logging.INFO, LineFormatter(traces=debugging()))
    cluster = _cluster(options)
    return run(lambda stop: _serve(options, cluster, stop))


def _cluster(options: Options) -> ClusterConfig:
    try:
        if options.kubeconfig is None and options.context is None:
            return in_cluster()
        return load_kubeconfig(options.kubeconfig, options.context)
    except ConfigError as error:
        hint = "; --kubeconfig names a file to use instead" if options.kubeconfig is None else ""
        raise RunError(f"{error}{hint}") from error


async def _serve(options: Options, cluster: ClusterConfig, stop: Stop) -> int:
    log.info("certwright %s works on %s", __version__, cluster.server)
    async with AsyncExitStack() as stack:
        try:
            transport = HttpTransport(cluster)
        except ConfigError as error:
            raise RunError(str(error)) from error
        client = Client(transport, f"certwright-controller/{__version__}", now)
        stack.push_async_callback(client.close)
        recorder = EventRecorder(client, now)
        stack.push_async_callback(recorder.close, 0.5)
        controllers = Controllers(client, now, configure(options.settings), recorder)
        for line in gates.warnings(options.settings.get("feature_gates", {})):
            log.warning("%s", line)
        address = options.settings.get("metrics_listen_address")
        if address is not None:
            served = await metrics.serve(metrics.Collector(controllers, client.calls, now), address)
            stack.push_async_callback(served.cleanup)
        await until(stop, wait_for_crds(client))
        if not stop.asked:
            await until(stop, controllers.run(), _lean(controllers))
    log.info("stopped")
    return 0


async def _lean(controllers: Controllers) -> None:
    await controllers.looked_at_all.wait()
    give_back()


async def wait_for_crds(client: Client, seconds: float = RETRY_SECONDS) -> None:
    """Wait until the server serves our kinds; says in the log, once for each cause, what is waited for."""
    said = ""
    while (problem := await _problem(client)) is not None:
        if problem != said:
            log.warning("waiting: %s", problem)
            said = problem
        await asyncio.sleep(seconds)


async def _problem(client: Client) -> str | None:
    install = "install them: certwright crds | kubectl apply -f -"
    try:
        body = await client.send(Request(method="GET", path=GROUP_PATH, verb="discover"))
    except NotFound:
        return f"the CustomResourceDefinitions are not there; {install}"
    except ApiError as error:
        return str(error)
    served = {each["name"] for each in msgspec.json.decode(body).get("resources", ())}
    missing = [name for name in NEEDED if name not in served]
    return f"{', '.join(missing)} are not served; {install}" if missing else None
