"""The role `certwright up`: an API server, the controllers and the exporter, wired together in one process.

What each part does is its own business; here is only the order in which they start and end.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Sequence
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec

from certwright import __version__
from certwright.api.certmanager import Certificate
from certwright.api.crds import all_crds
from certwright.api.meta import CERTIFICATES
from certwright.apiserver.wire import AUTHENTICATED, MASTERS, UserInfo
from certwright.app import gates, progress
from certwright.app.apply import apply_all, install_crds
from certwright.app.clock import now
from certwright.app.datadir import default_data_dir
from certwright.app.embedded import Embedded
from certwright.app.errors import RunError
from certwright.app.exporter import Exporter
from certwright.app.inprocess import InProcess
from certwright.app.logging import PlainFormatter, debugging, set_up
from certwright.app.loop import Stop, run, until
from certwright.app.manifests import Manifest, load
from certwright.app.settings import configure
from certwright.controllers.explain import explain
from certwright.controllers.manager import Controllers
from certwright.kube.client import Client
from certwright.kube.errors import ApiError
from certwright.kube.events import EventRecorder
from certwright.plan.world import Policy
from certwright.webhook.writes import Gates

CLUSTER_RESOURCE_NAMESPACE = "cert-manager"
"""Where the Secrets of ClusterIssuers are: what upstream's chart uses, so that manifests fit."""

MOST_LINES = 20
"""How many applied objects are named one by one."""

_USER = UserInfo("certwright", (MASTERS, AUTHENTICATED))


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """What the command line says. `timeout` of zero is for ever; `settings` are those of `app.settings`."""

    paths: Sequence[str] = ()
    data_dir: Path | None = None
    listen: tuple[str, int] = ("127.0.0.1", 7443)
    export: Path | None = None
    once: bool = False
    timeout: timedelta = timedelta(minutes=5)
    settings: dict[str, Any] = {}


class _Parts(msgspec.Struct, frozen=True):
    """What is running."""

    options: Options
    embedded: Embedded
    client: Client
    controllers: Controllers
    exporter: Exporter | None
    policy: Policy
    display: progress.Progress


def main(options: Options) -> int:
    """Run until all is Ready (`--once`), or SIGINT or SIGTERM; returns the exit code. Raises RunError."""
    manifests = load(options.paths)
    display = _display()
    level = logging.DEBUG if debugging() else logging.WARNING
    set_up(level, PlainFormatter(traces=debugging()), display.say if sys.stdout.isatty() else None)
    return run(lambda stop: _up(options, manifests, display, stop))


def _display() -> progress.Progress:
    """The display that fits standard output; what draws tables is only loaded for a terminal."""
    if not sys.stdout.isatty():
        return progress.Lines()
    from certwright.app.table import Table

    return Table()


async def _up(options: Options, manifests: Sequence[Manifest], display: progress.Progress, stop: Stop) -> int:
    for line in gates.warnings(options.settings.get("feature_gates", {})):
        _warn(line)
    config = configure(options.settings, cluster_resource_namespace=CLUSTER_RESOURCE_NAMESPACE)
    async with AsyncExitStack() as stack:
        directory, allowed = options.data_dir or default_data_dir(), _gates(config.policy)
        embedded = await Embedded.open(directory, options.listen, now, allowed)
        stack.push_async_callback(embedded.close)
        client = Client(InProcess(embedded.server, _USER), f"certwright-up/{__version__}", now)
        stack.push_async_callback(client.close)
        exporter = Exporter(client, options.export) if options.export is not None else None
        await until(stop, _prepare(client, manifests, display))
        if stop.asked:
            return _code(options, stop)
        recorder = EventRecorder(client, now)
        stack.push_async_callback(recorder.close, 0.5)
        controllers = Controllers(client, now, config, recorder)
        parts = _Parts(options, embedded, client, controllers, exporter, config.policy, display)
        return await _work(parts, stop)


def _gates(policy: Policy) -> Gates:
    """The gates of the rules for what may be stored: the same as those of the controllers."""
    return Gates(
        literal_certificate_subject=policy.literal_subject,
        name_constraints=policy.name_constraints,
        other_names=policy.other_names,
    )


