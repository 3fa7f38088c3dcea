"""The made-up clan: one character for each kind of player that a tracker meets. Values only: `world` moves them."""

from collections.abc import Mapping
from datetime import timedelta

from msgspec import Struct

from osrsdiff.demo.rhythm import ALWAYS, NEVER, Rhythm
from osrsdiff.game.modes import GameMode

_DAILY = Rhythm(days=0.95, starts=8, hours=14)
_EVENINGS = Rhythm(days=0.7, starts=18, hours=4)
_WEEKENDS = Rhythm(days=0.3, starts=13, hours=6)
_SELDOM = Rhythm(days=0.05, starts=20, hours=2)


class Character(Struct, frozen=True, kw_only=True):
    """One player and its habits. Skills and activities go by the hiscores' own names.

    `levels`: lowest and highest that its skills have at the epoch; `xp`: exact where that won't do, 0 for never
    trained. `trains`: xp in a usual week. `kills`: score at the epoch, and in a usual week. `dabbles`: share of the
    other bosses and clues with an old score. `swings`: a score that goes up and down, around which value and how far.
    `appears_after` the epoch; before, it is on no table. `frozen`: tables whose row stops moving that long after the
    epoch. `hidden`: never shown. `outranked`: shown, but without a rank. `stale`: has not logged in since zeros are
    shown as zeros.
    """

    name: str
    story: str
    rhythm: Rhythm
    levels: tuple[int, int]
    mode: GameMode = GameMode.REGULAR
    xp: Mapping[str, int] = {}
    trains: Mapping[str, int] = {}
    kills: Mapping[str, tuple[int, int]] = {}
    dabbles: float = 0.0
    swings: Mapping[str, tuple[int, int]] = {}
    appears_after: timedelta = timedelta()
    frozen: Mapping[GameMode, timedelta] = {}
    hidden: frozenset[str] = frozenset()
    outranked: frozenset[str] = frozenset()
    stale: bool = False


COMBAT = ("Attack", "Defence", "Strength", "Ranged", "Prayer", "Magic")
NO_COMBAT = dict.fromkeys(COMBAT, 0) | {"Hitpoints": 1154, "Slayer": 0}
STORY_LENGTH = timedelta(days=35)
"""By then everything that the clan's stories promise has happened."""

