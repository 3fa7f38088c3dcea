"""What the keys in Redis are called. Each starts with the instance's prefix, which is loaded when first needed.

Beside those here, `breaker`, `budget` and `asking:{username}` are the request budget's: see `hiscores.budget`.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

LoadPrefix = Callable[[], Awaitable[str]]


@dataclass(frozen=True, slots=True)
class Keys:
    """One instance's keys. What Redis holds of a schedule stands in the first five."""

    prefix: str
    schedules: str = field(init=False)
    """Hash: schedule id → the schedule as JSON."""
    due: str = field(init=False)
    """Sorted set: schedule id → epoch second of its next fire; of a claimed one, when the claim's lease ends."""
    claims: str = field(init=False)
    """Hash: claimed schedule id → the fire that it was claimed for."""
    leases: str = field(init=False)
    """Sorted set: claimed schedule id → when its lease ends."""
    moved: str = field(init=False)
    """Hash: id of a schedule whose next fire was moved → the beat that it still belongs to, `/`, which retry of it."""
    queue: str = field(init=False)
    """Stream: what the workers have not finished."""
    workers: str = field(init=False)
    """Sorted set: consumer name → its last sign of life."""
    schedulers: str = field(init=False)
    """Sorted set: scheduler name → its last sign of life."""
    marker: str = field(init=False)
    """String: the fingerprint of the database that these keys were built from."""
    rebuild: str = field(init=False)
    """String: somebody has been asked to compare schedules with players just now."""
    pace: str = field(init=False)
    """Hash: when schedules were last claimed, and how fast a backlog is caught up with."""
    fixed: str = field(init=False)
    """Hash: fixed job → epoch second of its newest fire that was sent; `{job}:lease` → until when one is being sent."""

    def __post_init__(self) -> None:
        for name in self.__slots__[1:]:
            object.__setattr__(self, name, f"{self.prefix}{name}")

    def asked(self, what: str | int) -> str:
        """String: the id of the task that somebody asked for and that is not done: of a player (an id) or a job."""
        return f"{self.prefix}asked:{what}"

    def result(self, task_id: str) -> str:
        """String: a task's result as JSON."""
        return f"{self.prefix}result:{task_id}"

    def witness(self, name: str) -> str:
        """String: is there for as long as Redis has lost nothing since somebody began to look."""
        return f"{self.prefix}witness:{name}"


def text(value: bytes | str) -> str:
    """A reply of Redis as text, whether the client decodes replies or not."""
    return value.decode() if isinstance(value, bytes) else value


class Keyring:
    """The keys, once `load_prefix` has said where they start."""

    def __init__(self, load_prefix: LoadPrefix) -> None:
        self._load_prefix = load_prefix
        self._keys: Keys | None = None

    async def load(self) -> Keys:
        """The keys; asks for the prefix the first time."""
        if self._keys is None:
            self._keys = Keys(await self._load_prefix())
        return self._keys
