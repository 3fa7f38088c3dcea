"""Merges looks that come from a file into a player's history as it is kept here, so that both read as one. Pure.

The result is what playing all looks in the order of their times comes to, each showing what is known of it:

- A look that was stored here says what it changed and, being one at the whole sheet, that all else that such looks had
  shown by then stood as it was. So where a look is put between two others, what it says is compared with the one before
  and the one after is compared with it: a change that was known already is none, a look without any goes, and a value
  that was carried forward comes back at the first later look that knew otherwise, as a fall where it can't have fallen.
- The same holds for the looks of an export, which know what the exporting instance knew.
- A partial look, one of dated values, speaks of the metrics that it names and of no others: these are not hidden, and
  nothing of theirs comes back at it.
- The look of the player's newest state counts as one of these. The state moves on where the file has a later look; a
  partial one that changed nothing does not count for that.
- Looks that changed nothing are kept nowhere but as the `previous_at` of the next one, or as the state's last look;
  they narrow down when that change happened, and nothing else.

So a change lies between its look and the newest earlier one that showed the metric as it was; of a look's changes the
one that is known least narrowly decides.

Whoever stores the result in several steps stores after each what is true by then, and loses nothing that the next one
needs: up to the last step rows here are only added to. See `Merge.batch`.
"""

from collections import deque
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

import msgspec

from osrsdiff.game.merged import NOTHING_KNOWN, Batch, Known, Look, Put, Row, look_of
from osrsdiff.game.newest_sheet import and_more, led_by, moved_on
from osrsdiff.game.sides import Ahead, Side, ahead_of, differs, is_same, later
from osrsdiff.game.snapshots import Change, Reading, Sheet, State

_EVER = datetime(1970, 1, 1, tzinfo=UTC)


