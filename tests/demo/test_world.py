"""The simulated game says what the official hiscores would: their format, their kinds of unranked, their tables."""

import hashlib
import subprocess
import sys
from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import msgspec
import pytest

from osrsdiff.demo.characters import DAILY, EVENINGS, SELDOM, WEEKENDS, Character
from osrsdiff.demo.clan import CLAN
from osrsdiff.demo.crowd import iron_character
from osrsdiff.demo.pages import ActivityRow, Page, SkillRow
from osrsdiff.demo.rhythm import ALWAYS, NEVER
from osrsdiff.demo.world import DEFAULT_EPOCH, TICK_S, World
from osrsdiff.errors import InvalidUsername
from osrsdiff.game.levels import level_for_xp
from osrsdiff.game.metrics import KNOWN, may_fall, metric_key
from osrsdiff.game.modes import GameMode
from osrsdiff.game.snapshots import Unranked, difference
from osrsdiff.game.usernames import canonical
from osrsdiff.hiscores.parser import parse

EPOCH = datetime(2026, 9, 7, tzinfo=UTC)
WORLD = World(epoch=EPOCH)
LATE = EPOCH + timedelta(days=34)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
EVERYBODY = [pytest.param(character, id=character.name) for character in CLAN]


def page(name: str, at: datetime, table: GameMode = GameMode.REGULAR) -> Page:
    found = WORLD.page(name, at, table)
    assert found is not None
    return found


def skill(of: Page, name: str) -> tuple[int, int, int]:
    row = next(row for row in of.skills if row.name == name)
    return row.rank, row.level, row.xp


def activity(of: Page, name: str) -> tuple[int, int]:
    row = next(row for row in of.activities if row.name == name)
    return row.rank, row.score


def values(of: Page) -> dict[str, int]:
    return {row.name: row.xp for row in of.skills} | {row.name: row.score for row in of.activities}


def ranks(of: Page) -> list[int]:
    return [row.rank for row in of.skills] + [row.rank for row in of.activities]


# --- the same for the same seed


DIGEST = """
import hashlib
from datetime import UTC, datetime, timedelta
from osrsdiff.demo.clan import CLAN
from osrsdiff.demo.world import World
world = World(seed=5, epoch=datetime(2026, 9, 7, tzinfo=UTC))
digest = hashlib.sha256()
for character in CLAN:
    for day in (0, 11, 34):
        digest.update(world.body(character.name, world.epoch + timedelta(days=day, hours=19)) or b"-")
print(digest.hexdigest())
"""


def test_two_processes_with_one_seed_agree_to_the_byte() -> None:
    here = hashlib.sha256()
    world = World(seed=5, epoch=EPOCH)
    for character in CLAN:
        for day in (0, 11, 34):
            here.update(world.body(character.name, EPOCH + timedelta(days=day, hours=19)) or b"-")
    there = subprocess.run([sys.executable, "-c", DIGEST], capture_output=True, text=True, check=True)
    assert there.stdout.strip() == here.hexdigest()


def test_another_seed_is_another_world() -> None:
    assert World(seed=2, epoch=EPOCH).body("Brass Heron", LATE) != WORLD.body("Brass Heron", LATE)


def test_the_order_of_questions_does_not_matter() -> None:
    first, second = World(epoch=EPOCH), World(epoch=EPOCH)
    late_first = first.body("Grim Ladle", LATE), first.body("Grim Ladle", EPOCH)
    early_first = second.body("Grim Ladle", EPOCH), second.body("Grim Ladle", LATE)
    assert late_first == early_first[::-1]


# --- the official format


@pytest.mark.parametrize("character", EVERYBODY)
def test_the_body_has_the_official_keys_in_their_order(character: Character) -> None:
    body = msgspec.json.decode(WORLD.body(character.name, LATE) or b"")
    assert list(body) == ["name", "skills", "activities"]
    assert {tuple(row) for row in body["skills"]} == {("id", "name", "rank", "level", "xp")}
    assert {tuple(row) for row in body["activities"]} == {("id", "name", "rank", "score")}


@pytest.mark.parametrize("character", EVERYBODY)
def test_the_body_has_25_skills_and_91_activities_by_position(character: Character) -> None:
    body = page(character.name, LATE)
    assert [row.id for row in body.skills] == list(range(25))
    assert [row.id for row in body.activities] == list(range(91))
    assert list(values(body)) == [metric.name for metric in KNOWN]


