"""What speaks against two histories being those of one player."""

from datetime import UTC, datetime, timedelta

import pytest

from osrsdiff.game.lineage import KILLS_PER_HOUR, NOT_SHOWN_YET, XP_PER_HOUR, End, contradictions

NOW = datetime(2026, 10, 1, 12, tzinfo=UTC)
HOURS = NOT_SHOWN_YET / timedelta(hours=1)

Values = dict[str, int | None]

FELL, TOO_MUCH = "fell: ", "rose by more than anybody gains in "


@pytest.mark.parametrize(
    ("before", "after", "hours", "reasons"),
    [
        ({"attack": 100}, {"attack": 100}, 1, []),
        ({"attack": 100}, {"attack": 99}, 1, [FELL]),
        ({"attack": 100, "zulrah": 5}, {"attack": 200, "zulrah": 4}, 1, [FELL]),
        ({"lms_rank": 2_000, "pvp_arena_rank": 2_500}, {"lms_rank": 500, "pvp_arena_rank": 2_400}, 1, []),
        ({"attack": 100}, {"attack": None}, 1, []),
        ({"attack": 100}, {}, 1, []),
        ({"attack": None}, {"attack": 200_000_000}, 1, []),
        ({"attack": 0}, {"attack": XP_PER_HOUR * (int(HOURS) + 2)}, 2, []),
        ({"attack": 0}, {"attack": XP_PER_HOUR * (int(HOURS) + 2) + 1}, 2, [TOO_MUCH]),
        ({"overall": 0}, {"overall": 24 * 365 * XP_PER_HOUR}, 24 * 365, []),
        ({"overall": 30_000_000}, {"overall": 400_000_000}, 24, [TOO_MUCH]),
        ({"zulrah": 0}, {"zulrah": KILLS_PER_HOUR * int(HOURS)}, 0, []),
        ({"zulrah": 0}, {"zulrah": KILLS_PER_HOUR * int(HOURS) + 1}, 0, [TOO_MUCH]),
        ({"zulrah": 0}, {"zulrah": KILLS_PER_HOUR * int(HOURS) + 1}, -5, [TOO_MUCH]),
        ({"clue_scrolls_all": 0}, {"clue_scrolls_all": 100_000}, 0, []),
        ({"attack": 100, "overall": 0}, {"attack": 1, "overall": 10**9}, 1, [FELL, TOO_MUCH]),
    ],
)
def test_what_cannot_be_of_one_player(before: Values, after: Values, hours: int, reasons: list[str]) -> None:
    found = contradictions(End(NOW, before), End(NOW + timedelta(hours=hours), after))
    assert len(found) == len(reasons)
    assert all(reason in words for reason, words in zip(reasons, found, strict=True))


def test_reasons_name_a_few_metrics_and_count_the_rest() -> None:
    before = dict.fromkeys(["zulrah", "attack", "overall", "defence", "magic"], 1_000)
    [found] = contradictions(End(NOW, before), End(NOW + timedelta(minutes=40), dict.fromkeys(before, 10)))
    assert found == (
        "5 metrics fell: Overall from 1,000 to 10, Attack from 1,000 to 10, Defence from 1,000 to 10 and 2 more"
    )
    end = End(NOW + timedelta(minutes=40), {"attack": 90_000_000})
    [found] = contradictions(End(NOW, {"attack": 1_000}), end)
    assert found == "1 metric rose by more than anybody gains in 40 minutes: Attack from 1,000 to 90,000,000"


@pytest.mark.parametrize(
    ("minutes", "words"),
    [(1, "1 minute"), (59.6, "1 hour"), (60, "1 hour"), (120, "2 hours"), (47.4 * 60, "47 hours"), (4320, "3 days")],
)
def test_the_time_between_is_told_in_words(minutes: float, words: str) -> None:
    end = End(NOW + timedelta(minutes=minutes), {"attack": 10**10})
    [found] = contradictions(End(NOW, {"attack": 1}), end)
    assert f" gains in {words}: " in found
