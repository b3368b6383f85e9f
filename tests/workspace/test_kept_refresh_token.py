"""A refresh token that the vendor replaces at every login: it outlives the process, sealed."""

import io
from pathlib import Path
from urllib.parse import parse_qs

import pytest
from pydantic import SecretStr

from tandem import log
from tandem.errors import LoginRefused
from tandem.vault import Vault
from tandem.workspace.engine import channel_of, vault_of
from tandem.workspace.kept_refresh_token import KeptRefreshToken
from tandem.workspace.workspace import Workspace
from tests.http.wire import Asked, answer, serving

GIVEN = SecretStr("token-of-the-approval")
VAULT = Vault(Vault.new_key())


def kept(file: Path, *, vault: Vault = VAULT, given: SecretStr = GIVEN) -> KeptRefreshToken:
    return KeptRefreshToken(vault, file, system="erp", given=given)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "sessions" / "erp.refresh_token"


async def rotated(file: Path) -> None:
    first = kept(file)
    async with first.turn():
        assert first.current() == GIVEN
        first.replace(SecretStr("rotated-1"))


async def test_next_process_goes_on_with_the_token_that_came_last(file):
    await rotated(file)
    assert kept(file).current() == SecretStr("rotated-1")


async def test_token_is_sealed_in_its_file(file):
    await rotated(file)
    assert b"rotated-1" not in file.read_bytes()


async def test_new_approval_in_tandem_yaml_goes_before_the_token_kept(file):
    await rotated(file)
    approved_anew = SecretStr("token-of-a-new-approval")
    assert kept(file, given=approved_anew).current() == approved_anew


async def test_token_sealed_with_another_key_is_left_alone_and_told(file):
    await rotated(file)
    told = io.StringIO()
    log.configure(terminal=told, level="WARNING")
    assert kept(file, vault=Vault(Vault.new_key())).current() == GIVEN
    assert "refresh_token.unreadable" in told.getvalue()


async def test_token_that_cannot_be_written_is_kept_in_memory(tmp_path):
    blocked = tmp_path / "no folder"
    blocked.write_bytes(b"")
    token = kept(blocked / "erp.refresh_token")
    async with token.turn():
        token.replace(SecretStr("rotated-1"))
    assert token.current() == SecretStr("rotated-1")


class RotatingVendor:
    """Gives another refresh token at every login, and ends the approval when one comes twice."""

    def __init__(self) -> None:
        self.used: list[str] = []

    async def __call__(self, asked: Asked) -> bytes:
        token = parse_qs(asked.body.decode())["refresh_token"][0]
        if token != (f"rotated-{len(self.used)}" if self.used else GIVEN.get_secret_value()):
            return answer(400, {"error": "invalid_grant"})
        self.used.append(token)
        body = {"access_token": "access-token", "refresh_token": f"rotated-{len(self.used)}"}
        return answer(body=body)


async def test_workspace_that_is_opened_again_logs_in_with_the_token_kept(acme, monkeypatch):
    monkeypatch.setenv("ACME_PASSWORD", GIVEN.get_secret_value())
    vendor = RotatingVendor()
    async with serving(vendor) as server:
        auth = "{kind: refresh_token, client_id: t, token_url: /token, refresh_token: 'env:ACME_PASSWORD'}"
        text = (acme / "tandem.yaml").read_text(encoding="utf-8")
        text = text.replace("http://127.0.0.1:1", server.url)
        text = text.replace('{kind: basic, username: T, password: "env:ACME_PASSWORD"}', auth)
        (acme / "tandem.yaml").write_text(text, encoding="utf-8")
        for _ in range(3):
            workspace = Workspace.load(acme)
            channel = channel_of(workspace, "erp", "api", vault_of(workspace))
            assert channel is not None
            await channel.login()
            await channel.aclose()
        assert vendor.used == [GIVEN.get_secret_value(), "rotated-1", "rotated-2"]
        (workspace.data / "sessions" / "erp.refresh_token").unlink()
        channel = channel_of(workspace, "erp", "api", vault_of(workspace))
        assert channel is not None
        with pytest.raises(LoginRefused):
            await channel.login()
        await channel.aclose()
