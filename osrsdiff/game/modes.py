"""The kinds of account that have a table of their own on the hiscores."""

from enum import StrEnum


class GameMode(StrEnum):
    """How an account is played. Group ironmen have no table per player and look regular."""

    REGULAR = "regular"
    IRONMAN = "ironman"
    HARDCORE = "hardcore_ironman"
    ULTIMATE = "ultimate_ironman"
