import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from osrsdiff.errors import InvalidUsername
from osrsdiff.game import usernames
from osrsdiff.game.usernames import canonical, display, tracked_name


@pytest.mark.parametrize(
    ("raw", "name"),
    [
        ("Quill Moss", "quill moss"),
        ("quill_moss", "quill moss"),
        ("QUILL-MOSS", "quill moss"),
        ("quill\u00a0moss", "quill moss"),
        ("  quill   moss ", "quill moss"),
        ("_Quill__Moss", "quill moss"),
        ("a", "a"),
        ("0123456789ab", "0123456789ab"),
        ("\u00a0 a \u00a0", "a"),
    ],
)
def test_spellings_of_one_player_are_one_name(raw: str, name: str) -> None:
    assert canonical(raw) == name


@pytest.mark.parametrize(
    "raw",
    [
        "",
        " ",
        "\u00a0",
        "---",
        "_ -",
        "0123456789abc",
        "a b c d e f g",
        "fën",
        "a.b",
        "a\tb",
        "a\n",
        "a/b",
        "'; --",
        "٣",
    ],
)
def test_what_is_no_name_is_refused(raw: str) -> None:
    with pytest.raises(InvalidUsername) as refused:
        canonical(raw)
    assert "1 to 12 letters" in str(refused.value)


def test_a_refusal_does_not_repeat_a_long_text() -> None:
    with pytest.raises(InvalidUsername) as refused:
        canonical("x" * 100_000)
    assert len(str(refused.value)) < 250


def test_a_long_text_that_is_no_name_is_not_kept() -> None:
    before = usernames._kept.cache_info().currsize
    with pytest.raises(InvalidUsername):
        canonical(" " * 1_000 + "nobody at all asked for")
    assert canonical(" " * 1_000 + "quill moss") == "quill moss"
    assert usernames._kept.cache_info().currsize == before


@pytest.mark.parametrize(
    ("raw", "shown"),
    [(" Quill\u00a0Moss ", "Quill Moss"), ("Quill_Moss", "Quill_Moss"), ("-xX  Xx-", "-xX Xx-")],
)
def test_display_keeps_the_users_spelling(raw: str, shown: str) -> None:
    assert display(raw) == shown


NAMES = st.text("abcXYZ019 _-\u00a0", min_size=1, max_size=16)


@settings(deadline=None)
@given(NAMES)
def test_canonical_is_idempotent_and_of_the_games_length(raw: str) -> None:
    try:
        name = canonical(raw)
    except InvalidUsername:
        return
    assert canonical(name) == name
    assert canonical(display(raw)) == name
    assert 1 <= len(name) <= len(display(raw)) <= 12


@settings(deadline=None)
@given(st.text(max_size=40))
def test_any_text_is_a_name_or_refused(raw: str) -> None:
    try:
        name = canonical(raw)
    except InvalidUsername:
        return
    assert name.isascii()
    assert name == name.strip().lower()


@pytest.mark.parametrize(
    ("raw", "name"),
    [
        ("Quill_Moss~1", "quill moss~1"),
        (" quill moss~12 ", "quill moss~12"),
        ("0123456789ab~3", "0123456789ab~3"),
        ("quill moss", "quill moss"),
    ],
)
def test_archived_names_find_players(raw: str, name: str) -> None:
    assert tracked_name(raw) == name
    assert usernames.is_archived(name) == ("~" in raw)
    assert usernames.bare(name) == canonical(raw.partition("~")[0])


@pytest.mark.parametrize(
    "raw", ["~1", "quill~", "quill~0", "quill~01", "quill~1~2", "qui~ll", "quill~1x", "0123456789abc~1"]
)
def test_what_is_no_archived_name_finds_nobody(raw: str) -> None:
    with pytest.raises(InvalidUsername):
        tracked_name(raw)


def test_nobody_in_the_game_has_an_archived_name() -> None:
    with pytest.raises(InvalidUsername):
        canonical("quill moss~1")
