"""`certwright plan`: prints what manifests would lead to, before they are applied; decides nothing itself."""

from __future__ import annotations

from pathlib import Path

import click

from certwright.cli.parameters import client_options


class WrongCall(click.UsageError):
    """A wrong call of this verb."""

    exit_code = 1


class DetailedExit(click.Command):
    """A command that is called wrongly with exit code 1, since 2 is an answer of its own."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the arguments. Raises click.UsageError."""
        try:
            return super().parse_args(ctx, args)
        except click.UsageError as error:
            raise WrongCall(error.format_message(), ctx) from error


@click.command(cls=DetailedExit)
@click.option(
    "-f",
    "--filename",
    "paths",
    metavar="PATH",
    multiple=True,
    required=True,
    help="The manifests: a file, a directory (recursively), or - for standard input. Repeatable.",
)
@click.option(
    "-o", "--output", type=click.Choice(["text", "json", "yaml"]), default="text", show_default=True
)
@click.option("--all", "show_all", is_flag=True, help="Show the Certificates that stay as they are, too.")
@click.option(
    "-n",
    "--namespace",
    metavar="NS",
    default="",
    help="Of objects that name none. [default: that of the kubeconfig's context]",
)
@click.option(
    "--field-manager",
    metavar="NAME",
    default="certwright",
    show_default=True,
    help="In whose name it would be applied; kubectl apply --server-side is `kubectl`.",
)
@click.option(
    "--cluster-resource-namespace",
    metavar="NS",
    default="cert-manager",
    show_default=True,
    help="Where the Secrets of ClusterIssuers are.",
)
@client_options
def plan(
    paths: tuple[str, ...],
    output: str,
    show_all: bool,
    namespace: str,
    field_manager: str,
    cluster_resource_namespace: str,
    kubeconfig: Path | None,
    context: str | None,
) -> int:
    """Say what manifests would change, and apply nothing.

    Which Certificates would be issued again and why, which Secrets written, what deleted.

    Exit codes: 0 nothing would change, 2 something would, 1 an error (a wrong call, too).
    """
    from certwright.app.plan import Options, main

    return main(
        Options(
            paths=paths,
            output=output,
            all=show_all,
            namespace=namespace,
            field_manager=field_manager,
            cluster_resource_namespace=cluster_resource_namespace,
            kubeconfig=kubeconfig,
            context=context,
        )
    )