@pytest.mark.parametrize("character", EVERYBODY)
def test_the_body_has_whole_numbers_only(character: Character) -> None:
    body = msgspec.json.decode(WORLD.body(character.name, LATE) or b"")
    for row in (*body["skills"], *body["activities"]):
        assert all(type(value) is int for key, value in row.items() if key != "name")


def test_the_newest_recorded_answer_has_the_same_shape(recordings: Path) -> None:
    recorded = msgspec.json.decode((recordings / "2026-10_main_b0aty.json").read_bytes())
    ours = msgspec.json.decode(WORLD.body("Brass Heron", LATE) or b"")
    shapes = [
        (
            list(body),
            *([(list(row), row["id"], row["name"]) for row in body[part]] for part in ("skills", "activities")),
        )
        for body in (ours, recorded)
    ]
    assert shapes[0] == shapes[1]


@pytest.mark.parametrize("spelling", ["Old Cupboard", "old_cupboard", "OLD-CUPBOARD", "old\u00a0cupboard"])
def test_the_name_echoes_the_question_and_every_spelling_finds_the_player(spelling: str) -> None:
    body = msgspec.json.decode(WORLD.body(spelling, LATE) or b"", type=Page)
    assert body.name == spelling
    assert body.skills == page("Old Cupboard", LATE).skills


@pytest.mark.parametrize("character", EVERYBODY)
def test_the_body_is_the_page(character: Character) -> None:
    assert msgspec.json.decode(WORLD.body(character.name, LATE) or b"", type=Page) == page(character.name, LATE)


@pytest.mark.parametrize("character", EVERYBODY)
@pytest.mark.parametrize("days", [0, 29, 400])
def test_our_parser_accepts_every_body(character: Character, days: int) -> None:
    for table in GameMode:
        body = WORLD.body(character.name, EPOCH + timedelta(days=days), table)
        if body is not None:
            observed = parse(body)
            assert len(observed.sheet) == len(KNOWN)
            assert observed.new_metrics == ()


# --- the game's own rules


def counted_xp(character: Character, at: datetime) -> int:
    shown = {row.name: row.xp for row in page(character.name, at).skills}
    return sum(xp for name, xp in shown.items() if name != "Overall")


@pytest.mark.parametrize("character", [c for c in CLAN if not c.hidden], ids=lambda c: c.name)
def test_overall_is_the_sum_of_the_skills(character: Character) -> None:
    body = page(character.name, LATE)
    _, level, xp = skill(body, "Overall")
    assert xp == counted_xp(character, LATE)
    assert level == sum(row.level for row in body.skills if row.name != "Overall")


def test_overall_counts_what_is_hidden() -> None:
    _, _, xp = skill(page("Hidden Attic", LATE), "Overall")
    hidden = next(character for character in CLAN if character.name == "Hidden Attic")
    assert xp > counted_xp(hidden, LATE)
    assert skill(page("Hidden Attic", LATE), "Mining") == (-1, 1, -1)


@pytest.mark.parametrize("character", EVERYBODY)
@pytest.mark.parametrize("days", [30, 1000])
def test_xp_levels_and_ranks_stay_within_their_caps(character: Character, days: int) -> None:
    body = page(character.name, EPOCH + timedelta(days=days))
    for row in body.skills[1:]:
        assert row.xp <= 200_000_000
        assert row.level == level_for_xp(max(row.xp, 0)) <= 99
    assert all(rank == -1 or 1 <= rank <= 2_000_000 for rank in ranks(body)[:25])


def test_the_maxed_one_reaches_a_cap_and_stays_there() -> None:
    before, after = (skill(page("Maxed Quill", EPOCH + timedelta(days=d)), "Ranged") for d in (0, 14))
    assert before[2] < 200_000_000
    assert after[1:] == (99, 200_000_000)
    assert skill(page("Maxed Quill", LATE), "Overall")[2] > 2**31


def test_all_clue_scrolls_are_the_sum_of_their_tiers() -> None:
    shown = values(page("Clue Magpie", LATE))
    tiers = ("beginner", "easy", "medium", "hard", "elite", "master")
    assert shown["Clue Scrolls (all)"] == sum(shown[f"Clue Scrolls ({tier})"] for tier in tiers) > 3000


def test_a_skiller_has_not_fought() -> None:
    body = page("Quiet Plow", LATE)
    assert [skill(body, name)[1:] for name in ("Attack", "Defence", "Strength", "Slayer")] == [(1, 0)] * 4
    assert skill(body, "Hitpoints")[1:] == (10, 1154)