CLAN: tuple[Character, ...] = (
    Character(
        name="Brass Heron",
        story="plays all day, a bit of everything",
        rhythm=_DAILY,
        levels=(88, 99),
        dabbles=0.8,
        trains={
            "Slayer": 900_000,
            "Hitpoints": 500_000,
            "Strength": 700_000,
            "Farming": 350_000,
            "Runecraft": 300_000,
            "Sailing": 800_000,
        },
        kills={
            "Alchemical Hydra": (1_480, 160),
            "Cerberus": (960, 70),
            "Vorkath": (2_210, 40),
            "Clue Scrolls (hard)": (480, 14),
            "Clue Scrolls (elite)": (72, 4),
            "Collections Logged": (812, 3),
            "Zulrah": (655, 0),
        },
    ),
    Character(
        name="Mudlark Jo",
        story="never stops: something is new at every look",
        rhythm=ALWAYS,
        levels=(70, 92),
        dabbles=0.2,
        trains={"Mining": 6_000_000, "Smithing": 2_400_000, "Fishing": 4_000_000},
        kills={"Tempoross": (340, 1_100)},
    ),
    Character(
        name="Fern Gully 7",
        story="plays most evenings",
        rhythm=_EVENINGS,
        levels=(62, 84),
        dabbles=0.35,
        trains={"Woodcutting": 260_000, "Fletching": 180_000, "Agility": 90_000},
        kills={"Wintertodt": (210, 22), "Barrows Chests": (95, 6), "Clue Scrolls (medium)": (61, 5)},
    ),
    Character(
        name="Pebble Wick",
        story="plays at weekends",
        rhythm=_WEEKENDS,
        levels=(45, 70),
        dabbles=0.1,
        trains={"Cooking": 70_000, "Firemaking": 90_000, "Thieving": 45_000},
        kills={"Giant Mole": (12, 2), "Obor": (5, 1)},
    ),
    Character(
        name="Idle Turnip",
        story="has stopped playing: only ranks drift",
        rhythm=NEVER,
        levels=(72, 90),
        dabbles=0.4,
        kills={"Kraken": (1_204, 0), "Zulrah": (88, 0)},
    ),
    Character(
        name="Sir Naps Lot",
        story="logs in about once a week",
        rhythm=_SELDOM,
        levels=(65, 82),
        dabbles=0.25,
        trains={"Farming": 60_000, "Hunter": 30_000},
        kills={"Hespori": (64, 1)},
    ),
    Character(
        name="Quiet Plow",
        story="a skiller: combat level 3",
        rhythm=_EVENINGS,
        levels=(80, 99),
        xp=NO_COMBAT,
        trains={"Farming": 500_000, "Herblore": 220_000, "Runecraft": 260_000, "Sailing": 300_000},
        kills={
            "Tempoross": (820, 30),
            "Zalcano": (140, 0),
            "Rifts closed": (512, 18),
            "Clue Scrolls (beginner)": (48, 3),
        },
    ),
    Character(
        name="Loom Level 3",
        story="a skiller who has not tried everything yet",
        rhythm=_WEEKENDS,
        levels=(30, 60),
        xp=NO_COMBAT | {"Sailing": 0, "Construction": 0, "Runecraft": 0},
        trains={"Crafting": 80_000, "Runecraft": 12_000},
        kills={"Wintertodt": (44, 5)},
    ),
    Character(
        name="Grim Ladle",
        story="raids every night",
        rhythm=_DAILY,
        levels=(92, 99),
        dabbles=0.95,
        trains={"Ranged": 400_000, "Hitpoints": 450_000, "Magic": 250_000, "Strength": 200_000},
        kills={
            "Chambers of Xeric": (1_310, 18),
            "Chambers of Xeric: Challenge Mode": (402, 4),
            "Theatre of Blood": (720, 10),
            "Theatre of Blood: Hard Mode": (88, 2),
            "Tombs of Amascut: Expert Mode": (655, 12),
            "Nex": (490, 25),
            "Collections Logged": (1_102, 2),
        },
    ),
    Character(
        name="Ember Tusk",
        story="kills one boss after the other",
        rhythm=_EVENINGS,
        levels=(85, 98),
        dabbles=0.85,
        trains={"Hitpoints": 220_000, "Attack": 160_000, "Ranged": 180_000},
        kills={
            "Vardorvis": (310, 40),
            "Duke Sucellus": (205, 18),
            "The Whisperer": (64, 6),
            "The Leviathan": (71, 9),
            "Phantom Muspah": (530, 25),
            "Yama": (49, 8),
            "Colosseum Glory": (41_200, 900),
        },
    ),
    Character(
        name="Clue Magpie",
        story="lives for clue scrolls",
        rhythm=_EVENINGS,
        levels=(78, 95),
        dabbles=0.6,
        trains={"Agility": 110_000, "Hunter": 140_000},
        kills={
            "Clue Scrolls (beginner)": (410, 6),
            "Clue Scrolls (easy)": (980, 20),
            "Clue Scrolls (medium)": (1_240, 30),
            "Clue Scrolls (hard)": (890, 22),
            "Clue Scrolls (elite)": (240, 7),
            "Clue Scrolls (master)": (131, 4),
            "Mimic": (11, 1),
            "Collections Logged": (933, 4),
        },
    ),
    Character(
        name="Iron Thimble",
        story="an ironman who plays a lot",
        mode=GameMode.IRONMAN,
        rhythm=_DAILY,
        levels=(75, 94),
        dabbles=0.55,
        trains={"Slayer": 500_000, "Hitpoints": 260_000, "Crafting": 150_000, "Herblore": 120_000},
        kills={
            "The Gauntlet": (61, 2),
            "The Corrupted Gauntlet": (388, 20),
            "Lunar Chests": (212, 10),
            "Cerberus": (440, 30),
        },
    ),
    Character(
        name="Iron Puddle",
        story="an ironman in no hurry",
        mode=GameMode.IRONMAN,
        rhythm=_WEEKENDS,
        levels=(40, 66),
        dabbles=0.08,
        trains={"Construction": 40_000, "Fishing": 55_000},
        kills={"Scurrius": (33, 4), "Barrows Chests": (8, 2)},
    ),
    Character(
        name="Brittle Oath",
        story="a hardcore ironman who dies on day 24: that row freezes, the other two go on",
        mode=GameMode.HARDCORE,
        rhythm=_DAILY,
        levels=(60, 82),
        dabbles=0.15,
        trains={"Slayer": 280_000, "Hitpoints": 150_000, "Strength": 180_000},
        kills={"Barrows Chests": (120, 12), "The Royal Titans": (18, 6)},
        frozen={GameMode.HARDCORE: timedelta(days=24, hours=20)},
    ),
    Character(
        name="Careful Moth",
        story="a hardcore ironman, still alive",
        mode=GameMode.HARDCORE,
        rhythm=_EVENINGS,
        levels=(55, 78),
        dabbles=0.06,
        trains={"Thieving": 160_000, "Cooking": 70_000, "Prayer": 20_000},
        kills={"Wintertodt": (410, 15)},
    ),
    Character(
        name="No Bank Nell",
        story="an ultimate ironman",
        mode=GameMode.ULTIMATE,
        rhythm=_EVENINGS,
        levels=(50, 76),
        dabbles=0.08,
        trains={"Runecraft": 60_000, "Magic": 120_000, "Construction": 90_000},
        kills={"Tempoross": (75, 6)},
    ),
    Character(
        name="Left The Way",
        story="an ironman who gives it up on day 17: that row freezes",
        mode=GameMode.IRONMAN,
        rhythm=_EVENINGS,
        levels=(66, 85),
        dabbles=0.3,
        trains={"Fletching": 420_000, "Ranged": 130_000},
        kills={"Kraken": (260, 25)},
        frozen={GameMode.IRONMAN: timedelta(days=17, hours=19)},
    ),
    Character(
        name="New Sprout",
        story="a newcomer: on no table before day 28",
        rhythm=_DAILY,
        levels=(1, 12),
        xp={"Sailing": 0, "Herblore": 0, "Slayer": 0, "Farming": 0, "Hitpoints": 1_400},
        trains={
            "Attack": 90_000,
            "Strength": 120_000,
            "Hitpoints": 80_000,
            "Woodcutting": 60_000,
            "Slayer": 25_000,
            "Sailing": 40_000,
        },
        kills={"Scurrius": (0, 12), "Clue Scrolls (beginner)": (0, 2)},
        appears_after=timedelta(days=28, hours=15),
    ),
    Character(
        name="Old Cupboard",
        story="has been away for years: every kind of unranked",
        rhythm=NEVER,
        levels=(62, 74),
        xp={"Woodcutting": 1_271_864, "Sailing": 0, "Fishing": 4_410_233, "Runecraft": 0},
        kills={
            "Clue Scrolls (hard)": (22, 0),
            "TzTok-Jad": (186, 0),
            "Barrows Chests": (3, 0),
            "PvP Arena - Rank": (2_500, 0),
        },
        hidden=frozenset({"Attack", "Hunter"}),
        outranked=frozenset({"Overall", "Woodcutting", "Barrows Chests"}),
        stale=True,
    ),
    Character(
        name="Hidden Attic",
        story="has skills that only Overall counts",
        rhythm=_WEEKENDS,
        levels=(70, 88),
        dabbles=0.3,
        trains={"Mining": 90_000, "Herblore": 40_000},
        hidden=frozenset({"Mining", "Prayer"}),
    ),
    Character(
        name="Maxed Quill",
        story="skill after skill reaches 200,000,000 xp",
        rhythm=_DAILY,
        levels=(99, 99),
        dabbles=0.9,
        xp={
            "Attack": 199_100_000,
            "Strength": 198_400_000,
            "Hitpoints": 200_000_000,
            "Ranged": 199_990_000,
            "Cooking": 200_000_000,
            "Firemaking": 200_000_000,
            "Fletching": 199_700_000,
            "Magic": 197_000_000,
            "Defence": 200_000_000,
            "Slayer": 176_000_000,
            "Woodcutting": 194_000_000,
            "Fishing": 188_000_000,
            "Mining": 200_000_000,
            "Farming": 200_000_000,
            "Thieving": 200_000_000,
            "Hunter": 181_000_000,
        },
        trains={"Attack": 600_000, "Strength": 600_000, "Ranged": 400_000, "Fletching": 250_000, "Magic": 500_000},
        kills={"Corporeal Beast": (2_950, 20), "Zulrah": (11_210, 35)},
    ),
    Character(
        name="Lucky Marble",
        story="scores in the arena that go up and down",
        rhythm=_EVENINGS,
        levels=(74, 90),
        dabbles=0.5,
        trains={"Magic": 90_000, "Ranged": 60_000},
        swings={"LMS - Rank": (1_850, 400), "PvP Arena - Rank": (2_780, 350)},
        kills={"Soul Wars Zeal": (5_100, 240), "Bounty Hunter - Hunter": (14, 1), "Bounty Hunter - Rogue": (6, 0)},
    ),
)

BENCH_KINDS = 256
"""So many different characters stand behind all the names of `bench_character`."""

_BENCH_SKILLS = ("Woodcutting", "Fishing", "Mining", "Cooking", "Crafting", "Smithing", "Farming", "Thieving")
_BENCH_BOSSES = ("Zulrah", "Vorkath", "Kraken", "Cerberus", "Araxxor", "Nex", "Yama", "Hespori")


def bench_character(number: int) -> Character:
    """Who plays as "bench <number>": five metrics grow without a pause, Overall, three skills and a boss."""
    kind = number % BENCH_KINDS
    skills = (_BENCH_SKILLS[(kind + step) % len(_BENCH_SKILLS)] for step in range(3))
    boss = _BENCH_BOSSES[kind // len(_BENCH_SKILLS) % len(_BENCH_BOSSES)]
    return Character(
        name=f"bench {kind}",
        story="for measuring",
        rhythm=ALWAYS,
        levels=(70, 92),
        trains=dict.fromkeys(skills, 8_400_000),
        kills=dict.fromkeys(_BENCH_BOSSES, (500, 0)) | {boss: (500, 5_040)},
    )
