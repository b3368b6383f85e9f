"""The words of a status or outcome, in the reader's language."""

from tandem.text import tr


def word(status: str | None) -> str:
    """A status of runs or tickets, or an outcome; what is a bot's own word stays as it is."""
    words = {
        "ready": tr("ready"),
        "running": tr("running"),
        "waiting": tr("waiting"),
        "finished": tr("finished"),
        "open": tr("open"),
        "resolved": tr("resolved"),
        "created": tr("created"),
        "refused": tr("refused"),
        "draft": tr("draft"),
    }
    return words.get(status or "", status or "")
