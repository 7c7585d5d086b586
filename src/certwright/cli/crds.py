"""`certwright crds`: prints the CustomResourceDefinitions, for `kubectl apply -f -`; installs nothing."""

from __future__ import annotations

import click


@click.command()
def crds() -> None:
    """Print the CustomResourceDefinitions as YAML."""
    from certwright.api.crds import crds_yaml

    click.echo(crds_yaml(), nl=False)
