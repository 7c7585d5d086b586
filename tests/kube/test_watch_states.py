import pytest
from hypothesis import given
from hypothesis import strategies as st

from certwright.kube.errors import ApiError, Gone, Invalid, ServerUnavailable, TooManyRequests, Unreachable
from certwright.kube.watch_states import (
    Ended,
    Failed,
    Happening,
    ListComplete,
    Outcome,
    Page,
    Phase,
    Quiet,
    Seen,
    State,
    delay_after,
    start,
    step,
)

GONE = Failed(Gone(410, "Expired", "too old"))
REFUSED = Failed(Invalid(422, "Invalid", "sendInitialEvents is forbidden"))
BROKEN = Failed(Unreachable(message="cut"))
BUSY = Failed(TooManyRequests(429, "TooManyRequests", "later", None, 7.0))
INTERNAL = Failed(ServerUnavailable(500, "InternalError", "oops"))

STREAM = start()
LIST = start(can_stream=False)
WATCH = State(phase=Phase.WATCH, resource_version="5")
PAGE_TWO = State(phase=Phase.LIST, token="t", can_stream=False)


@pytest.mark.parametrize(
    ("state", "happening", "phase", "outcome", "at_once"),
    [
        (STREAM, ListComplete("9"), Phase.WATCH, Outcome.COMPLETE, True),
        (STREAM, Seen("8"), Phase.STREAM, Outcome.NONE, True),
        (STREAM, REFUSED, Phase.LIST, Outcome.DISCARD, True),
        (STREAM, Quiet(), Phase.LIST, Outcome.DISCARD, True),
        (STREAM, BROKEN, Phase.STREAM, Outcome.DISCARD, False),
        (STREAM, Ended(9, 3), Phase.STREAM, Outcome.DISCARD, False),
        (LIST, Page("9", "t"), Phase.LIST, Outcome.NONE, True),
        (LIST, Page("9"), Phase.WATCH, Outcome.COMPLETE, True),
        (LIST, BROKEN, Phase.LIST, Outcome.NONE, False),
        (PAGE_TWO, GONE, Phase.LIST, Outcome.DISCARD, True),
        (PAGE_TWO, INTERNAL, Phase.LIST, Outcome.NONE, False),
        (WATCH, Seen("9"), Phase.WATCH, Outcome.NONE, True),
        (WATCH, Ended(300, 0), Phase.WATCH, Outcome.NONE, True),
        (WATCH, Ended(0.01, 0), Phase.WATCH, Outcome.NONE, False),
        (WATCH, BROKEN, Phase.WATCH, Outcome.NONE, False),
        (WATCH, INTERNAL, Phase.WATCH, Outcome.NONE, False),
        (WATCH, GONE, Phase.STREAM, Outcome.DISCARD, True),
        (WATCH, REFUSED, Phase.STREAM, Outcome.DISCARD, False),
    ],
)
def test_transitions(
    state: State, happening: Happening, phase: Phase, outcome: Outcome, at_once: bool
) -> None:
    after = step(state, happening)
    assert (after.state.phase, after.outcome, after.delay == 0) == (phase, outcome, at_once)


def test_a_watch_resumes_from_the_last_version_it_saw() -> None:
    state = step(step(WATCH, Seen("41")).state, BROKEN).state
    assert (state.phase, state.resource_version) == (Phase.WATCH, "41")


def test_an_event_without_a_version_changes_nothing() -> None:
    assert step(WATCH, Seen("")).state == WATCH


def test_a_failed_page_is_asked_for_again_with_its_token() -> None:
    assert step(PAGE_TWO, BROKEN).state.token == "t"


def test_an_expired_token_leads_to_one_list_without_pages() -> None:
    state = step(PAGE_TWO, GONE).state
    assert (state.token, state.paged) == ("", False)
    state = step(state, Page("9")).state
    assert step(state, GONE).state.paged