async def _prepare(client: Client, manifests: Sequence[Manifest], display: progress.Progress) -> None:
    """Make the server hold our kinds and the user's objects. Raises RunError with all that is wrong."""
    await install_crds(client, all_crds(), manifests)
    await apply_all(client, [_namespace(CLUSTER_RESOURCE_NAMESPACE)], _warn)
    applied = await apply_all(client, manifests, _warn)
    told = [done for done in applied if done.action != "unchanged"]
    if len(told) <= MOST_LINES:
        for done in told:
            display.say(f"{done.manifest.title}: {done.action}")
    else:
        display.say(f"{len(told)} of {len(applied)} objects created or changed")
    if len(told) < len(applied):
        display.say(f"{len(applied) - len(told)} of {len(applied)} objects unchanged")


async def _work(parts: _Parts, stop: Stop) -> int:
    beside = [parts.controllers.run(), parts.display.run(parts.controllers)]
    if parts.exporter is not None:
        beside.append(parts.exporter.run())
    if parts.options.once:
        seconds = parts.options.timeout.total_seconds()
        work = _until_ready(parts, seconds or None)
    else:
        work = _announce_for_ever(parts)
    await until(stop, work, *beside)
    if stop.asked:
        parts.display.say("stopped")
    return _code(parts.options, stop)


def _code(options: Options, stop: Stop) -> int:
    """A server that was asked to stop has done its work; `--once` that was interrupted has not."""
    return 128 + stop.signal if options.once and stop.signal is not None else 0


async def _until_ready(parts: _Parts, seconds: float | None) -> None:
    """Wait until every Certificate is Ready and exported. Raises RunError, a line for each that is not."""
    try:
        async with asyncio.timeout(seconds):
            await _all_done(parts)
    except TimeoutError:
        raise RunError(*await _reasons(parts)) from None
    parts.display.settled(_last_words(parts))


async def _announce_for_ever(parts: _Parts) -> None:
    parts.display.say(f"serving {parts.embedded.url}, kubeconfig {parts.embedded.kubeconfig}")
    await _all_done(parts)
    parts.display.settled([*_last_words(parts), "serving until Ctrl-C"])
    await asyncio.Event().wait()


async def _all_done(parts: _Parts) -> None:
    await _all_ready(parts.controllers)
    if parts.exporter is not None:
        await parts.exporter.export_all()


async def _all_ready(controllers: Controllers) -> None:
    await controllers.synced()
    waiting = {each.metadata.uid for each in controllers.certificates.all() if not progress.is_ready(each)}
    done = asyncio.Event()

    def note(old: Certificate | None, new: Certificate | None) -> None:
        for each in (old, new):
            if each is not None:
                waiting.discard(each.metadata.uid)
        if new is not None and not progress.is_ready(new):
            waiting.add(new.metadata.uid)
        if not waiting:
            done.set()

    end = controllers.certificates.subscribe(note)
    try:
        if waiting:
            await done.wait()
    finally:
        end()


async def _reasons(parts: _Parts) -> list[str]:
    reasons: list[str] = []
    for each in parts.controllers.certificates.all():
        if progress.is_ready(each):
            continue
        metadata = each.metadata
        try:
            found = await explain(
                parts.client, CERTIFICATES, metadata.name, metadata.namespace, now(), parts.policy
            )
        except ApiError as error:
            reasons.append(f"Certificate {metadata.namespace}/{metadata.name}: {error}")
        else:
            reasons.append(found.sentence)
    return reasons or ["not everything was exported in time"]


def _last_words(parts: _Parts) -> list[str]:
    count = len(parts.controllers.certificates)
    lines = [f"{count} of {count} certificates are Ready"]
    if parts.exporter is not None:
        lines.append(f"files:      {parts.exporter.root}/NAMESPACE/SECRET/{{tls.crt,tls.key,ca.crt}}")
    return [*lines, f"kubeconfig: {parts.embedded.kubeconfig}"]


def _namespace(name: str) -> Manifest:
    return Manifest(
        source="built in",
        document=1,
        object={"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}},
    )


def _warn(line: str) -> None:
    logging.getLogger(__name__).warning("%s", line)
