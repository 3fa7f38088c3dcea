"""What becomes of sheets that go back, and of players whom the hiscores don't list for a moment or for days."""

import pytest
from cast import IRONMAN
from expectations import Falls, Flagged, Gained, Missing, Mode, Reached, Slowed, Told, Tops
from stage import Stage
from steps import Check, Look, Looks, Reckon, Step, Track, Well, Wrong

from osrsdiff.demo.faults import Fault, FaultKind
from osrsdiff.errors import Outcome
from osrsdiff.game.events import EventKind

GLASS, DRUM, IRON = "Sea Glass", "Loud Drum", "Iron Steady"

ROLLED_BACK: tuple[Step, ...] = (
    Track(names=(GLASS,)),
    # at 50.5 the game goes back to where it was at 46.5
    Looks(name=GLASS, at=(40, 48, 50, 51, 52, 56, 60)),
    Falls(name=GLASS, at=(51,), looks=7),
    Reached(name=GLASS, level=70, at=50),
    Flagged(name=GLASS, at=None),
    Told(name=GLASS),
)

STALE: tuple[Step, ...] = (
    Track(names=(DRUM,)),
    Looks(name=DRUM, at=(40, 48, 50)),
    Wrong(fault=Fault(FaultKind.STALE, by_s=5 * 3600, times=1)),
    Looks(name=DRUM, at=(51, 52, 60)),
    Falls(name=DRUM, at=(51,), looks=6),
    Reached(name=DRUM, level=70, at=50),
    Flagged(name=DRUM, at=None),
    Told(name=DRUM),
)


def counted_once(name: str, start: float, gained: float, whole: float) -> tuple[Step, ...]:
    """Nothing is gained twice: from `start`, while it was back, and in all; now and after reckoning anew."""
    alone = frozenset({name.lower()})
    shown = (
        Gained(name=name, start=start, end=60, own=gained, board=gained, day=whole),
        Gained(name=name, start=40, end=60, own=whole, board=whole, day=whole),
        Tops(values=alone, gains=alone, records=alone),
    )
    return (*shown, Reckon(), *shown)


@pytest.mark.parametrize(
    "steps",
    [(*ROLLED_BACK, *counted_once(GLASS, 51.2, 6, 16)), (*STALE, *counted_once(DRUM, 51.2, 10, 20))],
    ids=["a rollback of four hours", "an old answer"],
)
async def test_a_sheet_that_goes_back(stage: Stage, steps: tuple[Step, ...]) -> None:
    for step in steps:
        await step.play(stage)


def gone(times: int | None = None) -> Wrong:
    return Wrong(fault=Fault(FaultKind.NOT_FOUND, times=times))


ABSENT: dict[str, tuple[Step, ...]] = {
    "once": (
        Track(names=(DRUM,)),
        Look(name=DRUM, hour=0),
        gone(times=1),
        Look(name=DRUM, hour=1, outcome=Outcome.NOT_RANKED),
        Missing(name=DRUM, since=1, failures=1),
        Slowed(to=None),
        Look(name=DRUM, hour=2),
        Missing(name=DRUM, since=None),
        Told(name=DRUM),
        Falls(name=DRUM, looks=2),
        Gained(name=DRUM, start=0, end=2, own=2, board=2, day=2),
    ),
    "an ironman's own table, once": (
        Track(names=(IRON,)),
        Look(name=IRON, hour=0),
        Check(name=IRON, mode=IRONMAN),
        Wrong(fault=Fault(FaultKind.NOT_FOUND, table=IRONMAN, times=1)),
        Look(name=IRON, hour=1, requests=2),
        Missing(name=IRON, since=None),
        Look(name=IRON, hour=2, requests=1),
        Mode(name=IRON, mode=IRONMAN),
        Gained(name=IRON, start=0, end=2, own=2, board=2, day=2),
        Told(name=IRON),
    ),
    "for days": (
        Track(names=(DRUM,)),
        Look(name=DRUM, hour=0),
        gone(),
        *(Look(name=DRUM, hour=hour, outcome=Outcome.NOT_RANKED) for hour in (24, 48, 72)),
        Told(name=DRUM),
        Slowed(to=None),
        Look(name=DRUM, hour=97, outcome=Outcome.NOT_RANKED),
        Told(name=DRUM, events=((EventKind.NOT_FOUND, None),)),
        Slowed(to=24),
        Look(name=DRUM, hour=121, outcome=Outcome.NOT_RANKED),
        Missing(name=DRUM, since=24, failures=5),
        Told(name=DRUM, events=((EventKind.NOT_FOUND, None),)),
        Well(),
        Look(name=DRUM, hour=145),
        Missing(name=DRUM, since=None),
        Slowed(to=1),
        Told(name=DRUM, events=((EventKind.NOT_FOUND, None),)),
        # what came in those days is one gain, too wide for a best day
        Gained(name=DRUM, start=0, end=145, own=145, board=145, day=None),
        Falls(name=DRUM, looks=2),
        Flagged(name=DRUM, at=None),
    ),
    "an ironman, for days": (
        Track(names=(IRON,)),
        Look(name=IRON, hour=0),
        Check(name=IRON, mode=IRONMAN),
        gone(),
        *(Look(name=IRON, hour=hour, outcome=Outcome.NOT_RANKED, requests=2) for hour in (24, 48, 72, 97)),
        Told(name=IRON, events=((EventKind.NOT_FOUND, None),)),
        # that nobody lists the player says nothing of the mode
        Check(name=IRON, mode=IRONMAN, decided=False),
        Mode(name=IRON, mode=IRONMAN),
        Well(),
        Look(name=IRON, hour=98, requests=1),
        Mode(name=IRON, mode=IRONMAN),
        Told(name=IRON, events=((EventKind.NOT_FOUND, None),)),
    ),
    "in an outage, which is no absence": (
        Track(names=(DRUM,)),
        Look(name=DRUM, hour=0),
        *(
            step
            for hour in (24, 48, 72, 97)
            for step in (
                Wrong(fault=Fault(FaultKind.UNAVAILABLE)),
                Look(name=DRUM, hour=hour, outcome=Outcome.UNAVAILABLE),
                Well(),
            )
        ),
        Missing(name=DRUM, since=None, failures=4),
        Told(name=DRUM),
    ),
}


@pytest.mark.parametrize("steps", ABSENT.values(), ids=ABSENT)
async def test_an_absence(stage: Stage, steps: tuple[Step, ...]) -> None:
    for step in steps:
        await step.play(stage)
