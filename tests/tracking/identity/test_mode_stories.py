"""What becomes of game modes: deaths, de-irons, logouts between two requests, outages in the middle of a check."""

import pytest
from cast import HARDCORE, IRONMAN, REGULAR, ULTIMATE
from expectations import Falls, Flagged, Gained, Mode, Reviews, Shown, Since, Told, Tops
from stage import Stage
from steps import Accept, Check, Job, Look, Looks, Step, Track, Until, Wait, Well, Wrong

from osrsdiff.demo.faults import Fault, FaultKind
from osrsdiff.errors import Outcome
from osrsdiff.game.events import EventKind
from osrsdiff.game.modes import GameMode
from osrsdiff.game.reviews import Why

ENOUGH = 6.0
"""Minutes after which a second look counts."""


def tracked(name: str, mode: GameMode) -> tuple[Step, ...]:
    """An ironman who was seen at the first hour and whose mode is known."""
    return Track(names=(name,)), Look(name=name, hour=0), Check(name=name, mode=mode), Mode(name=name, mode=mode)


def path_of(name: str) -> str:
    return f"/players/{name.replace(' ', '%20')}"


# --- somebody leaves a mode


def leaves(name: str, before: GameMode, after: GameMode) -> tuple[Step, ...]:
    """What the change at hour 50 comes to: a check finds it at 74, a second one confirms it."""
    return (
        *tracked(name, before),
        Looks(name=name, at=(24, 48, 54)),
        Look(name=name, hour=60, outcome=Outcome.UNCHANGED),
        Until(hour=74),
        Check(name=name, mode=before, pending=after),
        Mode(name=name, mode=before),
        Told(name=name),
        Wait(minutes=1),
        Check(name=name, mode=before, pending=after),
        Mode(name=name, mode=before),
        Wait(minutes=ENOUGH),
        Check(name=name, mode=after, changed_from=before),
        Mode(name=name, mode=after, changes=((before, after, 50),)),
        Told(name=name, events=((EventKind.MODE_CHANGE, f"{before} to {after}"),)),
        Shown(path=path_of(name), has={"game_mode": after.value}),
        # from now on the table that goes on is read: what was missed is there, once
        Look(name=name, hour=75, requests=1),
        Since(name=name, hour=74.1, look=54),
        Gained(name=name, start=48, end=75, own=27, board=27, day=26.12),
        Falls(name=name),
        Flagged(name=name, at=None),
        Look(name=name, hour=98, requests=1),
        Check(name=name, mode=after),
        Mode(name=name, mode=after, changes=((before, after, 50),)),
        Told(name=name, events=((EventKind.MODE_CHANGE, None),)),
    )


LEAVING = {
    "a hardcore dies": leaves("Brittle Vow", HARDCORE, IRONMAN),
    "an ironman leaves": leaves("Left Lane", IRONMAN, REGULAR),
    "a hardcore leaves altogether": leaves("Both Gone", HARDCORE, REGULAR),
    "an ultimate becomes an ironman": leaves("Light Sack", ULTIMATE, IRONMAN),
}


@pytest.mark.parametrize("steps", LEAVING.values(), ids=LEAVING)
async def test_a_mode_that_is_left(stage: Stage, steps: tuple[Step, ...]) -> None:
    for step in steps:
        await step.play(stage)


# --- nobody leaves anything


def stays(name: str, mode: GameMode, *steps: Step) -> tuple[Step, ...]:
    """Whatever happens in these steps, the mode stays what it was and nobody hears of anything."""
    return (
        *tracked(name, mode),
        Until(hour=30),
        *steps,
        Wait(minutes=ENOUGH),
        Check(name=name, mode=mode),
        Mode(name=name, mode=mode),
        Flagged(name=name, at=None),
        Told(name=name),
    )


def logout(table: GameMode) -> Wrong:
    return Wrong(fault=Fault(FaultKind.LOGOUT, table=table, by_s=3600, times=1))


def stale(table: GameMode, times: int | None = None) -> Wrong:
    return Wrong(fault=Fault(FaultKind.STALE, table=table, by_s=4 * 3600, times=times))


def gone(table: GameMode, times: int | None = None) -> Wrong:
    return Wrong(fault=Fault(FaultKind.NOT_FOUND, table=table, times=times))