def test_a_server_that_pages_unasked_and_lets_its_tokens_expire_is_not_hurried() -> None:
    state = State(phase=Phase.LIST, token="t", paged=False, can_stream=False)
    assert step(state, GONE).delay > 0


def test_a_server_that_cannot_stream_is_not_asked_to_again() -> None:
    state = step(STREAM, REFUSED).state
    state = step(state, Page("9")).state
    assert step(state, GONE).state.phase is Phase.LIST


def test_a_version_that_fails_again_and_again_is_given_up_for_a_list() -> None:
    state = WATCH
    for _ in range(5):
        assert state.phase is Phase.WATCH
        state = step(state, INTERNAL).state
    assert state.phase is Phase.STREAM


def test_a_server_that_is_only_out_of_reach_is_not_listed_again() -> None:
    state = WATCH
    for _ in range(50):
        state = step(state, BROKEN).state
    assert state.phase is Phase.WATCH


def test_lists_that_are_too_old_at_once_do_not_spin() -> None:
    state, delays = start(can_stream=False), []
    for _ in range(8):
        state = step(state, Page("9")).state
        state, _, delay = step(state, GONE)
        delays.append(delay)
    assert delays[0] == 0
    assert delays[1:] == sorted(delays[1:])
    assert delays[-1] == 30.0


def test_the_server_may_ask_for_more_time_but_not_for_less() -> None:
    assert step(WATCH, BUSY).delay == 7.0
    assert delay_after(10, 1.0) == 30.0


errors = st.builds(
    lambda kind, retry: kind(500, "", "", None, retry),
    st.sampled_from([ApiError, Gone, Invalid, ServerUnavailable, TooManyRequests, Unreachable]),
    st.none() | st.floats(0, 100),
)
versions = st.integers(1, 99).map(str)
STREAMING = st.one_of(
    st.builds(Seen, versions),
    st.builds(ListComplete, versions),
    st.builds(Ended, st.floats(0, 400), st.integers(0, 9)),
    st.builds(Failed, errors),
    st.just(Quiet()),
)
LISTING = st.one_of(st.builds(Page, versions, st.sampled_from(["", "t"])), st.builds(Failed, errors))
WATCHING = st.one_of(
    st.builds(Seen, versions),
    st.builds(ListComplete, versions),
    st.builds(Ended, st.floats(0, 400), st.integers(0, 9)),
    st.builds(Failed, errors),
)
POSSIBLE = {Phase.STREAM: STREAMING, Phase.LIST: LISTING, Phase.WATCH: WATCHING}


@given(st.booleans(), st.data())
def test_whatever_happens_every_watch_is_preceded_by_a_complete_list(
    can_stream: bool, data: st.DataObject
) -> None:
    state = start(can_stream)
    for _ in range(data.draw(st.integers(0, 40))):
        happening = data.draw(POSSIBLE[state.phase])
        after, outcome, delay = step(state, happening)
        assert 0 <= delay <= 100
        entered = after.phase is Phase.WATCH and state.phase is not Phase.WATCH
        assert entered == (outcome is Outcome.COMPLETE)
        if entered:
            assert after.resource_version == happening.resource_version  # type: ignore[union-attr]
        left = state.phase is Phase.WATCH and after.phase is not Phase.WATCH
        assert not left or outcome is Outcome.DISCARD
        if isinstance(happening, Failed) and delay == 0:
            changes = (after.phase, after.paged, after.can_stream) != (
                state.phase,
                state.paged,
                state.can_stream,
            )
            assert changes  # nothing is repeated at once that has just failed
        state = after


@given(st.lists(st.sampled_from([BROKEN, INTERNAL, BUSY]), min_size=1, max_size=30))
def test_delays_grow_while_nothing_works_and_success_starts_over(failures: list[Failed]) -> None:
    state, delays = WATCH, []
    for failure in failures:
        state, _, delay = step(state, failure)
        delays.append(delay)
    assert all(delay >= 0.8 for delay in delays)
    if state.phase is Phase.WATCH:
        assert step(step(state, Seen("6")).state, BROKEN).delay == 0.8
