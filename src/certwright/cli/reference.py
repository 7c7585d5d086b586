"""The page docs/reference/command-line.md, made from the commands themselves; not the help texts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from certwright.app.gates import GATES
from certwright.app.settings import ACTIVE, IDLE
from certwright.cli.program import program

_INTRODUCTION = """# The command line

Made from the code by `make docs`; do not edit.

Exit codes: 0 done, 1 failed, 2 called wrongly, 128 plus the number of the signal that ended it. Errors go to
standard error, one line each, and begin with `certwright: error: `. `certwright plan` has codes of its own.
"""

_WIDTH: Mapping[str, Any] = {"terminal_width": 100, "max_content_width": 100}


def reference() -> str:
    """Write the whole page."""
    context = click.Context(program, info_name="certwright", **_WIDTH, **program.context_settings)
    blocks = [_INTRODUCTION, _block("certwright", program.get_help(context))]
    for name in program.list_commands(context):
        command = program.get_command(context, name)
        if command is not None:
            blocks.append(_block(f"certwright {name}", _help(command, context, name)))
    return "\n".join([*blocks, _controllers(), _gates()])


def _help(command: click.Command, parent: click.Context, name: str) -> str:
    return command.get_help(click.Context(command, info_name=name, parent=parent, **_WIDTH))


def _block(title: str, text: str) -> str:
    return f"## {title}\n\n```\n{text.rstrip()}\n```\n"


def _gates() -> str:
    """What `--feature-gates` knows."""
    lines = ["| gate | stage | default | |", "|---|---|---|---|"]
    lines += [f"| `{g.name}` | {g.stage} | {str(g.default).lower()} | {g.about} |" for g in GATES]
    lines.append("| `AllAlpha`, `AllBeta` | | | Every gate of that stage that is not named itself. |")
    note = "A gate that is GA is always on; setting it is accepted, and changes nothing."
    return f"## Feature gates\n\n{note}\n\n" + "\n".join(lines) + "\n"


def _controllers() -> str:
    """What `--controllers` knows."""
    active = "\n".join(f"| `{name}` | {about} |" for name, about in ACTIVE.items())
    idle = ", ".join(f"`{name}`" for name in IDLE)
    return (
        "## Controllers\n\n"
        "Names for `--controllers`, and what does not happen when one is switched off.\n\n"
        f"| name | off |\n|---|---|\n{active}\n\n"
        f"Accepted as well, without effect: {idle}.\n"
    )
