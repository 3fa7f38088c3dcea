"""An answer of the official hiscores, field by field in its order, and what a fault makes of it."""

from msgspec import Struct
from msgspec.structs import replace


class SkillRow(Struct, frozen=True):
    """`rank` -1: unranked; `xp` -1: hidden."""

    id: int
    name: str
    rank: int
    level: int
    xp: int


class ActivityRow(Struct, frozen=True):
    """`rank` -1: unranked; `score` -1: unknown."""

    id: int
    name: str
    rank: int
    score: int


class Page(Struct, frozen=True):
    """The body for one player on one table. `name` echoes the query."""

    name: str
    skills: tuple[SkillRow, ...]
    activities: tuple[ActivityRow, ...]


def with_new_boss(page: Page, name: str) -> Page:
    """The page with a boss that nobody knows in the middle, every later id shifted as at a real insertion."""
    middle = len(page.activities) // 2
    boss = ActivityRow(middle, name, 1234, 7)
    shifted = (replace(row, id=row.id + 1) for row in page.activities[middle:])
    return replace(page, activities=(*page.activities[:middle], boss, *shifted))


def without_skill(page: Page, name: str) -> Page:
    """The page with one skill left out and the ids closed up."""
    left = (row for row in page.skills if row.name != name)
    return replace(page, skills=tuple(replace(row, id=place) for place, row in enumerate(left)))
