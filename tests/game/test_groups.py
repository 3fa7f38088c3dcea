"""Groups: keys of names, roles, and lists of members in the shapes that people have them in."""

import pytest

from osrsdiff.errors import InvalidGroup
from osrsdiff.game.groups import group_description, group_key, group_name, read_members, role_of


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("Iron Squad", "iron-squad"),
        ("  Iron   Squad!  ", "iron-squad"),
        ("iron-squad", "iron-squad"),
        ("Gnome's Best 99", "gnomes-best-99"),
        ("Überläufer", "uberlaufer"),
        ("x" * 60, "x" * 40),
        ("a" * 39 + " b", "a" * 39),
    ],
)
def test_a_key_is_made_from_a_name(name: str, key: str) -> None:
    assert group_key(name) == key
    assert group_key(key) == key


@pytest.mark.parametrize("name", ["", "  ", "!?", "Лига", "--"])
def test_a_name_without_letters_or_digits_gives_no_key(name: str) -> None:
    with pytest.raises(InvalidGroup, match="needs a letter"):
        group_key(name)


def test_texts_lose_outer_and_doubled_blanks() -> None:
    assert group_name("  Iron \t Squad ") == "Iron Squad"
    assert group_description("\n") == ""
    assert role_of(" vice  captain ") == "vice captain"


@pytest.mark.parametrize("given", ["", "   ", "x" * 31, "capt\x07ain"])
def test_a_role_outside_the_rules_is_refused(given: str) -> None:
    with pytest.raises(InvalidGroup, match="role"):
        role_of(given)


@pytest.mark.parametrize("given", ["", "x" * 61, "a\x00b"])
def test_a_name_outside_the_rules_is_refused(given: str) -> None:
    with pytest.raises(InvalidGroup, match="name"):
        group_name(given)


def members(text: str) -> list[tuple[int, str, str | None]]:
    read = read_members(text)
    assert read.bad == []
    return [(one.line, one.name, one.role) for one in read.members]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Lynx Titan\nzezima\n", [(1, "Lynx Titan", None), (2, "zezima", None)]),
        ("Lynx Titan,captain", [(1, "Lynx Titan", "captain")]),
        ("Lynx Titan\tvice captain", [(1, "Lynx Titan", "vice captain")]),
        ("Lynx Titan; captain", [(1, "Lynx Titan", "captain")]),
        ("\ufeffLynx Titan\r\n\r\n  zezima  ,\r\n", [(1, "Lynx Titan", None), (3, "zezima", None)]),
        ("# our clan\nLynx Titan # first of all\n\n#nobody\n", [(2, "Lynx Titan", None)]),
        ('"Lynx Titan","captain, of the ship"', [(1, "Lynx Titan", "captain, of the ship")]),
        ('"Lynx Titan","#1 ""fan"""', [(1, "Lynx Titan", '#1 "fan"')]),
        ("rank,RSN\ncaptain,Lynx Titan\n,zezima\n", [(2, "Lynx Titan", "captain"), (3, "zezima", None)]),
        ("Username\nzezima", [(2, "zezima", None)]),
        ('id;"Name";points;role\n1;zezima;20;scout\n', [(2, "zezima", "scout")]),
        ("\ufeffname\trole\tjoined\nzezima\tscout\t2020-01-01", [(2, "zezima", "scout")]),
        ("\n# head\nname,role\nzezima,scout", [(4, "zezima", "scout")]),
        ("zezima\nname", [(1, "zezima", None), (2, "name", None)]),
        (",,\n\t\n", []),
        ("", []),
    ],
)
def test_lists_are_read_in_all_their_shapes(text: str, expected: list[tuple[int, str, str | None]]) -> None:
    assert members(text) == expected


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("lynx!titan", "'lynx!titan' is not a player name"),
        ("a name that is too long", "it has 23 characters"),
        (",captain", "it has no letter or digit"),
        ("zezima," + "x" * 31, "A group's role has 1 to 30 characters, not 31."),
        ("zezima,captain,2020", "It has 3 columns"),
        ('"zezima,captain', "Its quotes do not close."),
        ("zez\ufffdma", "is not a player name"),
    ],
)
def test_a_line_that_can_not_be_read_is_reported_and_stops_nothing(line: str, reason: str) -> None:
    read = read_members(f"Lynx Titan\n{line}\nb0aty\n")
    assert [one.name for one in read.members] == ["Lynx Titan", "b0aty"]
    [bad] = read.bad
    assert bad.line == 2
    assert reason in bad.reason


def test_a_row_that_ends_before_its_name_is_reported() -> None:
    [bad] = read_members("role,name\ncaptain\n").bad
    assert (bad.line, "it has no letter or digit" in bad.reason) == (2, True)


def test_what_is_no_utf8_is_refused_and_not_stored_mangled() -> None:
    with pytest.raises(InvalidGroup, match="save the file as UTF-8"):
        read_members("zezima\nl\0y\0n\0x\0")
    read = read_members("zezima\nlynx titan,b\ufffdss")
    assert [member.name for member in read.members] == ["zezima"]
    assert [(bad.line, "UTF-8" in bad.reason) for bad in read.bad] == [(2, True)]