class Merge:
    """One player's. Looks of the file are taken in the order of their times."""

    def __init__(self, known: Known) -> None:
        self.rows = 0
        """How many rows are to be stored, about."""
        self.known = 0
        """How many looks were here already."""
        self.stored = 0
        """How many became looks here."""
        self.unchanged = 0
        """How many changed nothing."""
        self._state = known.state
        self._leads_whole = known.leads_whole
        self._now = dict(known.sheet)
        self._seen_at = dict(known.seen_at)
        self._changed_at = dict(known.seen_at)
        self._last_at = known.last_at
        self._taken_at = known.last_at
        self._partial_at: datetime | None = None
        self._here = Side(dict(known.sheet), set(known.own), set(), known.whole_at)
        self._file = Side()
        self.file_at: datetime | None = None
        """The file's newest look so far that counts as one."""
        self._newer: dict[str, Reading] = {}
        self._ahead = ahead_of(known)
        self._puts: list[Put] = []

    @property
    def last_at(self) -> datetime | None:
        """The newest look of either history so far."""
        return self._last_at

    def again(self, known: Known) -> "Merge":
        """The same with what is stored by now, `known` since the last look that was taken: to take those that follow.

        What is not stored of this one is forgotten.
        """
        merge = self.copy()
        merge._state, merge._leads_whole = known.state, known.leads_whole
        merge._ahead = deque(one for one in ahead_of(known) if self._last_at is None or one.look.at > self._last_at)
        merge._puts, merge.rows = [], 0
        return merge

    def copy(self) -> "Merge":
        """The same, to go on from."""
        merge = Merge(NOTHING_KNOWN)
        merge.rows, merge.known, merge.stored, merge.unchanged = self.rows, self.known, self.stored, self.unchanged
        merge._state, merge._leads_whole = self._state, self._leads_whole
        merge._last_at, merge._taken_at, merge._partial_at = self._last_at, self._taken_at, self._partial_at
        merge._now, merge._seen_at, merge._newer = dict(self._now), dict(self._seen_at), dict(self._newer)
        merge._changed_at = dict(self._changed_at)
        merge._here, merge._file, merge.file_at = self._here.copy(), self._file.copy(), self.file_at
        merge._ahead, merge._puts = deque(self._ahead), list(self._puts)
        return merge

    def take(self, look: Look) -> None:
        """The file's next look."""
        self._pass(before=look.at)
        if self._ahead and self._ahead[0].look.at == look.at:
            self._meet(look)
            return
        put = self._see(look, self._file)
        if not look.is_state:
            self.stored += put is not None
            self.unchanged += put is None
        self._note(put)
        if put is not None or look.is_whole:
            self._lead(look)

    def batch(self, *, is_last: bool, newest: State | None = None) -> Batch | None:
        """What is to be stored now; None where that is nothing.

        `is_last`: all looks are taken. Before that, rows that are here are only added to: what the last step finds to
        be no change says until then what is known at its look. `newest`: the state that the file ends with.
        """
        if is_last:
            self._pass(before=None)
            ahead: list[Put] = []
        else:
            ahead = self._come_back()
        puts, self._puts, self.rows = [*self._puts, *ahead], [], 0
        if self._state is None and self.file_at is None and newest is None:
            return None
        state = self._newest_state(newest if is_last else None, puts, is_last=is_last)
        if not puts and state == self._state:
            return None
        expected = self._state.version if self._state else 0
        first = newest.version if newest and is_last and self._state is None else 0
        state = msgspec.structs.replace(state, version=max(expected + 1, first))
        falls = any(put.row.has_fall != (put.stored.has_fall if put.stored else False) for put in puts)
        return Batch(tuple(puts), state, expected, falls)

    def is_stored(self, batch: Batch) -> None:
        """The batch is stored."""
        self._state = batch.state
        rows = {put.row.at: put.row for put in batch.puts}
        for one in self._ahead:
            row = rows.get(one.look.at)
            if row is None:
                continue
            one.look, one.row = look_of(row), row

    def _pass(self, before: datetime | None) -> None:
        """Goes over the looks that are here, up to a time."""
        while self._ahead and (before is None or self._ahead[0].look.at < before):
            one = self._ahead.popleft()
            self._note(self._see(one.look, self._here, one.row))

    def _meet(self, look: Look) -> None:
        """A look at a time at which there is one here: a partial one may say more, any other is left out."""
        one = self._ahead.popleft()
        here = one.look
        self.known += not look.is_state
        extra: dict[str, Reading] = {}
        if not look.is_whole:
            known = {*here.readings, *self._here.own} if here.is_whole else here.readings.keys()
            extra = {metric: reading for metric, reading in look.readings.items() if metric not in known}
        if extra:
            here = msgspec.structs.replace(here, readings={**here.readings, **extra})
        self._note(self._see(here, self._here, one.row))
        self._file.sheet.update(look.readings)
        self._file.whole_at = look.at if look.is_whole else self._file.whole_at
        for metric in look.readings:
            self._file.settle(metric, self._now)
        self.file_at = look.at

    def _see(self, look: Look, side: Side, stored: Row | None = None) -> Put | None:
        """What the look comes to, None where it is not to be stored, or stands so already."""
        told = dict(look.readings)
        if look.is_whole:
            told.update((metric, side.sheet[metric]) for metric in side.loose & side.own if metric not in told)
        changes = [
            Change(metric, self._now.get(metric), reading)
            for metric, reading in told.items()
            if differs(metric, self._now.get(metric), reading)
        ]
        row = Row(
            look.at,
            self._previous(look, side, changes),
            self._has_fall(look, side, changes, stored),
            stored.is_partial if stored is not None else not look.is_whole,
            {change.metric: change.after for change in changes},
        )
        self._learn(look, side, told, changes)
        put = Put(row, stored)
        if not put.is_empty:
            self._taken_at = look.at
        return None if row == stored or (stored is None and put.is_empty) else put

    def _has_fall(self, look: Look, side: Side, changes: list[Change], stored: Row | None) -> bool:
        """As it was noted where it comes from, unless anything has come between."""
        if stored is not None or look.is_whole:
            said = stored.readings if stored is not None else look.readings
            if said.keys() == {change.metric for change in changes} and all(
                is_same(change.metric, change.before, side.sheet.get(change.metric)) for change in changes
            ):
                return stored.has_fall if stored is not None else look.has_fall
        return any(change.fell for change in changes)

    def _previous(self, look: Look, side: Side, changes: list[Change]) -> datetime | None:
        """The newest look by which nothing of what changed had changed yet."""
        times = []
        before = None if look.previous_at == self._partial_at else look.previous_at
        for change in changes:
            if change.before is None:
                continue
            seen, own = self._shown_at(change.metric), side.sheet.get(change.metric)
            stood = self._changed_at.get(change.metric)
            if before is not None and stood is not None and stood <= before:
                # as a fetch takes it: the look before showed what was known
                seen = later(seen, before) if own is None or is_same(change.metric, change.before, own) else seen
            times.append(seen)
        known = [at for at in times if at is not None]
        return min(known) if known else later(self._last_at, look.previous_at)

    def _shown_at(self, metric: str) -> datetime | None:
        """The newest look that showed what is known of the metric."""
        at = self._seen_at.get(metric)
        for side in (self._here, self._file):
            if metric in side.own and metric not in side.loose:
                at = later(at, side.whole_at)
        return at

    def _learn(self, look: Look, side: Side, told: Mapping[str, Reading], changes: list[Change]) -> None:
        side.sheet.update(look.readings)
        for change in changes:
            self._now[change.metric] = change.after
            self._changed_at[change.metric] = look.at
        for metric in told:
            self._seen_at[metric] = look.at
            self._here.settle(metric, self._now)
            self._file.settle(metric, self._now)
        if look.is_whole:
            side.own.update(look.readings)
            side.loose -= side.own
            side.whole_at = look.at
        else:
            self._partial_at = look.at
        self._last_at = look.at

    def _lead(self, look: Look) -> None:
        self.file_at = look.at
        if self._state is None or look.at > self._state.looked_at:
            self._newer.update(look.readings)

    def _note(self, put: Put | None) -> None:
        if put is not None:
            self._puts.append(put)
            self.rows += 1 + len(put.row.readings)

    def _come_back(self) -> list[Put]:
        """What the looks to come know otherwise, added to what they say."""
        loose, puts = self._here.loose & self._here.own, []
        for one in self._ahead:
            if not loose:
                break
            if one.look.is_whole:
                added = {metric: self._here.sheet[metric] for metric in loose - one.look.readings.keys()}
                if added:
                    puts.append(Put(_added(one, added, self._now, self._last_at), one.row))
                break
            loose -= one.look.readings.keys()
        return puts

    def _newest_state(self, newest: State | None, puts: Iterable[Put], *, is_last: bool) -> State:
        here = self._state
        leads_here = here is not None and (self.file_at is None or here.looked_at >= self.file_at)
        if newest is not None and (here is None or newest.looked_at > here.looked_at):
            sheet, looked_at = led_by(newest.sheet, self._now, is_whole=True), newest.looked_at
        elif here is not None and leads_here:
            sheet, looked_at = and_more(here.sheet, self._now), here.looked_at
            if is_last:
                sheet = led_by(here.sheet, self._now, is_whole=self._leads_whole)
        else:
            sheet = moved_on(here.sheet if here else {}, self._now, self._newer)
            looked_at = self.file_at or self._last_at or _EVER
        kept = [put.row.at for put in puts if not put.is_empty]
        taken_at = self._taken_at if is_last else max(filter(None, [here.taken_at if here else None, *kept]))
        return State(here.version if here else 0, looked_at, taken_at or looked_at, sheet)


def _added(one: Ahead, added: Mapping[str, Reading], now: Sheet, last_at: datetime | None) -> Row:
    falls = any(Change(metric, now[metric], reading).fell for metric, reading in added.items())
    row = one.row
    if row is None:
        return Row(one.look.at, last_at, falls, False, added)
    return Row(row.at, row.previous_at, row.has_fall or falls, row.is_partial, {**row.readings, **added})
