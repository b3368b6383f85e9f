"""A vendor's real server on this machine: ``fixtures/<vendor>/real.py``, installed and run by ``tandem real``.

``real.py`` says what only the vendor knows:

``TITLE: str``, ``VERSION: str``
    the product and its series, for people;
``REQUIREMENTS: Path``
    all Python packages of the server, each with its hashes; they get an environment of their own;
``PYTHON: tuple[int, int]``
    the least Python they want, when that is newer than Tandem's own needs to be;
``PACKAGES: Path | None``
    a folder with ``package.json`` and ``package-lock.json``, installed by npm; None when there is nothing to install;
``CREDENTIALS: dict[str, str]``
    what a client needs to log in;
``seed(place: Place, retail: Retail) -> None``
    make the database in ``place.books`` and fill it with customers, products and stock of the sample data;
``command(place: Place) -> list[str]``
    the command that serves it on ``place.port`` of 127.0.0.1, until it is terminated;
``status(place: Place) -> dict[str, str]``
    more of what a user may want to know: the database, addresses for the other channels.
"""

from tandem.workspace.roots import Roots

FOLDER, MODULE = "fixtures", "real"


def real_servers(roots: Roots) -> list[str]:
    """The vendors that have a real server."""
    return list(roots.owners(FOLDER, f"{MODULE}.py"))
