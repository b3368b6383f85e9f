"""``webhooks:`` of tandem.yaml: checked, and served beside the schedules until cancelled."""

import asyncio
import json
import socket
from base64 import b64encode
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from tandem.cli.program import run
from tandem.errors import UsageError
from tandem.store import firings, runs
from tandem.triggers.standard_webhook import key_of, signature
from tandem.workspace.check import check
from tandem.workspace.engine import working_engine
from tandem.workspace.triggers import serve, webhook_server
from tandem.workspace.workspace import Workspace
from tests.workspace.conftest import acme

__all__ = ["acme"]

SECRET = "whsec_" + b64encode(b"thirty-two bytes for the webhook").decode()
PROOF = "proof: {kind: hmac, secret: 'env:SHOP_SECRET'}"
SHOP = "  shop: {bot: credit_check, item: {customer: order.customer}, " + PROOF + "}"
VENDOR = SHOP.replace(PROOF, "proof: {kind: vendor, vendor: salesforce, settings: {organization_id: 00DTn0000000001}}")


@pytest.fixture(autouse=True)
def secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_SECRET", SECRET)


def with_blocks(folder: Path, *lines: str) -> None:
    path = folder / "tandem.yaml"
    path.write_text(path.read_text(encoding="utf-8") + "\n".join(lines) + "\n", encoding="utf-8")


def told(folder: Path, *, warnings: bool = False) -> list[str]:
    start = f"{folder.resolve()}/tandem.yaml:"
    report = check(folder)
    found = report.warnings if warnings else report.mistakes
    return [str(error).removeprefix(start) for error in found if str(error).startswith(start)]


@pytest.mark.parametrize("line", [SHOP, VENDOR])
def test_valid_webhook_has_no_mistake(line: str, acme: Path) -> None:
    with_blocks(acme, "webhooks:", line)
    assert told(acme) == []
    assert told(acme, warnings=True) == []


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        (SHOP.replace("_check", "_chek"), "9: there is no bot credit_chek. Valid: credit_check"),
        (
            SHOP.replace("{customer:", "{custmer:"),
            "9: there is no field custmer. Valid: customer. Did you mean",
        ),
        (SHOP.replace("{customer:", "{custmer:"), "9: the work item of bot credit_check needs customer."),
        (SHOP.replace("hmac", "hmak"), "9: webhooks.shop.proof.kind is 'hmak'. Valid values: hmac, vendor."),
        (SHOP.replace("order.customer", "order..x"), "9: webhooks.shop.item.customer is 'order..x': "),
        (SHOP.replace("'env", "'env").replace("secret:", "secrt:"), "9: webhooks.shop.proof.secrt is not a known"),
        (VENDOR.replace("salesforce", "salesfrce"), "9: there is no vendor salesfrce. Valid: "),
        (VENDOR.replace("salesforce", "acme_erp"), "9: vendor acme_erp has no webhook of its own. Use kind: hmac."),
        (VENDOR.replace("00DTn", "801Tn"), "9: webhooks.shop.proof.settings.organization_id is '801Tn0000000001': "),
        (SHOP.replace("shop:", "'sh/op':"), "9: webhooks.sh/op.[key] is 'sh/op': "),
        (SHOP + "\nserver: {port: 99999}", "10: server.port is 99999: "),
    ],
)
def test_mistake_in_a_webhook_is_told_with_line_and_valid_values(line: str, sentence: str, acme: Path) -> None:
    with_blocks(acme, "webhooks:", line)
    assert any(found.startswith(sentence) for found in told(acme)), told(acme)


def test_webhook_secret_in_clear_is_a_warning_that_does_not_repeat_it(acme: Path) -> None:
    with_blocks(acme, "webhooks:", SHOP.replace("env:SHOP_SECRET", SECRET))
    (warning,) = told(acme, warnings=True)
    assert warning.startswith("9: webhooks.shop.proof.secret is a secret in clear.")
    assert SECRET not in warning


async def test_secret_that_is_too_short_is_refused_when_it_is_fetched(
    acme: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOP_SECRET", "short")
    with_blocks(acme, "webhooks:", SHOP)
    workspace = Workspace.load(acme)
    async with working_engine(workspace) as engine:
        with pytest.raises(UsageError, match=r"shop.*16"):
            webhook_server(workspace, engine)


async def test_schedules_and_webhooks_are_served_until_cancelled(acme: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    schedule = "  often: {bot: credit_check, items: [{customer: C1}], every: 1s}"
    with_blocks(acme, "webhooks:", SHOP, f"server: {{port: {port}}}", "schedules:", schedule)
    workspace = Workspace.load(acme)
    async with working_engine(workspace) as engine:
        serving = asyncio.create_task(serve(workspace, engine))
        assert (await _post(port)).status_code == 204
        while await engine.database.read(lambda books: firings.newest(books, "often")) is None:
            assert not serving.done()
            await asyncio.sleep(0.05)
        serving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await serving
        rows = await engine.database.read(lambda books: runs.list_newest(books, 10))
    assert {row.business_key for row in rows} == {"customer C1", "customer C7"}


async def _post(port: int) -> httpx.Response:
    body, timestamp = b'{"order": {"customer": "C7"}}', str(int(datetime.now(UTC).timestamp()))
    headers = {
        "webhook-id": "msg_1",
        "webhook-timestamp": timestamp,
        "webhook-signature": signature(key_of(SECRET), "msg_1", timestamp, body),
    }
    transport = httpx.AsyncHTTPTransport(retries=20)
    async with httpx.AsyncClient(transport=transport) as client:
        return await client.post(f"http://127.0.0.1:{port}/hooks/shop", content=body, headers=headers)


def test_schema_of_tandem_yaml_covers_schedules_webhooks_and_calendars(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["schema"]) == 0
    printed = json.loads(capsys.readouterr().out)
    definitions = printed["tandem"]["$defs"]
    assert {"ScheduleBlock", "WebhookBlock", "HmacProof", "VendorProof", "ServerBlock"} <= set(definitions)
    assert definitions["ScheduleBlock"]["properties"]["every"]["anyOf"][0]["pattern"] == r"^[1-9]\d{0,5}[smhd]$"
    assert set(printed["calendar"]["properties"]) == {"format", "base", "holidays", "working_days"}