# --- what moves and what does not


@pytest.mark.parametrize("character", EVERYBODY)
def test_only_what_may_fall_ever_falls(character: Character) -> None:
    start = EPOCH + character.appears_after
    last: dict[str, int] = {}
    for hour in range(0, 20 * 24, 5):
        shown = values(page(character.name, start + timedelta(hours=hour)))
        fell = [name for name, value in shown.items() if value < last.get(name, -1)]
        assert all(may_fall(metric_key(name)) for name in fell)
        last = shown


def test_the_arena_player_falls_and_rises() -> None:
    scores = [activity(page("Lucky Marble", EPOCH + timedelta(days=d)), "PvP Arena - Rank")[1] for d in range(20)]
    steps = [after - before for before, after in pairwise(scores)]
    assert min(steps) < 0 < max(steps)


def test_ranks_drift_while_the_values_stay() -> None:
    before, after = page("Idle Turnip", EPOCH), page("Idle Turnip", EPOCH + timedelta(days=2))
    assert values(before) == values(after)
    assert ranks(before) != ranks(after)
    drifted = [(then, now) for then, now in zip(ranks(before), ranks(after), strict=True) if then != now]
    assert all(0 < now - then < then * 0.01 + 1 for then, now in drifted)


def test_ranks_drift_during_the_day_of_those_who_play_too() -> None:
    before = page("Brass Heron", EPOCH + timedelta(hours=1))
    after = page("Brass Heron", EPOCH + timedelta(hours=6))
    assert values(before) == values(after)
    assert ranks(before) != ranks(after)


def test_a_higher_value_has_no_worse_rank_at_one_time() -> None:
    standing = sorted((skill(page(c.name, LATE), "Overall") for c in CLAN), key=lambda row: -row[2])
    ranked = [rank for rank, _, _ in standing if rank != -1]
    assert ranked == sorted(ranked)


def test_somebody_has_something_new_at_every_look() -> None:
    first, second = (page("Mudlark Jo", LATE + timedelta(seconds=s)) for s in (0, 2 * TICK_S))
    assert values(first) != values(second)


def test_nothing_moves_between_two_ticks() -> None:
    assert page("Mudlark Jo", LATE) == page("Mudlark Jo", LATE + timedelta(seconds=TICK_S - 1))


def test_the_clan_has_the_active_the_casual_and_the_idle() -> None:
    def days_with_gains(name: str) -> int:
        at = [values(page(name, EPOCH + timedelta(days=day))) for day in range(29)]
        return sum(before != after for before, after in pairwise(at))

    assert days_with_gains("Brass Heron") >= 25
    assert 3 <= days_with_gains("Pebble Wick") <= 16
    assert 1 <= days_with_gains("Sir Naps Lot") <= 8
    assert days_with_gains("Idle Turnip") == 0


# --- who is on which table


def test_names_of_the_clan_are_valid_and_differ() -> None:
    usernames = [canonical(character.name) for character in CLAN]
    assert len(set(usernames)) == len(usernames) >= 20


@pytest.mark.parametrize(
    ("name", "tables"),
    [
        ("Brass Heron", {GameMode.REGULAR}),
        ("Iron Thimble", {GameMode.REGULAR, GameMode.IRONMAN}),
        ("Careful Moth", {GameMode.REGULAR, GameMode.IRONMAN, GameMode.HARDCORE}),
        ("No Bank Nell", {GameMode.REGULAR, GameMode.IRONMAN, GameMode.ULTIMATE}),
    ],
)
def test_every_kind_of_account_stands_on_its_tables(name: str, tables: set[GameMode]) -> None:
    assert {table for table in GameMode if WORLD.page(name, LATE, table) is not None} == tables


def overall_xp(name: str, at: datetime, table: GameMode) -> int:
    return skill(page(name, at, table), "Overall")[2]


def test_the_hardcore_row_freezes_at_death_while_the_others_go_on() -> None:
    death = EPOCH + timedelta(days=24, hours=20)
    week_later = death + timedelta(days=7)
    for table in (GameMode.REGULAR, GameMode.IRONMAN):
        assert overall_xp("Brittle Oath", week_later, table) > overall_xp("Brittle Oath", death, table)
    row = GameMode.HARDCORE
    assert overall_xp("Brittle Oath", week_later, row) == overall_xp("Brittle Oath", death, row)
    before = death - timedelta(hours=1)
    assert overall_xp("Brittle Oath", before, row) == overall_xp("Brittle Oath", before, GameMode.IRONMAN)


