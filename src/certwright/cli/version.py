"""`certwright version`: what is installed, not what a server runs."""

from __future__ import annotations

import platform

import click

from certwright import __version__


@click.command()
def version() -> None:
    """Print the versions of certwright and Python."""
    machine = f"{platform.system().lower()}/{platform.machine()}"
    click.echo(f"certwright {__version__} (Python {platform.python_version()}, {machine})")
