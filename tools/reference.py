"""Writes the pages of docs/reference/ that are made from the code; `make docs` runs it."""

from pathlib import Path

from certwright.api import reference as api
from certwright.cli import reference as command_line

PAGES = {"api.md": api.reference, "command-line.md": command_line.reference}

directory = Path(__file__).parent.parent / "docs" / "reference"
for name, make in PAGES.items():
    (directory / name).write_text(make())
