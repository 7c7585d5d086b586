"""Prints what was measured, for people and for programs; measures nothing."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def print_all(scenarios: Mapping[str, Mapping[str, Any]]) -> None:
    """Print the figures of some scenarios."""
    for title, figures in scenarios.items():
        print(f"\n{title}")
        for line in lines(figures):
            print(f"  {line}")


def lines(figures: Mapping[str, Any]) -> list[str]:
    """The figures of one scenario: plain ones first, then tables."""
    found = [f"{name:24} {value}" for name, value in figures.items() if not isinstance(value, Mapping)]
    for name, value in figures.items():
        if isinstance(value, Mapping) and value:
            found.append(f"{name}:")
            found += [f"  {row:36} {_row(columns)}" for row, columns in value.items()]
    return found


def write_json(path: Path | None, figures: Mapping[str, Any]) -> None:
    """Write the figures where somebody asked for them."""
    if path is not None:
        path.write_text(json.dumps(figures, indent=2) + "\n")


def _row(columns: Any) -> str:
    if isinstance(columns, Mapping):
        return "  ".join(f"{name} {value}" for name, value in columns.items())
    return str(columns)
