"""Faults wait for the requests that they are meant for, and leave when used up."""

import msgspec
import pytest

from osrsdiff.demo.faults import Fault, FaultKind, Faults
from osrsdiff.errors import InvalidUsername
from osrsdiff.game.modes import GameMode

MAIN = GameMode.REGULAR


def kinds(faults: Faults, username: str, count: int) -> list[FaultKind | None]:
    taken = [faults.take(username, MAIN) for _ in range(count)]
    return [fault.kind if fault else None for fault in taken]


def test_a_fault_for_the_next_two_requests_is_gone_after_them() -> None:
    faults = Faults([Fault(FaultKind.UNAVAILABLE, times=2)])
    assert kinds(faults, "anybody", 3) == [FaultKind.UNAVAILABLE, FaultKind.UNAVAILABLE, None]
    assert len(faults) == 0


def test_a_fault_without_a_number_stays_until_cleared() -> None:
    faults = Faults([Fault(FaultKind.HTML)])
    assert kinds(faults, "anybody", 5) == [FaultKind.HTML] * 5
    faults.clear()
    assert kinds(faults, "anybody", 1) == [None]


def test_faults_come_in_the_order_in_which_they_were_added() -> None:
    faults = Faults([Fault(FaultKind.NOT_FOUND, times=1)])
    faults.add(Fault(FaultKind.REDIRECT, times=1))
    assert kinds(faults, "anybody", 3) == [FaultKind.NOT_FOUND, FaultKind.REDIRECT, None]


def test_a_fault_for_one_player_leaves_the_others_alone() -> None:
    faults = Faults([Fault(FaultKind.NOT_FOUND, player="Brass_HERON", times=1)])
    assert kinds(faults, "idle turnip", 1) == [None]
    assert kinds(faults, "brass heron", 2) == [FaultKind.NOT_FOUND, None]


def test_a_fault_for_one_table_leaves_the_others_alone() -> None:
    faults = Faults([Fault(FaultKind.NOT_FOUND, table=GameMode.IRONMAN)])
    assert faults.take("iron thimble", GameMode.REGULAR) is None
    assert faults.take("iron thimble", GameMode.IRONMAN) is not None


def test_a_fault_for_another_player_does_not_block_the_queue() -> None:
    faults = Faults([Fault(FaultKind.NOT_FOUND, player="idle turnip"), Fault(FaultKind.HTML, times=1)])
    assert kinds(faults, "brass heron", 1) == [FaultKind.HTML]


def test_a_fault_for_an_impossible_name_is_refused() -> None:
    with pytest.raises(InvalidUsername):
        Faults().add(Fault(FaultKind.HTML, player="no;such"))


@pytest.mark.parametrize(
    "body",
    [
        b"{}",
        b'{"kind":"earthquake"}',
        b'{"kind":"html","times":0}',
        b'{"kind":"html","for":"x"}',
        b'{"kind":"drip_feed","pause_s":0}',
    ],
)
def test_the_set_is_closed(body: bytes) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(body, type=Fault)
