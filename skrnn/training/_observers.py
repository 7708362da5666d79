"""Who follows a training on behalf of another one."""

from __future__ import annotations

from threading import Event

from skrnn.training._config import Observer, Progress

__all__ = ["Follower", "Leader"]


class Follower:
    """Ends a training when it is told to."""

    def __init__(self, stop: Event):
        self.stop = stop

    def epoch_begins(self) -> None:
        """Nothing to do."""

    def epoch_ends(self, progress: Progress) -> bool:
        return self.stop.is_set()


class Leader:
    """Hands an observer on, and remembers whether it has stopped the training."""

    def __init__(self, observer: Observer):
        self.observer, self.stopped = observer, False

    def epoch_begins(self) -> None:
        self.observer.epoch_begins()

    def epoch_ends(self, progress: Progress) -> bool:
        self.stopped = self.observer.epoch_ends(progress)
        return self.stopped