def test_the_ironman_row_of_one_who_left_freezes() -> None:
    main, row = (overall_xp("Left The Way", LATE, table) for table in (GameMode.REGULAR, GameMode.IRONMAN))
    assert row < main


def test_the_newcomer_is_nowhere_until_it_appears() -> None:
    newcomer = next(character for character in CLAN if character.name == "New Sprout")
    appears = EPOCH + newcomer.appears_after
    for table in GameMode:
        assert WORLD.page("New Sprout", appears - timedelta(seconds=1), table) is None
    assert skill(page("New Sprout", appears), "Overall")[2] < 100_000
    assert overall_xp("New Sprout", appears + timedelta(days=5), GameMode.REGULAR) > 100_000


@pytest.mark.parametrize("name", ["Nobody Here", "bench", "bench 1234567", "benchmark 1"])
def test_a_name_that_nobody_has_is_on_no_table(name: str) -> None:
    if len(name) > 12:
        with pytest.raises(InvalidUsername):
            WORLD.page(name, LATE)
    else:
        assert WORLD.page(name, LATE) is None


@pytest.mark.parametrize("name", ["", "   ", "thirteen-long", "semi;colon", "ümlaut"])
def test_a_name_outside_the_rules_is_refused(name: str) -> None:
    with pytest.raises(InvalidUsername):
        WORLD.page(name, LATE)


# --- what happens to characters


def otter(**given: object) -> Character:
    return Character(name="Otter", story="", rhythm=ALWAYS, levels=(60, 70), trains={"Fishing": 700_000}, **given)  # type: ignore[arg-type]


def fishing(world: World, name: str, at: timedelta) -> int | None:
    found = world.page(name, EPOCH + at)
    return None if found is None else skill(found, "Fishing")[2]


def test_a_character_plays_on_under_its_new_name_and_leaves_the_old_one_to_another() -> None:
    renamed = otter(names={10 * DAY: "Vole"})
    heir = Character(
        name="Heir", story="", rhythm=ALWAYS, levels=(1, 5), names={20 * DAY: "Otter"}, appears_after=15 * DAY
    )
    world = World(clan=[renamed, heir], epoch=EPOCH)
    ever = World(clan=[otter()], epoch=EPOCH)
    for days, holders in {9: ["Otter"], 10: ["Vole"], 16: ["Vole", "Heir"], 20: ["Otter", "Vole"]}.items():
        assert [name for name in ("Otter", "Vole", "Heir") if fishing(world, name, days * DAY)] == holders
    assert fishing(world, "Otter", 9 * DAY) == fishing(ever, "Otter", 9 * DAY)
    assert fishing(world, "Vole", 20 * DAY) == fishing(ever, "Otter", 20 * DAY)
    assert fishing(world, "Otter", 20 * DAY) != fishing(ever, "Otter", 20 * DAY)


def test_a_rollback_takes_back_some_hours_and_then_the_game_goes_on() -> None:
    world = World(clan=[otter(rolled_back={5 * DAY: 6 * HOUR})], epoch=EPOCH)
    ever = World(clan=[otter()], epoch=EPOCH)
    for hours in (1, 119):
        assert fishing(world, "Otter", hours * HOUR) == fishing(ever, "Otter", hours * HOUR)
    for hours in (120, 125, 400):
        assert fishing(world, "Otter", hours * HOUR) == pytest.approx(
            fishing(ever, "Otter", (hours - 6) * HOUR), abs=TICK_S
        )


def test_a_table_that_somebody_is_missing_from_says_nothing_of_the_others() -> None:
    lost = otter(mode=GameMode.HARDCORE, absent=frozenset({GameMode.REGULAR}))
    world = World(clan=[lost], epoch=EPOCH)
    on = {table for table in GameMode if world.page("Otter", LATE, table) is not None}
    assert on == {GameMode.IRONMAN, GameMode.HARDCORE}


def test_the_clan_tells_of_a_name_that_changes_hands() -> None:
    first, between, last = (EPOCH + timedelta(days=day) for day in (24, 27, 34))
    assert WORLD.page("Drift Otter", between) is None
    assert overall_xp("Otter Adrift", between, GameMode.REGULAR) > overall_xp("Drift Otter", first, GameMode.REGULAR)
    assert overall_xp("Drift Otter", last, GameMode.REGULAR) < overall_xp("Otter Adrift", last, GameMode.REGULAR) / 5