STAYING = {
    "nothing happens": stays("Iron Steady", IRONMAN, Check(name="Iron Steady", mode=IRONMAN, requests=2)),
    "nobody plays": stays("Iron Idle", IRONMAN, Check(name="Iron Idle", mode=IRONMAN, requests=1)),
    "a logout after main": stays("Iron Steady", IRONMAN, logout(REGULAR), Check(name="Iron Steady", mode=IRONMAN)),
    "a logout after the own table": stays(
        "Iron Steady", IRONMAN, logout(IRONMAN), Check(name="Iron Steady", mode=IRONMAN)
    ),
    "a hardcore's logout after main": stays(
        "Hard Steady", HARDCORE, logout(REGULAR), Check(name="Hard Steady", mode=HARDCORE)
    ),
    "a hardcore's logout after ironman": stays(
        "Hard Steady", HARDCORE, logout(IRONMAN), Check(name="Hard Steady", mode=HARDCORE)
    ),
    "logouts after every request": stays(
        "Hard Steady", HARDCORE, *map(logout, (REGULAR, IRONMAN, HARDCORE)), Check(name="Hard Steady", mode=HARDCORE)
    ),
    "one old answer of the own table": stays(
        "Iron Steady", IRONMAN, stale(IRONMAN, 1), Check(name="Iron Steady", mode=IRONMAN, pending=REGULAR)
    ),
    "old answers of the own table": stays(
        "Iron Steady", IRONMAN, stale(IRONMAN), Check(name="Iron Steady", mode=IRONMAN, pending=REGULAR), Well()
    ),
    "old answers of the hardcore table": stays(
        "Hard Steady", HARDCORE, stale(HARDCORE), Check(name="Hard Steady", mode=HARDCORE, pending=IRONMAN), Well()
    ),
    "an old answer of main": stays("Iron Steady", IRONMAN, stale(REGULAR), Check(name="Iron Steady", mode=IRONMAN)),
    "the own table forgets somebody for a moment": stays(
        "Iron Steady", IRONMAN, gone(IRONMAN), Check(name="Iron Steady", mode=IRONMAN), Well()
    ),
    "main forgets somebody for a moment": stays(
        "Iron Steady", IRONMAN, gone(REGULAR), Check(name="Iron Steady", mode=IRONMAN), Well()
    ),
    "two looks within a minute": stays(
        "Iron Steady",
        IRONMAN,
        stale(IRONMAN),
        Check(name="Iron Steady", mode=IRONMAN, pending=REGULAR),
        Wait(minutes=1),
        Check(name="Iron Steady", mode=IRONMAN, pending=REGULAR),
        Well(),
    ),
}


@pytest.mark.parametrize("steps", STAYING.values(), ids=STAYING)
async def test_a_mode_that_stays(stage: Stage, steps: tuple[Step, ...]) -> None:
    for step in steps:
        await step.play(stage)


# --- an outage in the middle of a check

OUTAGES = [
    (FaultKind.UNAVAILABLE, False),
    (FaultKind.HTML, False),
    (FaultKind.REDIRECT, False),
    (FaultKind.TRUNCATED, False),
    (FaultKind.MISSING_SKILL, False),
    (FaultKind.DRIP_FEED, True),
]


async def test_an_outage_in_the_middle_of_a_check_decides_nothing(stage: Stage) -> None:
    name = "Brittle Vow"
    for step in (*tracked(name, HARDCORE), Looks(name=name, at=(48, 54)), Until(hour=74)):
        await step.play(stage)
    before = await stage.player(name)
    for table in (REGULAR, IRONMAN, HARDCORE):
        for kind, hasty in OUTAGES:
            fault = Fault(kind, table=table, pause_s=5)
            for step in (Wrong(fault=fault), Check(name=name, mode=HARDCORE, hasty=hasty, decided=False), Well()):
                await step.play(stage)
            assert await stage.player(name) == before, (table, kind)
    for step in (
        Mode(name=name, mode=HARDCORE),
        Told(name=name),
        Check(name=name, mode=HARDCORE, pending=IRONMAN),
        # what the first look found does not become true by an outage at the second
        Wait(minutes=ENOUGH),
        Wrong(fault=Fault(FaultKind.UNAVAILABLE, table=HARDCORE)),
        Check(name=name, mode=HARDCORE, decided=False),
        Mode(name=name, mode=HARDCORE),
        Well(),
        Check(name=name, mode=IRONMAN, changed_from=HARDCORE),
        Mode(name=name, mode=IRONMAN, changes=((HARDCORE, IRONMAN, 50),)),
    ):
        await step.play(stage)


# --- who is found where


