"""What cases consist of: steps, each a value, that let something happen or do something. Hours count from the epoch."""

from datetime import timedelta

from cast import EPOCH, hours
from msgspec import Struct
from stage import Stage

from osrsdiff.demo.faults import Fault
from osrsdiff.errors import OsrsdiffError, Outcome
from osrsdiff.game.modes import GameMode
from osrsdiff.tracking import modes, renames, reviews
from osrsdiff.tracking.players import add_player
from osrsdiff.tracking.reckoning import reckon_pending


class Step(Struct, frozen=True, kw_only=True):
    """One thing of a case."""

    async def play(self, stage: Stage) -> None:
        """Does it, or looks whether it is so."""
        raise NotImplementedError


# --- what happens


class Until(Step):
    """Lets time pass until that hour."""

    hour: float

    async def play(self, stage: Stage) -> None:
        ahead = EPOCH + hours(self.hour) - stage.hiscores.now()
        assert ahead >= timedelta(), "a case does not go back in time"
        stage.hiscores.advance(ahead)


class Wait(Step):
    """Lets so much time pass."""

    minutes: float

    async def play(self, stage: Stage) -> None:
        stage.hiscores.advance(timedelta(minutes=self.minutes))


class Wrong(Step):
    """Something goes wrong from now on."""

    fault: Fault

    async def play(self, stage: Stage) -> None:
        stage.hiscores.faults.add(self.fault)


class Well(Step):
    """Nothing goes wrong any more, and the pause after an outage is over."""

    async def play(self, stage: Stage) -> None:
        stage.hiscores.faults.clear()
        await stage.close_breaker()


# --- what is done


class Track(Step):
    """Players are added."""

    names: tuple[str, ...]

    async def play(self, stage: Stage) -> None:
        for name in self.names:
            stage.ids[name] = (await add_player(stage.instance, name)).player.id


class Look(Step):
    """A fetch, at that hour or now, and how it ends. `requests`: how many it takes."""

    name: str
    hour: float | None = None
    outcome: Outcome = Outcome.CHANGED
    requests: int | None = None

    async def play(self, stage: Stage) -> None:
        if self.hour is not None:
            await Until(hour=self.hour).play(stage)
        before = stage.hiscores.requests.total()
        report = await stage.look(self.name)
        assert report.outcome is self.outcome, report
        if self.requests is not None:
            assert stage.hiscores.requests.total() - before == self.requests


class Looks(Step):
    """A fetch at each of these hours, none of which fails."""

    name: str
    at: tuple[float, ...]

    async def play(self, stage: Stage) -> None:
        for hour in self.at:
            await Until(hour=hour).play(stage)
            assert (await stage.look(self.name)).outcome in (Outcome.CHANGED, Outcome.UNCHANGED)


class Check(Step):
    """A check of the game mode, what it leaves, and how many requests it takes.

    `decided`: whether the tables tell anything. `hasty`: by a client without patience.
    """

    name: str
    mode: GameMode
    changed_from: GameMode | None = None
    pending: GameMode | None = None
    requests: int | None = None
    decided: bool = True
    hasty: bool = False

    async def play(self, stage: Stage) -> None:
        before = stage.hiscores.requests.total()
        player = await stage.player(self.name)
        fetcher = await stage.hasty() if self.hasty else stage.fetcher
        checked = await modes.check_mode(fetcher, player.id, spare=False)
        assert checked is not None
        assert (checked.mode, checked.changed_from, checked.pending) == (self.mode, self.changed_from, self.pending)
        if self.requests is not None:
            assert stage.hiscores.requests.total() - before == self.requests


class Job(Step):
    """A run of the job that checks modes, and how many requests it takes."""

    requests: int

    async def play(self, stage: Stage) -> None:
        before = stage.hiscores.requests.total()
        report = await modes.check_modes(stage.fetcher)
        assert not report.is_more
        assert (stage.hiscores.requests.total() - before, report.requests) == (self.requests, self.requests)


class Reckon(Step):
    """What the reckoning job does."""

    async def play(self, stage: Stage) -> None:
        await reckon_pending(stage.instance)


class Rename(Step):
    """A player is given another name."""

    name: str
    to: str
    force: bool = False

    async def play(self, stage: Stage) -> None:
        await renames.rename(stage.instance, self.name, self.to, force=self.force, clock=stage.hiscores.now)


class Undo(Step):
    """The newest rename is taken back."""

    name: str

    async def play(self, stage: Stage) -> None:
        await renames.undo(stage.instance, self.name, clock=stage.hiscores.now)


class Refused(Step):
    """What somebody asks for is refused, with these words."""

    step: Step
    words: str

    async def play(self, stage: Stage) -> None:
        try:
            await self.step.play(stage)
        except OsrsdiffError as error:
            assert self.words in str(error), error  # noqa: PT017 - the step is what is expected to fail
        else:
            raise AssertionError(f"not refused: {self.step}")


class Accept(Step):
    """It is the same player."""

    name: str

    async def play(self, stage: Stage) -> None:
        await reviews.accept(stage.instance, self.name, clock=stage.hiscores.now)


class Discard(Step):
    """What was seen since the flag is thrown away."""

    name: str

    async def play(self, stage: Stage) -> None:
        await reviews.discard(stage.instance, self.name, clock=stage.hiscores.now)


class Split(Step):
    """It is somebody else since the flag."""

    name: str
    renamed_to: str | None = None

    async def play(self, stage: Stage) -> None:
        await reviews.split(stage.instance, self.name, renamed_to=self.renamed_to, clock=stage.hiscores.now)
