from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from certwright.kube.schedule import Schedule


def test_the_earliest_due_time_wins() -> None:
    schedule: Schedule[str] = Schedule()
    schedule.add("a", 10)
    schedule.add("a", 5)
    schedule.add("a", 20)
    assert schedule.next_due() == 5
    assert schedule.pop(4) is None
    assert schedule.pop(5) == "a"
    assert schedule.pop(100) is None


def test_a_key_added_while_it_runs_runs_once_more_and_not_at_the_same_time() -> None:
    schedule: Schedule[str] = Schedule()
    schedule.add("a", 0)
    assert schedule.pop(0) == "a"
    schedule.add("a", 0)
    schedule.add("a", 0)
    assert schedule.pop(0) is None
    schedule.done("a")
    assert schedule.pop(0) == "a"
    schedule.done("a")
    assert schedule.pop(0) is None


def test_keys_come_in_the_order_they_fell_due() -> None:
    schedule: Schedule[str] = Schedule()
    for key, due in (("late", 3), ("early", 1), ("also early", 1)):
        schedule.add(key, due)
    assert [schedule.pop(9) for _ in range(4)] == ["early", "also early", "late", None]


@given(st.lists(st.tuples(st.integers(0, 3), st.floats(0, 100)), max_size=30))
def test_every_key_is_popped_exactly_once_at_its_earliest_time(adds: list[tuple[int, float]]) -> None:
    schedule: Schedule[int] = Schedule()
    earliest: dict[int, float] = {}
    for key, due in adds:
        schedule.add(key, due)
        earliest[key] = min(due, earliest.get(key, due))
    popped = {}
    while (due := schedule.next_due()) is not None:
        key = schedule.pop(due)
        assert key is not None
        popped[key] = due
    assert popped == earliest


class ScheduleAgainstModel(RuleBasedStateMachine):
    """The model: due times in a dict, running keys in a set, linear search."""

    def __init__(self) -> None:
        super().__init__()
        self.schedule: Schedule[int] = Schedule()
        self.due: dict[int, float] = {}
        self.running: set[int] = set()
        self.now = 0.0

    @rule(key=st.integers(0, 5), delay=st.integers(0, 8))
    def add(self, key: int, delay: int) -> None:
        self.schedule.add(key, self.now + delay)
        self.due[key] = min(self.now + delay, self.due.get(key, float("inf")))

    @rule(seconds=st.integers(1, 5))
    def wait(self, seconds: int) -> None:
        self.now += seconds

    @rule()
    def pop(self) -> None:
        key = self.schedule.pop(self.now)
        ready = {k: due for k, due in self.due.items() if due <= self.now and k not in self.running}
        assert (key is None) == (not ready)
        if key is not None:
            assert ready[key] == min(ready.values())
            del self.due[key]
            self.running.add(key)

    @rule(key=st.integers(0, 5))
    def done(self, key: int) -> None:
        if key in self.running:
            self.running.discard(key)
            self.schedule.done(key)

    @invariant()
    def agrees(self) -> None:
        waiting = [due for key, due in self.due.items() if key not in self.running]
        assert self.schedule.next_due() == min(waiting, default=None)
        assert len(self.schedule) == len(self.due)
        assert self.schedule.running == len(self.running)
        idle = not self.running and not [due for due in waiting if due <= self.now]
        assert self.schedule.is_idle(self.now) == idle


TestScheduleAgainstModel = ScheduleAgainstModel.TestCase
