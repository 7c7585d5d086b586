import re
from pathlib import Path

from certwright.api.reference import reference

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "api.md"


def test_the_committed_page_is_current() -> None:
    assert PAGE.read_text(encoding="utf-8") == reference(), (
        "write it anew: python -m certwright.api.reference docs/reference/api.md"
    )


def test_every_link_leads_to_a_heading_that_is_there_once() -> None:
    page = reference()
    headings = [text.lower() for text in re.findall(r"^##+ (.*)$", page, re.MULTILINE)]
    assert sorted(headings) == sorted(set(headings))
    assert set(re.findall(r"\]\(#(.*?)\)", page)) == set(headings)


def test_every_row_has_four_cells() -> None:
    rows = [line for line in reference().splitlines() if line.startswith("| ")]
    assert {len(re.split(r"(?<!\\)\|", row)) for row in rows} == {6}
