"""`certwright why`: prints what keeps an object from being ready; decides nothing itself."""

from __future__ import annotations

from pathlib import Path

import click

from certwright.cli.parameters import client_options


@click.command()
@click.argument("object", metavar="KIND/NAME")
@click.option(
    "-n", "--namespace", metavar="NS", default="", help="[default: that of the kubeconfig's context]"
)
@client_options
def why(object: str, namespace: str, kubeconfig: Path | None, context: str | None) -> int:  # noqa: A002
    """Say in one sentence why an object is as it is.

    Below it are the checks that led there.

    KIND is certificate, certificaterequest, issuer or clusterissuer: certwright why certificate/web -n shop
    """
    from certwright.app.why import Options, main

    return main(Options(target=object, namespace=namespace, kubeconfig=kubeconfig, context=context))
