"""An import over HTTP: the text of a small file, brought in as `osrsdiff import` does it."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from anyio import to_thread

from osrsdiff.api import problems
from osrsdiff.api.calls import Call, Nothing, Reply
from osrsdiff.api.import_schemas import ImportContent, Imported, RefusedRow
from osrsdiff.api.problems import Refused
from osrsdiff.errors import FileNotUsable
from osrsdiff.tracking.progress import Progress
from osrsdiff.tracking.transfer.import_report import ImportReport
from osrsdiff.tracking.transfer.importing import import_file

IMPORT = "/api/v1/import"


async def import_content(call: Call[Nothing, ImportContent]) -> Reply[Imported]:
    """Brings in an export, or dated values from elsewhere; the same content again changes nothing.

    Players who are not here are added; who is here keeps its settings and gets what is missing. Bad rows are told, each
    with its line, and the others are imported.
    """
    body = call.body
    with TemporaryDirectory(prefix="osrsdiff-") as folder:
        path = Path(folder) / "content"
        await to_thread.run_sync(path.write_bytes, body.content.encode("utf-8", "replace"))
        try:
            report = await import_file(
                call.instance,
                path,
                stages=_unwatched,
                now=datetime.now(UTC),
                dry_run=body.dry_run,
                all_or_nothing=body.all_or_nothing,
                paused=body.paused,
                keeps_list=False,
            )
        except FileNotUsable as error:
            why = str(error).replace(str(path), "The content")
            raise Refused(problems.INVALID_FIELD, f"content: {why}", field="content") from error
    return Reply(_document(report))


def _document(report: ImportReport) -> Imported:
    return Imported(
        dry_run=report.dry_run,
        stopped=report.stopped,
        rows=report.rows,
        players_new=report.players_new,
        players_known=report.players_known,
        looks=report.looks,
        looks_stored=report.looks_stored,
        looks_unchanged=report.looks_unchanged,
        looks_known=report.looks_known,
        added=report.added,
        remarks=report.remarks,
        refused=[RefusedRow(one.place, one.reason) for one in report.refused],
        refused_total=report.refused_total,
        scheduled=report.scheduled,
        reckoning=report.reckoning,
    )


@contextmanager
def _unwatched(_stage: str) -> Iterator[Progress]:
    yield lambda _done, _total: None
