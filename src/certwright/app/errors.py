"""The failures of a run that the user can do something about; not bugs, and not calls with wrong flags."""

from __future__ import annotations


class RunError(Exception):
    """A run failed. `lines` are for the user: each names what, where, and the next step."""

    def __init__(self, *lines: str, exit_code: int = 1) -> None:
        super().__init__("; ".join(lines))
        self.lines = tuple(" ".join(line.split()) for line in lines)
        self.exit_code = exit_code
