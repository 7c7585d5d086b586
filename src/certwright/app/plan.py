"""The verb `certwright plan`: asks what manifests would change, and prints the answer. Writes nothing."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from certwright.app import preview_text, rehearsal
from certwright.app.clock import now
from certwright.app.errors import RunError
from certwright.app.loop import Stop, run, until
from certwright.app.manifests import Manifest, load
from certwright.app.why import find_cluster
from certwright.controllers.preview import Settings, foresee
from certwright.kube.client import Client
from certwright.kube.cluster import ClusterConfig, ConfigError
from certwright.kube.errors import ApiError, Unreachable
from certwright.kube.transport import HttpTransport
from certwright.plan.effects import Preview

UNCHANGED, CHANGES = 0, 2
"""Exit codes, as `terraform plan -detailed-exitcode` has them; 1 is for errors."""

FORMAT = "certwright.dev/v1alpha1"


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """What the command line says; an empty namespace means that of the kubeconfig's context."""

    paths: Sequence[str]
    output: str = "text"
    all: bool = False
    namespace: str = ""
    field_manager: str = "certwright"
    cluster_resource_namespace: str = "cert-manager"
    kubeconfig: Path | None = None
    context: str | None = None


def main(options: Options) -> int:
    """Print what applying the manifests would lead to; returns the exit code. Raises RunError."""
    manifests = load(options.paths)
    if not manifests:
        raise RunError("there is no object in these manifests")
    cluster = find_cluster(options.kubeconfig, options.context)
    return run(lambda stop: _plan(options, manifests, cluster, stop))


async def preview_manifests(
    client: Client, manifests: Sequence[Manifest], options: Options, at: datetime
) -> Preview:
    """What applying the manifests at this moment would lead to. Raises RunError and ApiError."""
    names = rehearsal.Options(options.namespace or "default", options.field_manager)
    changes, notes = await rehearsal.rehearse(client, manifests, names, at)
    settings = Settings(cluster_resource_namespace=options.cluster_resource_namespace)
    return await foresee(client, changes, settings, at, notes)


async def _plan(options: Options, manifests: Sequence[Manifest], cluster: ClusterConfig, stop: Stop) -> int:
    options = msgspec.structs.replace(options, namespace=options.namespace or cluster.namespace)
    try:
        client = Client(HttpTransport(cluster), "certwright-plan", now, timeout=10.0, attempts=1)
    except ConfigError as error:
        raise RunError(str(error)) from error
    try:
        found = await until(stop, preview_manifests(client, manifests, options, now()))
    except Unreachable as error:
        hint = "start it with `certwright up`, or name another cluster with --kubeconfig"
        raise RunError(f"{error.message} (is it running? {hint})") from error
    except ApiError as error:
        raise RunError(str(error)) from error
    finally:
        await client.close()
    if found is None:
        return 130
    sys.stdout.write(rendered(found, options))
    return CHANGES if found.changes else UNCHANGED


def rendered(preview: Preview, options: Options) -> str:
    """The preview as text, JSON or YAML."""
    if options.output == "text":
        colour = sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
        return preview_text.text(preview, show_all=options.all, colour=colour)
    value = document(preview, show_all=options.all)
    if options.output == "json":
        return msgspec.json.format(msgspec.json.encode(value)).decode() + "\n"
    import yaml

    return yaml.safe_dump(value, sort_keys=False, allow_unicode=True)


def document(preview: Preview, *, show_all: bool) -> dict[str, Any]:
    """The preview as plain values, in the form that is documented."""
    value: dict[str, Any] = msgspec.to_builtins(preview)
    if not show_all:
        value["certificates"] = [each for each in value["certificates"] if each["action"] != "none"]
    counts = {("unchanged" if action == "none" else action): n for action, n in preview.counts().items()}
    return {"apiVersion": FORMAT, "kind": "Preview", "changes": preview.changes, "summary": counts} | value
