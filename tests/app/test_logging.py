"""Log lines: one for each record, readable by people and by logfmt parsers."""

import logging

from certwright.app.logging import LineFormatter, PlainFormatter, quote


def record(message: str, *arguments: object, error: Exception | None = None) -> logging.LogRecord:
    information = (type(error), error, error.__traceback__) if error is not None else None
    made = logging.LogRecord(
        "certwright.kube.watcher", logging.WARNING, "watcher.py", 7, message, arguments, information
    )
    made.created = 1795239045.25
    return made


def failure() -> Exception:
    try:
        raise ValueError("two\nlines")
    except ValueError as error:
        return error


def test_a_record_is_one_line_of_pairs() -> None:
    line = LineFormatter().format(record('watch of %s: "gone"', "secrets"))
    assert line == (
        'time=2026-11-21T05:30:45.250Z level=warn logger=kube.watcher msg="watch of secrets: \\"gone\\""'
    )


def test_an_exception_stays_on_the_line_and_names_its_place() -> None:
    line = LineFormatter().format(record("failed", error=failure()))
    assert line.endswith('msg=failed error="ValueError: two\\nlines" at=test_logging.py:' + line[-2:])
    assert "\n" not in line
    assert "\n" not in PlainFormatter().format(record("failed", error=failure()))


def test_traces_are_shown_when_they_are_asked_for() -> None:
    assert "Traceback" in LineFormatter(traces=True).format(record("failed", error=failure()))
    assert "Traceback" in PlainFormatter(traces=True).format(record("failed", error=failure()))


def test_on_a_terminal_a_record_is_a_plain_sentence() -> None:
    assert PlainFormatter().format(record("the disk\nis full")) == "warning: the disk is full"


def test_values_are_quoted_only_where_needed() -> None:
    assert quote("shop/web") == "shop/web"
    assert quote("") == '""'
    assert quote("a=b") == '"a=b"'
    assert quote("bell\x07") == '"bell\\u0007"'
