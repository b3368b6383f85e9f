"""A system's address answers, or what is wrong with it is one line."""

import socket
from pathlib import Path

import pytest
import trustme
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route

from fixtures.sandbox.serve import serve
from tandem.http.settings import ApiSettings
from tandem.workspace.reach import fault_of


def answering(status: int) -> Starlette:
    return Starlette(routes=[Route("/", lambda request: Response(status_code=status))])


@pytest.mark.parametrize(("status", "fault"), [(200, None), (401, None), (503, "status 503: down for now")])
def test_address_that_answers_is_well_unless_it_is_down(status: int, fault: str | None) -> None:
    with serve(answering(status)) as server:
        told = fault_of("erp", ApiSettings(url=server.url))
    assert told is None if fault is None else fault in str(told)


def test_https_to_a_port_in_clear_is_told() -> None:
    with serve(answering(200)) as server:
        told = fault_of("erp", ApiSettings(url=server.url.replace("http:", "https:")))
    assert "does not speak TLS" in str(told)


def test_http_to_a_tls_port_is_told() -> None:
    with serve(answering(200), tls=True) as server:
        told = fault_of("erp", ApiSettings(url=server.url.replace("https:", "http:")))
    assert "does it want https://?" in str(told)


def test_certificate_is_trusted_by_its_authority_only(tmp_path: Path) -> None:
    trustme.CA().cert_pem.write_to_path(tmp_path / "other.pem")
    with serve(answering(200), tls=True) as server:
        assert fault_of("erp", ApiSettings(url=server.url, ca_file=server.ca_file)) is None
        told = fault_of("erp", ApiSettings(url=server.url, ca_file=tmp_path / "other.pem"))
    assert "certificate is not trusted" in str(told)
    assert "cannot be used" in str(fault_of("erp", ApiSettings(url=server.url, ca_file=tmp_path / "none.pem")))


def test_port_nobody_listens_on_is_told() -> None:
    with socket.socket() as unheard:
        unheard.bind(("127.0.0.1", 0))
        told = fault_of("erp", ApiSettings(url=f"http://127.0.0.1:{unheard.getsockname()[1]}"))
    assert told == "Connection refused"