def test_the_clan_tells_of_a_rollback() -> None:
    before, after = (overall_xp("Tidal Vole", EPOCH + timedelta(days=23, hours=h), GameMode.REGULAR) for h in (21, 22))
    assert after < before
    assert overall_xp("Tidal Vole", LATE, GameMode.REGULAR) > before


# --- kinds of unranked


def test_the_stale_account_has_every_kind_of_unranked() -> None:
    body = page("Old Cupboard", LATE)
    rank, level, xp = skill(body, "Overall")
    assert rank == -1
    assert level > 1000
    assert xp > 1_000_000
    assert skill(body, "Attack") == (-1, 1, -1)
    assert skill(body, "Woodcutting") == (-1, 75, 1271864)
    assert skill(body, "Sailing") == (-1, 1, 0)
    assert activity(body, "Zulrah") == (-1, -1)
    assert activity(body, "Brutus") == (-1, 0)
    assert activity(body, "Barrows Chests") == (-1, 3)
    assert activity(body, "PvP Arena - Rank") == (-1, 2500)
    assert activity(body, "TzTok-Jad")[0] > 0


def test_the_kinds_reach_the_parsed_sheet_as_they_are() -> None:
    sheet = parse(WORLD.body("Old Cupboard", LATE) or b"").sheet
    assert sheet["attack"].unranked is Unranked.HIDDEN
    assert sheet["woodcutting"].unranked is Unranked.BELOW_CUTOFF
    assert sheet["sailing"].unranked is Unranked.ZERO
    assert sheet["zulrah"].unranked is Unranked.HIDDEN
    assert sheet["brutus"].unranked is Unranked.ZERO


def test_an_active_account_shows_zeros_and_where_the_arena_starts() -> None:
    body = page("Pebble Wick", LATE)
    assert activity(body, "TzKal-Zuk") == (-1, 0)
    assert activity(body, "PvP Arena - Rank") == (-1, 2500)


def test_a_low_level_player_has_real_values_outside_the_ranked_part() -> None:
    rank, level, xp = skill(page("New Sprout", LATE), "Attack")
    assert rank == -1
    assert level == level_for_xp(xp) > 1


# --- names for benchmarks


def test_every_bench_name_plays_in_every_spelling() -> None:
    assert [WORLD.page(name, LATE) is not None for name in ("bench 0", "Bench_99999", "bench 100000")] == [True] * 3
    assert values(page("bench 1", LATE)) != values(page("bench 2", LATE))


@pytest.mark.parametrize("number", [0, 1, 255, 4_711])
def test_an_hour_changes_exactly_five_metrics_of_a_bench_player(number: int) -> None:
    name = f"bench {number}"
    before = difference(None, parse(WORLD.body(name, LATE) or b"").sheet, LATE)
    after = parse(WORLD.body(name, LATE + timedelta(hours=1)) or b"").sheet
    changed = [metric for metric, reading in after.items() if reading.value != before.sheet[metric].value]
    assert len(changed) == 5
    assert "overall" in changed


def test_ironmen_for_measuring_stand_on_their_tables_and_play_in_equal_parts() -> None:
    everybody = [iron_character(number) for number in range(1_000)]
    assert Counter(one.rhythm for one in everybody) == dict.fromkeys((DAILY, EVENINGS, WEEKENDS, SELDOM, NEVER), 200)
    kinds = {GameMode.IRONMAN: 750, GameMode.HARDCORE: 200, GameMode.ULTIMATE: 50}
    assert Counter(one.mode for one in everybody) == kinds
    for number in (0, 5, 25, 999_999):
        mode = iron_character(number).mode
        assert WORLD.page(f"Iron_{number}", LATE, mode) is not None
        assert values(page(f"iron {number}", LATE, mode)) == values(page(f"iron {number}", LATE))


def test_the_default_world_began_in_the_past() -> None:
    assert World().epoch == DEFAULT_EPOCH < datetime.now(UTC) - timedelta(days=35)


def test_rows_are_what_goes_over_the_wire() -> None:
    assert SkillRow.__struct_fields__ == ("id", "name", "rank", "level", "xp")
    assert ActivityRow.__struct_fields__ == ("id", "name", "rank", "score")
