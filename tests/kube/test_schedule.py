from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from certwright.kube.schedule import Lane, Schedule


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


def test_each_lane_gives_out_its_own_keys_and_without_one_the_earliest_of_all() -> None:
    failing = {"bad", "worse"}
    schedule: Schedule[str] = Schedule(lambda key: Lane.FAILING if key in failing else Lane.HEALTHY)
    for due, key in enumerate(["bad", "good", "worse", "better"]):
        schedule.add(key, due)
    assert schedule.next_due(Lane.HEALTHY) == 1
    assert schedule.pop(9, Lane.HEALTHY) == "good"
    assert schedule.pop(9) == "bad"
    assert schedule.pop(9, Lane.HEALTHY) == "better"
    assert schedule.pop(9, Lane.HEALTHY) is None
    assert schedule.next_due(Lane.FAILING) == schedule.next_due() == 2


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
    """The model: due times and lanes in dicts, running keys in a set, linear search."""

    def __init__(self) -> None:
        super().__init__()
        self.failing: set[int] = set()
        self.schedule: Schedule[int] = Schedule(self.lane_of)
        self.due: dict[int, float] = {}
        self.lane: dict[int, Lane] = {}
        self.running: set[int] = set()
        self.now = 0.0

    def lane_of(self, key: int) -> Lane:
        return Lane.FAILING if key in self.failing else Lane.HEALTHY

    @rule(key=st.integers(0, 5))
    def fails_or_recovers(self, key: int) -> None:
        self.failing ^= {key}

    @rule(key=st.integers(0, 5), delay=st.integers(0, 8))
    def add(self, key: int, delay: int) -> None:
        self.schedule.add(key, self.now + delay)
        if self.now + delay < self.due.get(key, float("inf")):
            self.due[key] = self.now + delay
            self.lane[key] = self.lane_of(key)

    @rule(seconds=st.integers(1, 5))
    def wait(self, seconds: int) -> None:
        self.now += seconds

    @rule(lane=st.sampled_from([None, *Lane]))
    def pop(self, lane: Lane | None) -> None:
        key = self.schedule.pop(self.now, lane)
        ready = {k: due for k, due in self.waiting(lane).items() if due <= self.now}
        assert (key is None) == (not ready)
        if key is not None:
            assert ready[key] == min(ready.values())
            del self.due[key]
            self.running.add(key)

    @rule(key=st.integers(0, 5))
    def done(self, key: int) -> None:
        if key in self.running:
            self.running.discard(key)
            self.lane[key] = self.lane_of(key)
            self.schedule.done(key)

    def waiting(self, lane: Lane | None = None) -> dict[int, float]:
        return {
            key: due
            for key, due in self.due.items()
            if key not in self.running and lane in (None, self.lane[key])
        }

    @invariant()
    def agrees(self) -> None:
        waiting = self.waiting().values()
        for lane in (None, *Lane):
            assert self.schedule.next_due(lane) == min(self.waiting(lane).values(), default=None)
        assert len(self.schedule) == len(self.due)
        assert self.schedule.running == len(self.running)
        idle = not self.running and not [due for due in waiting if due <= self.now]
        assert self.schedule.is_idle(self.now) == idle


TestScheduleAgainstModel = ScheduleAgainstModel.TestCase
