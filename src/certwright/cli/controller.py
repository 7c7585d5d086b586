"""`certwright controller`: the flags of the controllers on any Kubernetes API. `app.controller` does it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from certwright.app.settings import CONTROLLER
from certwright.cli.parameters import settings_options


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
@settings_options(CONTROLLER)
def controller(kubeconfig: Path | None, context: str | None, **settings: Any) -> int:
    """Issue certificates on a Kubernetes API server.

    The CustomResourceDefinitions must be there (certwright crds | kubectl apply -f -)."""
    from certwright.app.controller import Options, main

    return main(Options(kubeconfig=kubeconfig, context=context, settings=settings))
