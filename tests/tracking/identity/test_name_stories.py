"""What becomes of names: they change hands, players are renamed, newcomers take what others have left."""

import pytest
from cast import IRONMAN, REGULAR, iso
from expectations import Falls, Flagged, Gained, Is, Missing, Mode, Reviews, Shown, Told, Tops, Tracked
from stage import Stage
from steps import Accept, Check, Discard, Look, Looks, Reckon, Refused, Rename, Split, Step, Track, Undo, Until

from osrsdiff.errors import Outcome
from osrsdiff.game.events import EventKind
from osrsdiff.game.reviews import Resolution, Why

FOX, LEFT = "Ash Fox", "Ember Fox"
DRUM = frozenset({"loud drum"})
BEFORE = (0, 10, 20, 30)
"""Hours at which the name was still that of the one who left it at 40; somebody else takes it at 60."""

TAKEN: tuple[Step, ...] = (
    Track(names=(FOX, "Loud Drum")),
    Look(name="Loud Drum", hour=0),
    Looks(name=FOX, at=BEFORE),
    Look(name=FOX, hour=50, outcome=Outcome.NOT_RANKED),
    Look(name=FOX, hour=61),
    Flagged(name=FOX, at=61),
    Falls(name=FOX, at=(61,), looks=5),
    Look(name=FOX, hour=85),
    Look(name="Loud Drum", hour=85),
    Look(name=FOX, hour=86),
    Look(name="Loud Drum", hour=86),
    # what the other one does is seen, and counts nowhere
    Falls(name=FOX, at=(61,), looks=7),
    Flagged(name=FOX, at=61),
    Missing(name=FOX, since=None),
    Told(name=FOX, events=((EventKind.FLAGGED, None),), nothing_since=61),
    Tops(values=DRUM, gains=DRUM, records=DRUM),
    Reckon(),
    Tops(values=DRUM, gains=DRUM, records=DRUM),
    Told(name=FOX, events=((EventKind.FLAGGED, None),), nothing_since=61),
    Mode(name=FOX, mode=REGULAR, is_checked=False),
    Tracked(names={FOX: True}),
    Shown(path="/players/ash%20fox", has={"is_active": True, "username": "ash fox", "flagged_at": iso(61)}),
    Reviews(name=FOX, found=((Why.COLLAPSE, None),)),
)
"""The story until somebody reviews it."""

BOTH = frozenset({"ash fox", "loud drum"})
ALL = BOTH | {"ember fox"}

