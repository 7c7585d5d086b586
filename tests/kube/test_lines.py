import pytest
from hypothesis import given
from hypothesis import strategies as st

from certwright.kube.lines import LineSplitter, LineTooLong


@given(st.lists(st.binary(min_size=1).filter(lambda b: b"\n" not in b and not b.isspace())), st.data())
def test_lines_do_not_depend_on_where_chunks_end(lines: list[bytes], data: st.DataObject) -> None:
    stream = b"".join(line + b"\n" for line in lines)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)))))
    splitter = LineSplitter()
    found: list[bytes] = []
    for begin, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        found += splitter.feed(stream[begin:end])
    assert found == lines
    assert splitter.pending == 0


def test_an_incomplete_line_is_not_given_out() -> None:
    splitter = LineSplitter()
    assert splitter.feed(b'{"a":1}\n{"b"') == [b'{"a":1}']
    assert splitter.pending == 4


def test_keep_alive_newlines_are_dropped() -> None:
    assert LineSplitter().feed(b"\n\r\n{}\n\n") == [b"{}"]


def test_a_line_without_end_is_refused() -> None:
    splitter = LineSplitter(limit=10)
    splitter.feed(b"x" * 9)
    with pytest.raises(LineTooLong):
        splitter.feed(b"xx")
