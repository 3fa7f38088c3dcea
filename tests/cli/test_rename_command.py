"""`osrsdiff player rename`, `undo-rename` and `names` on an instance on which nothing runs."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

Invoke = Callable[..., Result]


@pytest.fixture
def player(invoke: Invoke, data_dir: Path, empty_redis: None) -> Invoke:
    def call(*arguments: str) -> Result:
        return invoke("--data-dir", data_dir, "player", *arguments)

    call("add", "Lynx Titan", "Fern Gully")
    return call


def test_a_player_is_renamed_shown_and_called_as_before(player: Invoke) -> None:
    result = player("rename", "lynx_titan", "Second Name")
    assert (result.exit_code, result.stdout) == (0, "Lynx Titan is called Second Name now.\n"), result.stderr
    gone = player("show", "lynx titan")
    assert gone.exit_code == 2
    assert "Who was called so is 'Second Name' now." in gone.stderr
    shown = player("names", "second name")
    assert shown.stdout.splitlines()[-1].endswith("Lynx Titan  Second Name")
    assert all(len(line) <= 80 for line in shown.stdout.splitlines())
    [change] = json.loads(player("names", "second name", "--json").stdout)["changes"]
    assert (change["before"], change["after"], change["merged"]) == ("Lynx Titan", "Second Name", False)
    undone = json.loads(player("undo-rename", "second name", "--json").stdout)
    assert (undone["username"], undone["before"], undone["message"]) == (
        "lynx titan",
        "Second Name",
        "Second Name is called Lynx Titan again.",
    )
    assert "taken back" in player("names", "lynx titan").stdout


def test_two_players_become_one_and_two_again(player: Invoke) -> None:
    merged = json.loads(player("rename", "lynx titan", "fern gully", "--json").stdout)
    assert (merged["username"], merged["joined_at"], merged["apart"]) == ("fern gully", None, None)
    assert player("show", "lynx titan").exit_code == 2
    assert "What was seen since then is that of Fern Gully." in player("undo-rename", "fern gully").stdout
    assert player("show", "lynx titan").exit_code == player("show", "fern gully").exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("rename", "nobody", "new"), "No tracked player is called 'nobody'"),
        (("rename", "lynx titan", "lynx titan~1"), "is not a player name"),
        (("undo-rename", "lynx titan"), "nothing to undo"),
        (("names", "nobody"), "No tracked player is called 'nobody'"),
    ],
)
def test_what_cannot_be_done_is_said(player: Invoke, arguments: tuple[str, ...], words: str) -> None:
    result = player(*arguments)
    assert result.exit_code == 2
    assert words in result.stderr