REVIEWED: dict[str, tuple[Step, ...]] = {
    "accepted": (
        Accept(name=FOX),
        Flagged(name=FOX, at=None),
        Reviews(name=FOX, found=((Why.COLLAPSE, Resolution.ACCEPTED),)),
        Refused(step=Discard(name=FOX), words="review"),
        Falls(name=FOX, at=(61,), looks=7),
        Reckon(),
        Is(name=FOX, who=FOX),
        Tops(values=BOTH, gains=DRUM, records=BOTH),
        # what it has again is no gain until it is more than it ever was
        Gained(name=FOX, start=62, end=86, own=0, board=None, day=20),
        Look(name=FOX, hour=87),
        Flagged(name=FOX, at=None),
        Told(name=FOX, events=((EventKind.FLAGGED, None),)),
    ),
    "discarded": (
        Discard(name=FOX),
        Flagged(name=FOX, at=None),
        Falls(name=FOX, looks=4),
        Reckon(),
        Is(name=FOX, who=FOX),
        Tops(values=BOTH, gains=BOTH, records=BOTH),
        Gained(name=FOX, start=0, end=86, own=30, board=30, day=20),
        Told(name=FOX, nothing_since=31),
        Reviews(name=FOX, found=((Why.COLLAPSE, Resolution.DISCARDED),)),
        # who is still there is flagged anew
        Look(name=FOX, hour=87),
        Flagged(name=FOX, at=87),
        Reviews(name=FOX, found=((Why.COLLAPSE, None), (Why.COLLAPSE, Resolution.DISCARDED))),
    ),
    "split": (
        Split(name=FOX),
        Tracked(names={FOX: True, f"{FOX}~1": False}),
        Is(name=f"{FOX}~1", who=FOX),
        Is(name=FOX, who=FOX, same=False),
        Flagged(name=FOX, at=None),
        Flagged(name=f"{FOX}~1", at=None),
        Falls(name=f"{FOX}~1", looks=4),
        Falls(name=FOX, looks=3),
        Reckon(),
        Gained(name=f"{FOX}~1", start=0, end=100, own=30, board=30, day=20),
        Gained(name=FOX, start=0, end=100, own=25, board=25, day=25),
        Look(name=FOX, hour=87),
        Falls(name=FOX, looks=4),
        Refused(step=Track(names=(f"{FOX}~2",)), words="~"),
    ),
    "split and followed": (
        Split(name=FOX, renamed_to=LEFT),
        Tracked(names={FOX: True, LEFT: True}),
        Is(name=LEFT, who=FOX),
        Is(name=FOX, who=FOX, same=False),
        Flagged(name=FOX, at=None),
        Flagged(name=LEFT, at=None),
        Look(name=LEFT, hour=87),
        Look(name=FOX, hour=87),
        Falls(name=LEFT, looks=5),
        Falls(name=FOX, looks=4),
        Reckon(),
        Gained(name=LEFT, start=0, end=100, own=87, board=87, day=20),
        Gained(name=FOX, start=0, end=100, own=26, board=26, day=26),
        Tops(values=ALL, gains=ALL, records=ALL),
    ),
}


@pytest.mark.parametrize("steps", REVIEWED.values(), ids=REVIEWED)
async def test_a_name_that_changes_hands(stage: Stage, steps: tuple[Step, ...]) -> None:
    for step in (*TAKEN, *steps):
        await step.play(stage)


LENT, REED = "Lent Name", "Iron Reed"

LENT_OR_TAKEN: dict[str, tuple[Step, ...]] = {
    "a name that comes back": (
        Track(names=(LENT,)),
        Looks(name=LENT, at=BEFORE),
        Look(name=LENT, hour=61),
        Flagged(name=LENT, at=61),
        Look(name=LENT, hour=65),
        Look(name=LENT, hour=71),
        Flagged(name=LENT, at=None),
        Reviews(name=LENT, found=((Why.COLLAPSE, Resolution.RECOVERED),)),
        Refused(step=Accept(name=LENT), words="review"),
        Reckon(),
        Gained(name=LENT, start=0, end=71, own=71, board=71, day=20),
        Gained(name=LENT, start=30, end=71, own=41, board=41, day=20),
        Falls(name=LENT, at=(61,), looks=7),
        Told(name=LENT, events=((EventKind.FLAGGED, None),)),
    ),
    "an ironman's name that a regular player takes": (
        Track(names=(REED,)),
        Look(name=REED, hour=0),
        Check(name=REED, mode=IRONMAN),
        Looks(name=REED, at=BEFORE[1:]),
        Look(name=REED, hour=50, outcome=Outcome.NOT_RANKED, requests=2),
        Look(name=REED, hour=61, requests=2),
        Flagged(name=REED, at=61),
        # that somebody else is no ironman says nothing of the one who was
        Check(name=REED, mode=IRONMAN, requests=0),
        Mode(name=REED, mode=IRONMAN),
        Told(name=REED, events=((EventKind.FLAGGED, None),)),
        Split(name=REED),
        Mode(name=f"{REED}~1", mode=IRONMAN),
        # of the other one nobody knows the mode: finding it is no change of it
        Look(name=REED, hour=62),
        Mode(name=REED, mode=IRONMAN, is_checked=False),
        Check(name=REED, mode=IRONMAN, pending=REGULAR),
        Until(hour=62.2),
        Check(name=REED, mode=REGULAR),
        Mode(name=REED, mode=REGULAR),
        Look(name=REED, hour=63, requests=1),
        # what was told of the look goes with it
        Told(name=REED, events=((EventKind.FLAGGED, None),)),
        Told(name=f"{REED}~1"),
        Falls(name=REED, looks=4),
    ),
}


