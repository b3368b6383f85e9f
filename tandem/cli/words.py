"""How a status, an outcome and an instant are written for the reader."""

from datetime import datetime

from tandem.text import tr


def word(status: str | None) -> str:
    """A status, how a ticket was settled, or an outcome of a run or a firing; a bot's own word stays as it is."""
    words = {
        "ready": tr("ready"),
        "running": tr("running"),
        "waiting": tr("waiting"),
        "finished": tr("finished"),
        "open": tr("open"),
        "resolved": tr("resolved"),
        "retried": tr("retried"),
        "fired": tr("fired again"),
        "created": tr("created"),
        "refused": tr("refused"),
        "draft": tr("draft"),
        "repeated": tr("repeated"),
        "declined": tr("declined"),
        "no_twin": tr("no second document"),
        "twin_found": tr("second document found"),
        "late_change_found": tr("late change found"),
        "started": tr("started"),
        "nothing": tr("nothing to do"),
        "queued": tr("queued"),
        "skipped": tr("skipped"),
        "missed": tr("missed"),
    }
    return words.get(status or "", status or "")


def moment(at: datetime | None) -> str:
    """An instant in local time, to the second."""
    return "" if at is None else at.astimezone().strftime("%Y-%m-%d %H:%M:%S")
