"""The `certwright` command: finds the verb, runs it, turns every failure into one line; it does no work."""

from __future__ import annotations

import importlib
import os
import sys
import traceback
from collections.abc import Sequence
from typing import NoReturn

import click

from certwright.app.errors import RunError

VERBS = ("up", "controller", "crds", "plan", "why", "version")
"""In the order of `--help`; the module of each, and its command, carry the same name."""


class LazyGroup(click.Group):
    """A group that imports the module of a verb when the verb, or the list of verbs, is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The verbs, in the order a new user meets them."""
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of one verb, None when there is no such verb."""
        if cmd_name not in VERBS:
            return None
        command = getattr(importlib.import_module(f"certwright.cli.{cmd_name}"), cmd_name)
        assert isinstance(command, click.Command)  # noqa: S101 - says it to the type checker
        return command


@click.command(
    cls=LazyGroup, invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]}
)
@click.option("--debug", is_flag=True, help="Show Python traces of errors, and log more.")
@click.pass_context
def program(ctx: click.Context, debug: bool) -> None:
    """X.509 certificates as declarative resources: the cert-manager.io API, on Kubernetes and without it."""
    if debug:
        os.environ["CERTWRIGHT_DEBUG"] = "1"
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and exit: 0 done, 1 failed, 2 called wrongly, 128+n ended by signal n.

    `plan` has 2 for an answer of its own, and 1 for wrong calls.
    """
    sys.exit(run(sys.argv[1:] if arguments is None else arguments))


def run(arguments: Sequence[str]) -> int:
    """Run the command line and return the exit code. Errors go to standard error, one line each."""
    try:
        result = program.main(args=list(arguments), prog_name="certwright", standalone_mode=False)
    except click.ClickException as error:
        return _say([_usage_line(error)], error.exit_code)
    except RunError as error:
        if debugging():
            traceback.print_exc()
        return _say(error.lines, error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        return 130
    except BrokenPipeError:
        _discard_output()
        return 1
    except Exception as error:  # noqa: BLE001 - the last resort: a bug must not end in a page of trace
        if debugging():
            traceback.print_exc()
        return _say(
            [f"internal error: {type(error).__name__}: {_one_line(error)} (--debug shows the trace)"], 1
        )
    return result if isinstance(result, int) else 0


def debugging() -> bool:
    """Whether `--debug` was given, or CERTWRIGHT_DEBUG is set."""
    return bool(os.environ.get("CERTWRIGHT_DEBUG"))


def _say(lines: Sequence[str], code: int) -> int:
    for line in lines:
        click.echo(f"certwright: error: {line}", err=True)
    return code


def _usage_line(error: click.ClickException) -> str:
    message = error.format_message().rstrip(".")
    context = getattr(error, "ctx", None)
    path = context.command_path if context is not None else "certwright"
    return f"{_one_line(message)} (see: {path} --help)"


def _one_line(value: object) -> str:
    return " ".join(str(value).split())


def _discard_output() -> None:
    # The reader went away (`certwright crds | head -1`); do not complain again at the last flush.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
