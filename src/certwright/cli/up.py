"""`certwright up`: the flags of the embedded server and controllers; the work is in `app.up`."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import click

from certwright.app.settings import UP
from certwright.cli.parameters import ADDRESS, DURATION, settings_options


@click.command()
@click.option(
    "-f",
    "--filename",
    "paths",
    metavar="PATH",
    multiple=True,
    help="Apply these manifests: a file, a directory (recursively), or - for standard input. Repeatable.",
)
@click.option(
    "--data-dir",
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="Where state and kubeconfig live. [default: certwright in $XDG_DATA_HOME or ~/.local/share]",
)
@click.option(
    "--listen",
    type=ADDRESS,
    metavar="HOST:PORT",
    default="127.0.0.1:7443",
    show_default=True,
    help="Where the API is served; port 0 picks a free one.",
)
@click.option(
    "--export",
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="Write each TLS Secret as DIR/NAMESPACE/SECRET/{tls.crt,tls.key,ca.crt}.",
)
@click.option("--once", is_flag=True, help="Exit when every Certificate is Ready, instead of serving on.")
@click.option(
    "--timeout",
    type=DURATION,
    metavar="DURATION",
    default="5m",
    show_default=True,
    help="How long --once waits; 0 is for ever.",
)
@settings_options(UP)
def up(
    paths: tuple[str, ...],
    data_dir: Path | None,
    listen: tuple[str, int],
    export: Path | None,
    once: bool,
    timeout: timedelta,
    **settings: Any,
) -> int:
    """Serve the API and issue certificates, all in this one process."""
    from certwright.app.up import Options, main

    return main(
        Options(
            paths=paths,
            data_dir=data_dir,
            listen=listen,
            export=export,
            once=once,
            timeout=timeout,
            settings=settings,
        )
    )
