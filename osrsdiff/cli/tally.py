"""What becomes of each of several names: a line as it comes or one document at the end, and the exit code."""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field

from rich.text import Text

from osrsdiff.cli import exits, tables, wording
from osrsdiff.cli.documents import ModeCheck, NameResult, NameResults, fetched
from osrsdiff.errors import UserError
from osrsdiff.storage.players import Player
from osrsdiff.tracking.fetch import FetchReport

_LONGEST_NAME = 12


@dataclass
class Tally:
    """Results by name. A refused name goes to standard error and stops nothing."""

    as_json: bool = False
    results: list[NameResult] = field(default_factory=list)
    without_data: bool = False

    async def each(self, names: Iterable[str], work: Callable[[str], Awaitable[tuple[Player, str]]]) -> None:
        """Does `work` for each name; it returns the player and what was done in words, or raises UserError."""
        for name in names:
            try:
                player, words = await work(name)
            except UserError as error:
                self.refused(name, error)
            else:
                self.done(name, player, words)

    def refused(self, name: str, error: UserError) -> None:
        """A name with which nothing could be done."""
        self.results.append(NameResult(name, None, done=False, error=str(error), fetch=None))
        exits.report(error)

    def done(
        self,
        name: str,
        player: Player,
        words: str,
        report: FetchReport | None = None,
        *,
        joined: bool = False,
        check: ModeCheck | None = None,
    ) -> None:
        """A name with which something was done.

        `report`: of the look that was waited for, `check`: of the game mode's check; `joined`: another's.
        """
        result = NameResult(name, player.username, True, None, fetched(report), joined, check)
        self.results.append(result)
        learnt_nothing = (report is not None and not wording.is_data(report.outcome)) or (
            check is not None and check.verdict is None
        )
        self.without_data |= learnt_nothing
        if not self.as_json:
            style = "yellow" if learnt_nothing else ""
            line = Text(f"{player.display_name:<{_LONGEST_NAME}}  ", style="bold")
            tables.print_line(line.append(words, style=f"not bold {style}".strip()))

    def document(self, *, fetching: bool) -> NameResults:
        """All results, for scripts."""
        return NameResults(fetching, self.results)

    @property
    def exit_code(self) -> int:
        """0 where all was done; bad input where all was refused; else done in part."""
        refused = sum(result.error is not None for result in self.results)
        if refused and refused == len(self.results):
            return exits.BAD_INPUT
        return exits.NOT_DONE if refused or self.without_data else 0
