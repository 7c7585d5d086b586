"""The verb `certwright why`: asks `controllers.explain` about one object and prints the answer."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from certwright.api.meta import Resource
from certwright.app.clock import now
from certwright.app.datadir import KUBECONFIG, default_data_dir
from certwright.app.errors import RunError
from certwright.app.loop import Stop, run, until
from certwright.controllers.explain import RESOURCES_BY_NAME, Explanation, explain
from certwright.kube.client import Client
from certwright.kube.cluster import ClusterConfig, ConfigError
from certwright.kube.errors import ApiError
from certwright.kube.kubeconfig import find_config, load_kubeconfig
from certwright.kube.transport import HttpTransport


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """What the command line says; an empty namespace means that of the kubeconfig's context."""

    target: str
    namespace: str = ""
    kubeconfig: Path | None = None
    context: str | None = None


def main(options: Options) -> int:
    """Print why one object is as it is; returns the exit code. Raises RunError."""
    resource, name = parse_target(options.target)
    cluster = find_cluster(options.kubeconfig, options.context)
    return run(lambda stop: _explain(cluster, resource, name, options.namespace or cluster.namespace, stop))


def parse_target(text: str) -> tuple[Resource, str]:
    """Read KIND/NAME. Raises RunError."""
    kind, _, name = text.partition("/")
    word = kind.lower().removesuffix(".cert-manager.io")
    if not name or "/" in name:
        raise RunError(f"{text!r} is not KIND/NAME, such as certificate/web", exit_code=2)
    if word not in RESOURCES_BY_NAME:
        kinds = "certificate, certificaterequest, issuer, clusterissuer"
        raise RunError(f"there is no why for {kind!r}; the kinds are: {kinds}", exit_code=2)
    return RESOURCES_BY_NAME[word], name


def find_cluster(kubeconfig: Path | None, context: str | None) -> ClusterConfig:
    """The cluster meant: as kubectl finds it, else the `certwright up` of this user. Raises RunError."""
    ours = default_data_dir() / KUBECONFIG
    usual = Path(os.environ.get("HOME") or Path.home(), ".kube", "config")
    given = kubeconfig or context or os.environ.get("KUBECONFIG") or os.environ.get("KUBERNETES_SERVICE_HOST")
    try:
        if not given and not usual.exists() and ours.exists():
            return load_kubeconfig(ours)
        return find_config(kubeconfig, context)
    except ConfigError as error:
        hint = "" if given else "; start `certwright up`, or name a cluster with --kubeconfig"
        raise RunError(f"{error}{hint}") from error


async def _explain(cluster: ClusterConfig, resource: Resource, name: str, namespace: str, stop: Stop) -> int:
    try:
        client = Client(HttpTransport(cluster), "certwright-why", now, timeout=10.0, attempts=1)
    except ConfigError as error:
        raise RunError(str(error)) from error
    try:
        done = await until(stop, explain(client, resource, name, namespace, now()))
    except ApiError as error:
        raise RunError(str(error)) from error
    finally:
        await client.close()
    if done is None:
        return 130
    for line in lines(done):
        print(line)  # noqa: T201 - the answer
    return 0


def lines(explanation: Explanation) -> list[str]:
    """The sentence, and one line for each check."""
    text = [explanation.sentence]
    for check in explanation.checks:
        mark = "ok " if check.passed else "-> "
        text.append(f"  {mark} {check.name}" + (f": {check.detail}" if check.detail else ""))
    return text
