"""How log records become lines: one each, as key=value pairs, to standard error; not what is logged."""

from __future__ import annotations

import logging
import os
import sys
import traceback
from collections.abc import Callable
from datetime import UTC, datetime

_LEVELS = {"WARNING": "warn", "CRITICAL": "error"}


class LineFormatter(logging.Formatter):
    """`time=... level=info logger=kube.watcher msg="..."`; a trace is only shown with `traces`."""

    def __init__(self, traces: bool = False) -> None:
        super().__init__()
        self._traces = traces

    def format(self, record: logging.LogRecord) -> str:
        """One line; several only for a trace."""
        when = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        parts = [
            f"time={when.replace('+00:00', 'Z')}",
            f"level={_LEVELS.get(record.levelname, record.levelname.lower())}",
            f"logger={record.name.removeprefix('certwright.')}",
            f"msg={quote(record.getMessage())}",
        ]
        error = record.exc_info[1] if record.exc_info else None
        if error is not None:
            parts += [f"error={quote(f'{type(error).__name__}: {error}')}", f"at={place_of(error)}"]
        line = " ".join(parts)
        if error is not None and self._traces:
            line += "\n" + "".join(traceback.format_exception(error)).rstrip()
        return line


class PlainFormatter(logging.Formatter):
    """`warning: ...`, for people who look at a terminal; a trace is only shown with `traces`."""

    def __init__(self, traces: bool = False) -> None:
        super().__init__()
        self._traces = traces

    def format(self, record: logging.LogRecord) -> str:
        """One line; several only for a trace."""
        line = f"{record.levelname.lower()}: {' '.join(record.getMessage().split())}"
        error = record.exc_info[1] if record.exc_info else None
        if error is not None:
            line += f": {type(error).__name__}: {' '.join(str(error).split())} ({place_of(error)})"
            if self._traces:
                line += "\n" + "".join(traceback.format_exception(error)).rstrip()
        return line


class _Lines(logging.Handler):
    def __init__(self, write: Callable[[str], None]) -> None:
        super().__init__()
        self._write = write

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._write(self.format(record))
        except Exception:  # noqa: BLE001 - what logging itself does
            self.handleError(record)


def set_up(level: int, formatter: logging.Formatter, write: Callable[[str], None] | None = None) -> None:
    """Send everything from `level` up through `formatter` to `write`, by default standard error."""
    handler = _Lines(write or _to_standard_error)
    handler.setFormatter(formatter)
    logging.basicConfig(level=level, handlers=[handler], force=True)
    logging.getLogger("asyncio").setLevel(max(level, logging.WARNING))
    logging.getLogger("aiohttp.access").setLevel(max(level, logging.WARNING))
    logging.captureWarnings(True)


def _to_standard_error(line: str) -> None:
    print(line, file=sys.stderr, flush=True)  # noqa: T201 - the one place where records go out


def debugging() -> bool:
    """Whether traces and debug records are wanted: `--debug`, or CERTWRIGHT_DEBUG in the environment."""
    return bool(os.environ.get("CERTWRIGHT_DEBUG"))


def quote(text: str) -> str:
    """A value as logfmt has it: as it is, or in quotes when it holds spaces, quotes or an equals sign."""
    if text and text.isprintable() and not set(text) & set(' "=\\'):
        return text
    return '"' + "".join(_escape(character) for character in text) + '"'


def place_of(error: BaseException) -> str:
    """File and line where an exception was raised, `unknown` without a trace."""
    frames = traceback.extract_tb(error.__traceback__)
    return f"{frames[-1].filename.rpartition('/')[2]}:{frames[-1].lineno}" if frames else "unknown"


def _escape(character: str) -> str:
    if character in '"\\':
        return f"\\{character}"
    if character == "\n":
        return "\\n"
    return character if character.isprintable() else f"\\u{ord(character):04x}"
