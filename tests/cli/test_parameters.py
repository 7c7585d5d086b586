"""Values on the command line."""

from datetime import timedelta

import click
import pytest

from certwright.cli.parameters import ADDRESS, DURATION


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("127.0.0.1:0", ("127.0.0.1", 0)),
        ("localhost:6443", ("localhost", 6443)),
        ("[::1]:6443", ("::1", 6443)),
        (":6443", ("0.0.0.0", 6443)),
    ],
)
def test_an_address_is_read(text: str, address: tuple[str, int]) -> None:
    assert ADDRESS.convert(text, None, None) == address


@pytest.mark.parametrize("text", ["", "6443", "::1:6443", "host:", "host:-1", "https://host:1", "a/b:1"])
def test_an_address_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(click.BadParameter, match="is not HOST:PORT"):
        ADDRESS.convert(text, None, None)


def test_a_duration_is_read_as_go_writes_it() -> None:
    assert DURATION.convert("1h30m", None, None) == timedelta(minutes=90)
    assert DURATION.convert("0", None, None) == timedelta()
    assert DURATION.convert("250ms", None, None) == timedelta(milliseconds=250)
