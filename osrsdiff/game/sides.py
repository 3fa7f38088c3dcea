"""One of two histories that are merged: what it knows, what the other one knows otherwise, and its looks to come."""

from collections import deque
from dataclasses import dataclass, field
from datetime import datetime

from osrsdiff.game.merged import Known, Look, Row, look_of, look_of_state
from osrsdiff.game.snapshots import Reading, Sheet, is_other_total


@dataclass(slots=True)
class Side:
    """What a history knows so far.

    `own`: the metrics that its looks at the whole sheet have shown. `loose`: those known otherwise from the other one.
    `whole_at`: its newest look at the whole sheet.
    """

    sheet: dict[str, Reading] = field(default_factory=dict)
    own: set[str] = field(default_factory=set)
    loose: set[str] = field(default_factory=set)
    whole_at: datetime | None = None

    def copy(self) -> "Side":
        """The same, to go on from."""
        return Side(dict(self.sheet), set(self.own), set(self.loose), self.whole_at)

    def settle(self, metric: str, now: Sheet) -> None:
        """Notes whether this history knows what is known now."""
        own = self.sheet.get(metric)
        if own is None or is_same(metric, now.get(metric), own):
            self.loose.discard(metric)
        else:
            self.loose.add(metric)


@dataclass(slots=True)
class Ahead:
    """A look that is here and to be passed yet. `row`: None where it changed nothing."""

    look: Look
    row: Row | None


def ahead_of(known: Known) -> "deque[Ahead]":
    """The looks that are stored, and the last one where it changed nothing."""
    ahead = deque(Ahead(look_of(row), row) for row in known.rows)
    newest_at = known.rows[-1].at if known.rows else known.last_at
    if known.state is not None and (newest_at is None or known.state.looked_at > newest_at):
        ahead.append(Ahead(look_of_state(known.state), None))
    return ahead


def differs(metric: str, before: Reading | None, after: Reading) -> bool:
    """Whether a look changes what was known of a metric."""
    return before is None or before.value != after.value or is_other_total(metric, before.level, after.level)


def is_same(metric: str, now: Reading | None, own: Reading | None) -> bool:
    """Whether two histories know the same of a metric."""
    if now is None or own is None:
        return now is own
    return not differs(metric, now, own)


def later(one: datetime | None, other: datetime | None) -> datetime | None:
    """The later time, of those that are known."""
    if one is None or other is None:
        return one or other
    return max(one, other)
