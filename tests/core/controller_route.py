"""A route that is called by hand, one event after the other."""

from dataclasses import dataclass, field

from runner.core import controller
from runner.core.controller_state import Controller

NOW = 1_800_000_000_000
SECOND = 1_000
CALL_MS = 200
REFUSAL_MS = 5


@dataclass
class Route:
    """A state, and the calls in flight, by when they were sent."""

    state: Controller
    now: int = NOW
    flying: list[int] = field(default_factory=list)

    def room(self) -> tuple[int, int | None]:
        return controller.room(self.state, len(self.flying), self.now)

    def start(self, most: int = 1 << 30) -> int:
        """As many as there is room for."""
        count = min(most, self.room()[0])
        if count:
            self.flying += [self.now] * count
            self.state = controller.started(self.state, count, self.now, len(self.flying))
        return count

    def after(self, ms: int) -> "Route":
        self.now += ms
        return self

    def answer(self, count: int = 1) -> None:
        """To the calls that were sent first."""
        sent, self.flying = self.flying[:count], self.flying[count:]
        self.state = controller.answered(self.state, sent, self.now, len(self.flying))

    def refuse(self, count: int = 1, wait_ms: int | None = None) -> None:
        """Of the calls that were sent last."""
        for _ in range(count):
            sent = self.flying.pop()
            self.state = controller.throttled(self.state, sent, wait_ms, self.now, len(self.flying))

    def fault(self) -> None:
        self.flying.pop(0)
        self.state = controller.faulted(self.state, self.now)

    def start_when_it_may(self) -> int:
        """Waits as long as it says, and starts what it then may."""
        while not (started := self.start()):
            until = self.room()[1]
            assert until is not None
            self.now = until
        return started


def route(start: int = 1, ceiling: int = 64) -> Route:
    return Route(controller.new(start, ceiling))


def grown(number: int, ceiling: int = 64) -> Route:
    """A route with so many in flight, all of which were let in."""
    r = route(1, ceiling)
    while r.state.allowed < number:
        r.start()
        r.after(CALL_MS).answer(len(r.flying))
    r.start()
    return r


def paced(gap_ms: int = SECOND) -> Route:
    """A route with a known rate, that lets in one call after the other."""
    r = route(start=4)
    r.start(1)
    r.after(CALL_MS).answer()
    r.start(1)
    r.refuse()
    r.now = r.room()[1] or r.now
    r.start(1)
    r.after(gap_ms - CALL_MS).answer()
    return r
