"""The states of one watch, and the only place that knows how they follow each other. No I/O, no clock.

    STREAM --initial list complete--> WATCH --410--> STREAM (or LIST)
      | refused                         | ended, broken: again from the last resourceVersion
      v                                 v
    LIST --last page--------------> WATCH

STREAM opens a watch that begins with the whole list (`sendInitialEvents`), where a server can do that; LIST
reads the list in pages. What a state does is `watcher`'s business; it tells `step` what happened.
"""

import enum
from typing import NamedTuple

import msgspec

from certwright.kube.errors import ApiError, Gone, Invalid

_FIRST_DELAY = 0.8
_LONGEST_DELAY = 30.0
_SHORT_LIFE = 1.0
_PATIENCE = 5
"""A watch that failed this often in a row at one resourceVersion starts over with a list."""


class Phase(enum.Enum):
    """What to do next."""

    STREAM = "stream"
    LIST = "list"
    WATCH = "watch"


class State(msgspec.Struct, frozen=True, kw_only=True):
    """Where a watch stands.

    `resource_version` is the last one seen, which WATCH resumes from; `token` the continue token of the next
    page; `paged` whether to ask for pages at all; `failures` counts what went wrong since the last event.
    """

    phase: Phase
    resource_version: str = ""
    token: str = ""
    paged: bool = True
    can_stream: bool = True
    failures: int = 0


class Page(msgspec.Struct, frozen=True):
    """A page of a list arrived; `token` is empty on the last one."""

    resource_version: str
    token: str = ""


class Seen(msgspec.Struct, frozen=True):
    """An event or a bookmark arrived."""

    resource_version: str


class ListComplete(msgspec.Struct, frozen=True):
    """The bookmark that ends the initial events arrived."""

    resource_version: str


class Ended(msgspec.Struct, frozen=True):
    """The server ended the watch in good order, after so many seconds and events."""

    lasted: float
    seen: int


class Failed(msgspec.Struct, frozen=True):
    """A request was refused, an ERROR event came, or the connection broke."""

    error: ApiError


class Quiet(msgspec.Struct, frozen=True):
    """Initial events stopped without a closing bookmark: the server does not know that parameter."""


Happening = Page | Seen | ListComplete | Ended | Failed | Quiet


class Outcome(enum.Enum):
    """What becomes of the objects collected for a list."""

    NONE = "none"
    COMPLETE = "complete"
    DISCARD = "discard"


class Step(NamedTuple):
    """The next state, what becomes of the list, and how many seconds to wait before acting on it."""

    state: State
    outcome: Outcome = Outcome.NONE
    delay: float = 0.0


def start(can_stream: bool = True) -> State:
    """The first state."""
    return State(phase=Phase.STREAM if can_stream else Phase.LIST, can_stream=can_stream)


def step(state: State, happening: Happening) -> Step:
    """What to do after `happening` in `state`."""
    match happening:
        case ListComplete(resource_version) if state.phase is Phase.STREAM:
            return Step(_watching(state, resource_version), Outcome.COMPLETE)
        case Seen(resource_version) | ListComplete(resource_version):
            return _seen(state, resource_version)
        case Page(resource_version, ""):
            return Step(_watching(state, resource_version), Outcome.COMPLETE)
        case Page(_, token):
            return Step(_with(state, token=token))
        case Quiet():
            return Step(_listing(state, can_stream=False), Outcome.DISCARD)
        case Ended(lasted, seen):
            return _ended(state, lasted, seen)
        case Failed(error):
            return _failed(state, error)


def delay_after(failures: int, retry_after: float | None = None) -> float:
    """Seconds to wait after so many failures in a row: at least what the server asked for, 0 after none."""
    if failures < 1:
        return retry_after or 0.0
    return max(min(_LONGEST_DELAY, _FIRST_DELAY * 2.0 ** min(failures - 1, 60)), retry_after or 0.0)


def _seen(state: State, resource_version: str) -> Step:
    if state.phase is not Phase.WATCH:
        return Step(state)
    if not resource_version or (resource_version == state.resource_version and not state.failures):
        return Step(state)
    return Step(_with(state, resource_version=resource_version, failures=0))


def _ended(state: State, lasted: float, seen: int) -> Step:
    if state.phase is Phase.WATCH and (seen or lasted >= _SHORT_LIFE):
        return Step(_with(state, failures=0))
    return _again(state, None)


def _failed(state: State, error: ApiError) -> Step:
    match state.phase:
        case Phase.STREAM if isinstance(error, Invalid):
            return Step(_listing(state, can_stream=False), Outcome.DISCARD)
        case Phase.LIST if isinstance(error, Gone) and state.token:
            unpaged = _with(_listing(state), paged=False)
            if state.paged:
                return Step(unpaged, Outcome.DISCARD)
            return _again(unpaged, error.retry_after)._replace(outcome=Outcome.DISCARD)
        case Phase.WATCH if isinstance(error, Gone):
            failures = state.failures + 1  # the first is no fault of anybody's
            return Step(
                _with(_relisting(state), failures=failures),
                Outcome.DISCARD,
                delay_after(failures - 1, error.retry_after),
            )
        case Phase.WATCH if isinstance(error, Invalid) or (error.status and state.failures + 1 >= _PATIENCE):
            return _again(_relisting(state), error.retry_after)._replace(outcome=Outcome.DISCARD)
        case _:
            return _again(state, error.retry_after)


def _again(state: State, retry_after: float | None) -> Step:
    """The same once more, after a delay. A page can be asked for again; a stream starts from nothing."""
    failures = state.failures + 1
    outcome = Outcome.DISCARD if state.phase is Phase.STREAM else Outcome.NONE
    return Step(_with(state, failures=failures), outcome, delay_after(failures, retry_after))


def _relisting(state: State) -> State:
    return _with(state, phase=Phase.STREAM) if state.can_stream else _listing(state)


def _listing(state: State, can_stream: bool | None = None) -> State:
    keep = state.can_stream if can_stream is None else can_stream
    return _with(state, phase=Phase.LIST, token="", paged=True, can_stream=keep)


def _watching(state: State, resource_version: str) -> State:
    return _with(state, phase=Phase.WATCH, resource_version=resource_version, token="", paged=True)


def _with(state: State, **changes: object) -> State:
    return msgspec.structs.replace(state, **changes)
