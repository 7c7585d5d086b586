"""`certwright controller`: the flags of the controllers on any Kubernetes API. `app.controller` does it."""

from __future__ import annotations

from pathlib import Path

import click

from certwright.cli.parameters import ADDRESS


def _metrics_address(ctx: click.Context, param: click.Parameter, value: str) -> tuple[str, int] | None:
    return None if value in ("", "0") else ADDRESS.convert(value, param, ctx)


@click.command()
@click.option(
    "--kubeconfig",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Default: the Pod's own access, in a cluster.",
)
@click.option(
    "--context", metavar="NAME", help="The context of the kubeconfig to use. [default: its current one]"
)
@click.option(
    "--namespace", metavar="NS", default="", help="Serve this namespace only, and no ClusterIssuers."
)
@click.option(
    "--cluster-resource-namespace",
    metavar="NS",
    default="kube-system",
    show_default=True,
    help="Where the Secrets of ClusterIssuers are.",
)
@click.option(
    "--metrics-listen-address",
    metavar="HOST:PORT",
    default="0.0.0.0:9402",
    show_default=True,
    callback=_metrics_address,
    help="Where /metrics is served; 0 turns it off.",
)
def controller(
    kubeconfig: Path | None,
    context: str | None,
    namespace: str,
    cluster_resource_namespace: str,
    metrics_listen_address: tuple[str, int] | None,
) -> int:
    """Issue certificates on a Kubernetes API server.

    The CustomResourceDefinitions must be there (certwright crds | kubectl apply -f -)."""
    from certwright.app.controller import Options, main

    return main(
        Options(
            kubeconfig=kubeconfig,
            context=context,
            namespace=namespace,
            cluster_resource_namespace=cluster_resource_namespace,
            metrics=metrics_listen_address,
        )
    )
