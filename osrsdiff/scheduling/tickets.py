"""What ties a message to the claim that it is sent for, so that one step in Redis does both or neither: the message
enters the queue, and the schedule gets its next fire.

TaskIQ sends in three calls, `pre_send` and `post_send` of the source and between them `kick` of the broker, all in one
asyncio task. The source leaves a ticket in that task's context, the broker takes it.
"""

from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Ticket:
    """A claim that must still stand when its message enters the queue. `deadline`: the end of its lease.

    `next_fire`: an epoch second, '' where there is none any more.
    """

    task_id: str
    schedule_id: str
    deadline: str
    next_fire: str


_left: ContextVar[Ticket | None] = ContextVar("ticket", default=None)


def leave(ticket: Ticket) -> None:
    """Leaves a ticket for whoever sends its message in this asyncio task."""
    _left.set(ticket)


def take(task_id: str) -> Ticket | None:
    """The ticket of the message with this task id; None where it is sent for no claim."""
    ticket = _left.get()
    if ticket is None or ticket.task_id != task_id:
        return None
    _left.set(None)
    return ticket


def is_left(task_id: str) -> bool:
    """Whether nobody has taken the ticket of the message with this task id."""
    ticket = _left.get()
    return ticket is not None and ticket.task_id == task_id
