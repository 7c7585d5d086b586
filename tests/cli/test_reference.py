"""The reference page is what the code says."""

from pathlib import Path

from certwright.cli.reference import reference

PAGE = Path(__file__).parent.parent.parent / "docs" / "reference" / "command-line.md"


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text() == reference(), "run `make docs`"