@pytest.mark.parametrize("steps", LENT_OR_TAKEN.values(), ids=LENT_OR_TAKEN)
async def test_a_name_under_which_somebody_else_was_seen(stage: Stage, steps: tuple[Step, ...]) -> None:
    for step in steps:
        await step.play(stage)


WREN, HILL = "Wren Hill", "Hill Wren"

RENAMED: dict[str, tuple[Step, ...]] = {
    "followed by a newcomer under the old name": (
        Track(names=(WREN,)),
        Looks(name=WREN, at=(0, 12, 24)),
        Look(name=WREN, hour=34, outcome=Outcome.NOT_RANKED),
        Missing(name=WREN, since=34, failures=1),
        Rename(name=WREN, to=HILL),
        Is(name=HILL, who=WREN),
        Look(name=HILL, hour=36),
        Missing(name=HILL, since=None),
        Told(name=HILL, events=((EventKind.NAME_CHANGE, f"{WREN} -> {HILL}"),)),
        Gained(name=HILL, start=0, end=36, own=36, board=36, day=24),
        Track(names=("Wren Heir",)),
        Look(name="Wren Heir", hour=49, outcome=Outcome.NOT_RANKED),
        # who takes the name is another player, with nothing of the first one's
        Track(names=(WREN,)),
        Is(name=HILL, who=WREN, same=False),
        Look(name=WREN, hour=50),
        Look(name=HILL, hour=50),
        Look(name=WREN, hour=52),
        Falls(name=WREN, looks=2),
        Falls(name=HILL, looks=5),
        Flagged(name=WREN, at=None),
        Flagged(name=HILL, at=None),
        Told(name=WREN),
        Told(name=HILL, events=((EventKind.NAME_CHANGE, f"{WREN} -> {HILL}"),)),
        Gained(name=WREN, start=0, end=60, own=2, board=2, day=2),
        Gained(name=HILL, start=0, end=60, own=50, board=50, day=26),
        Refused(step=Undo(name=HILL), words="Wren Hill"),
    ),
    "joined with who was tracked under the new name, and taken back": (
        Track(names=(FOX, LEFT)),
        Looks(name=FOX, at=(0, 12, 24, 36)),
        Looks(name=LEFT, at=(44, 50)),
        Rename(name=FOX, to=LEFT),
        Reckon(),
        Is(name=LEFT, who=FOX),
        Refused(step=Falls(name=FOX), words="No tracked player"),
        Falls(name=LEFT, looks=6),
        Gained(name=LEFT, start=0, end=60, own=50, board=50, day=26),
        Gained(name=LEFT, start=36, end=44, own=8, board=8, day=26),
        Look(name=LEFT, hour=52),
        Undo(name=LEFT),
        Reckon(),
        Is(name=FOX, who=FOX),
        Is(name=LEFT, who=LEFT),
        Falls(name=FOX, looks=4),
        Falls(name=LEFT, looks=3),
        Gained(name=FOX, start=0, end=60, own=36, board=36, day=24),
        Gained(name=LEFT, start=0, end=60, own=8, board=8, day=8),
        Told(name=LEFT),
    ),
    "refused where the histories are those of two": (
        Track(names=("Loud Drum", FOX)),
        *(Look(name=name, hour=hour) for hour in (0, 12) for name in ("Loud Drum", FOX)),
        Refused(step=Rename(name="Loud Drum", to=FOX), words=""),
        Is(name=FOX, who=FOX),
        Is(name="Loud Drum", who="Loud Drum"),
        Falls(name=FOX, looks=2),
        Told(name=FOX),
        Told(name="Loud Drum"),
    ),
}


@pytest.mark.parametrize("steps", RENAMED.values(), ids=RENAMED)
async def test_a_name_that_is_changed(stage: Stage, steps: tuple[Step, ...]) -> None:
    for step in steps:
        await step.play(stage)
