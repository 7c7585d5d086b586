"""The live table of `certwright up` on a terminal. What is in it comes from `app.progress`."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import aclosing

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table as Grid
from rich.text import Text

from certwright.app.progress import Row, changes, rows
from certwright.controllers.manager import Controllers

REFRESH_SECONDS = 0.1


class Table:
    """A table at the bottom of a terminal, redrawn as things change; other lines scroll above it."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console()
        self._live = Live(console=self._console, auto_refresh=False, vertical_overflow="crop")
        self._footer: list[str] = []
        self._rows: list[Row] = []

    def say(self, line: str) -> None:
        """Write a line above the table."""
        self._console.print(line, markup=False, highlight=False, soft_wrap=True)

    def settled(self, lines: Sequence[str]) -> None:
        """Show below the table what there is to know when everything is Ready."""
        self._footer = list(lines)
        self._draw()

    async def run(self, controllers: Controllers) -> None:
        """Redraw with every change, until cancelled; the last state stays on the screen."""
        with self._live:
            try:
                async with aclosing(changes(controllers)) as batches:
                    async for _ in batches:
                        self._rows = rows(controllers)
                        self._draw()
                        await asyncio.sleep(REFRESH_SECONDS)
            finally:
                self._rows = rows(controllers)
                self._draw()

    def _draw(self) -> None:
        self._live.update(self._render(), refresh=True)

    def _render(self) -> RenderableType:
        room = max(5, self._console.height - len(self._footer) - 4)
        table = Grid(box=None, pad_edge=False, header_style="bold")
        for heading in ("OBJECT", "READY", "DETAIL"):
            table.add_column(heading, no_wrap=True, overflow="ellipsis")
        shown = self._rows if len(self._rows) <= room else _most_interesting(self._rows, room - 1)
        for row in shown:
            mark = Text("yes", style="green") if row.ready else Text("not yet", style="yellow")
            table.add_row(Text(row.title), mark, Text(row.detail))
        parts: list[RenderableType] = [table]
        if len(shown) < len(self._rows):
            hidden = len(self._rows) - len(shown)
            ready = sum(row.ready for row in self._rows)
            parts.append(Text(f"and {hidden} more; {ready} of {len(self._rows)} ready", style="dim"))
        parts += [Text(line) for line in self._footer]
        return Group(*parts)


def _most_interesting(all_rows: list[Row], room: int) -> list[Row]:
    return sorted(all_rows, key=lambda row: row.ready)[:room]
