"""The gateway of the SAP sandbox: logins and CSRF protection."""

import pytest

from fixtures.sap_s4hana.sandbox import CREDENTIALS
from tests.sandboxes.sap_gateway import ORDERS, ROOT, Gateway, code, gateway


def test_without_login_even_an_unknown_service_is_401(sap: Gateway) -> None:
    with sap.anonymous() as client:
        answer = client.get(f"{ROOT}NO_SUCH_SRV/")
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Basic")


def test_unknown_service_is_403_with_its_own_code(sap: Gateway) -> None:
    assert code(sap.get("NO_SUCH_SRV/A_Thing")) == (403, "/IWFND/MED/170")


def test_write_without_token_is_refused_in_plain_text(sap: Gateway) -> None:
    before = sap.books.census()["sales_orders"]
    answer = sap.client.post(f"{ORDERS}A_SalesOrder", json=sap.order("X"), headers={"x-csrf-token": ""})
    assert (answer.status_code, answer.headers["x-csrf-token"]) == (403, "Required")
    assert (answer.headers["content-type"], answer.content) == (
        "text/plain; charset=utf-8",
        b"CSRF token validation failed",
    )
    assert sap.books.census()["sales_orders"] == before


def test_token_without_its_cookies_is_refused(sap: Gateway) -> None:
    token = sap.client.headers["x-csrf-token"]
    login = (CREDENTIALS["username"], CREDENTIALS["password"])
    with sap.anonymous() as client:
        answer = client.post(f"{ORDERS}A_SalesOrder", auth=login, json=sap.order("X"), headers={"x-csrf-token": token})
    assert answer.status_code == 403


def test_token_ends_with_its_idle_session() -> None:
    with gateway(session_life_s=1800) as sap:
        sap.clock.advance(1799)
        assert sap.create("A").status_code == 201
        sap.clock.advance(1801)
        assert sap.create("B").headers["x-csrf-token"] == "Required"
        sap.fetch_token()
        assert sap.create("B").status_code == 201


@pytest.mark.parametrize("status", [403, 405])
def test_refused_head_carries_the_token_all_the_same(status: int) -> None:
    with gateway(head_status=status) as sap:
        answer = sap.client.head(ORDERS, headers={"x-csrf-token": "Fetch"})
        assert answer.status_code == status
        sap.client.headers["x-csrf-token"] = answer.headers["x-csrf-token"]
        assert sap.create("A").status_code == 201


def test_root_without_slash_redirects_and_loses_the_token(sap: Gateway) -> None:
    answer = sap.client.get(ORDERS.rstrip("/"), headers={"x-csrf-token": "Fetch"})
    assert (answer.status_code, answer.headers["location"]) == (307, ORDERS)
    assert "x-csrf-token" not in answer.headers


def test_client_credentials_token_reads_until_it_expires() -> None:
    with gateway(token_life_s=3600) as sap, sap.anonymous() as client:
        client_login = (CREDENTIALS["client_id"], CREDENTIALS["client_secret"])
        answer = client.post(
            "/sap/bc/sec/oauth2/token", data={"grant_type": "client_credentials"}, auth=client_login
        ).json()
        bearer = {"authorization": f"Bearer {answer['access_token']}"}
        assert answer["expires_in"] == 3600
        assert client.get(ORDERS, headers=bearer).status_code == 200
        sap.clock.advance(3601)
        assert client.get(ORDERS, headers=bearer).status_code == 401


def test_wrong_client_secret_gets_no_token(sap: Gateway) -> None:
    form = {"grant_type": "client_credentials", "client_id": CREDENTIALS["client_id"], "client_secret": "wrong"}
    with sap.anonymous() as client:
        answer = client.post("/sap/bc/sec/oauth2/token", data=form)
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")


def test_api_key_is_a_login(sap: Gateway) -> None:
    with sap.anonymous() as client:
        assert client.get(ORDERS, headers={"APIKey": CREDENTIALS["api_key"]}).status_code == 200
        assert client.get(ORDERS, headers={"APIKey": "wrong"}).status_code == 401


def test_user_who_may_only_display_is_refused_with_403(sap: Gateway) -> None:
    login = ("DISPLAY", "Display-1710!")
    with sap.anonymous() as client:
        client.auth = login
        token = client.get(ORDERS, headers={"x-csrf-token": "Fetch"}).headers["x-csrf-token"]
        answer = client.post(f"{ORDERS}A_SalesOrder", json=sap.order("X"), headers={"x-csrf-token": token})
    assert answer.status_code == 403
    assert "x-csrf-token" not in answer.headers
    assert "no authorization" in answer.json()["error"]["message"]["value"]