FOUND = {
    "an ironman missing on main": (
        Track(names=("Lost Iron",)),
        Look(name="Lost Iron", hour=0, requests=2),
        Check(name="Lost Iron", mode=IRONMAN),
        Mode(name="Lost Iron", mode=IRONMAN),
        Look(name="Lost Iron", hour=5, requests=1),
        Gained(name="Lost Iron", start=0, end=5, own=5, board=5, day=5),
        Shown(path=path_of("Lost Iron"), has={"game_mode": "ironman"}),
        Told(name="Lost Iron"),
    ),
    "a regular player needs two looks": (
        Track(names=("Loud Drum",)),
        Look(name="Loud Drum", hour=0, requests=1),
        Mode(name="Loud Drum", mode=REGULAR, is_checked=False),
        Check(name="Loud Drum", mode=REGULAR, pending=REGULAR),
        Mode(name="Loud Drum", mode=REGULAR, is_checked=False),
        Wait(minutes=ENOUGH),
        Check(name="Loud Drum", mode=REGULAR),
        Mode(name="Loud Drum", mode=REGULAR),
        Told(name="Loud Drum"),
    ),
    "a hardcore is found at once, and told of as nothing new": (
        Track(names=("Hard Steady",)),
        Look(name="Hard Steady", hour=0),
        Look(name="Hard Steady", hour=1),
        Check(name="Hard Steady", mode=HARDCORE),
        Mode(name="Hard Steady", mode=HARDCORE),
        Look(name="Hard Steady", hour=2, requests=1),
        Gained(name="Hard Steady", start=0, end=2, own=2, board=2, day=2),
        Told(name="Hard Steady"),
    ),
    "an ironman under a regular player's name": (
        Track(names=("Plain Oak",)),
        Look(name="Plain Oak", hour=0),
        Check(name="Plain Oak", mode=REGULAR, pending=REGULAR),
        Wait(minutes=ENOUGH),
        Check(name="Plain Oak", mode=REGULAR),
        Mode(name="Plain Oak", mode=REGULAR),
        Until(hour=46),
        Check(name="Plain Oak", mode=REGULAR, pending=IRONMAN),
        Flagged(name="Plain Oak", at=None),
        Wait(minutes=ENOUGH),
        Check(name="Plain Oak", mode=REGULAR),
        Mode(name="Plain Oak", mode=REGULAR),
        Flagged(name="Plain Oak", at=46.1),
        Reviews(name="Plain Oak", found=((Why.IMPOSSIBLE_MODE, None),)),
        Look(name="Plain Oak", hour=47),
        Tops(values=frozenset(), gains=frozenset(), records=frozenset()),
        Told(name="Plain Oak", events=((EventKind.FLAGGED, None),)),
        # whoever says that it is the same player says that the mode was never right
        Accept(name="Plain Oak"),
        Flagged(name="Plain Oak", at=None),
        Wait(minutes=ENOUGH),
        Check(name="Plain Oak", mode=IRONMAN),
        Mode(name="Plain Oak", mode=IRONMAN),
        Told(name="Plain Oak", events=((EventKind.FLAGGED, None),)),
        Look(name="Plain Oak", hour=48),
        Flagged(name="Plain Oak", at=None),
    ),
}


@pytest.mark.parametrize("steps", FOUND.values(), ids=FOUND)
async def test_a_mode_that_is_found(stage: Stage, steps: tuple[Step, ...]) -> None:
    for step in steps:
        await step.play(stage)


# --- the job of 02:00

PLAYING, IDLE, DYING = "Iron Steady", "Iron Idle", "Brittle Vow"


def seen(hour: float, *names: str) -> tuple[Step, ...]:
    return tuple(Looks(name=name, at=(hour,)) for name in names)


DAILY: tuple[Step, ...] = (
    Track(names=(PLAYING, IDLE, DYING, "Loud Drum")),
    *seen(0, PLAYING, IDLE, DYING, "Loud Drum"),
    Until(hour=0.5),
    # main and ironman for each; both other tables for two, the first of them for the hardcore; a second time for one
    Job(requests=4 + 4 + 3 + 2),
    Until(hour=0.6),
    Job(requests=2),
    Job(requests=0),
    *seen(25.9, PLAYING, IDLE, DYING, "Loud Drum"),
    Until(hour=26.1),
    # whose own row went on needs no check, of the other one main tells all, and who is regular stays so
    Job(requests=1),
    *seen(48, PLAYING, IDLE, DYING, "Loud Drum"),
    Until(hour=50.1),
    # who is idle is checked every day
    Job(requests=1),
    *seen(54, DYING),
    *seen(97.9, PLAYING, IDLE, DYING, "Loud Drum"),
    Until(hour=98.1),
    # one for who is idle; main, hardcore, ironman, hardcore and ultimate for whom main tells of more
    Job(requests=1 + 5),
    Mode(name=DYING, mode=HARDCORE),
    Job(requests=0),
    Until(hour=98.2),
    Job(requests=4),
    Mode(name=DYING, mode=IRONMAN, changes=((HARDCORE, IRONMAN, 50),)),
    Told(name=DYING, events=((EventKind.MODE_CHANGE, None),)),
    Job(requests=0),
    Mode(name=PLAYING, mode=IRONMAN),
    Mode(name=IDLE, mode=IRONMAN),
    Mode(name="Loud Drum", mode=REGULAR),
)


async def test_the_job_asks_as_little_as_can_show_the_modes(stage: Stage) -> None:
    for step in DAILY:
        await step.play(stage)
