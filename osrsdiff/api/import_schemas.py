"""The JSON of an import. As in `schemas`, the OpenAPI document is made from the types that validate."""

from typing import Annotated

from msgspec import Meta, Struct

from osrsdiff.api.schemas import Request
from osrsdiff.tracking.transfer.import_report import SHOWN, Added


class ImportContent(Request, frozen=True):
    """What is to be brought in, as text; larger files go through `osrsdiff import`."""

    content: Annotated[
        str,
        Meta(
            min_length=1,
            description="JSON Lines as an export gives them, or CSV of dated values: its first line names the columns "
            "player, date, metric, value and, where there are any, rank and level, in any order.",
            examples=["player,date,metric,value\nLynx Titan,2024-01-31,Attack,200000000\n"],
        ),
    ]
    dry_run: Annotated[bool, Meta(description="Change nothing, tell what would be done.")] = False
    all_or_nothing: Annotated[bool, Meta(description="Do nothing where any row is bad.")] = False
    paused: Annotated[bool, Meta(description="Add new players without fetching them.")] = False


class RefusedRow(Struct, frozen=True):
    """A row that was left out."""

    line: Annotated[int | str, Meta(examples=[3])]
    reason: Annotated[str, Meta(examples=["the date 31.1. is none: write 2024-01-31"])]


class Imported(Struct, frozen=True):
    """What an import has done; a dry run, what it would do."""

    dry_run: bool
    stopped: Annotated[bool, Meta(description="Nothing was done: there are bad rows, and `all_or_nothing` was asked.")]
    rows: Annotated[int, Meta(description="How many were read.")]
    players_new: int
    players_known: int
    looks: int
    looks_stored: int
    looks_unchanged: Annotated[int, Meta(description="They say what was known.")]
    looks_known: Annotated[int, Meta(description="They were here before.")]
    added: Annotated[Added, Meta(description="What is new besides looks.")]
    remarks: list[str]
    refused: Annotated[list[RefusedRow], Meta(description=f"The first {SHOWN} bad rows.")]
    refused_total: int
    scheduled: Annotated[
        int | None, Meta(description="New players who are fetched from now on; null while Redis is away.")
    ]
    reckoning: Annotated[bool, Meta(description="Whether records and achievements are being worked out anew.")]
