"""``check`` finds every mistake of a workspace and tells it in one line: file, line, wrong value, valid values."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tandem.workspace.check import Report, check
from tests.engine.vendor import NOTE_POST

Edit = Callable[[Path], object]
VENDOR = "api_clients/acme_erp/vendor.yaml"
BOT = "bots/credit_check/bot.yaml"

SCREEN = """\
format: 1
screen: customer
open: "/customers/{{ number }}"
recognise: {role: heading, name: Customer}
elements:
  name: [{label: Name}]
  save: [{role: button, name: Save}]
tables:
  orders:
    rows: [{css: tr}]
    columns:
      number: [{header: Number}]
"""
RECORDING = """\
format: 1
operation: business_partner.find
channel: browser
steps:
  - open: {screen: customer, params: {number: "{{ request.business_partner_id }}"}}
  - read: {element: name, into: name}
result: {business_partner_id: "{{ request.business_partner_id }}", name: "{{ name }}"}
"""


def replaced(file: str, old: str, new: str) -> Edit:
    def edit(folder: Path) -> None:
        text = (folder / file).read_text(encoding="utf-8")
        assert old in text
        (folder / file).write_text(text.replace(old, new), encoding="utf-8")

    return edit


def written(file: str, text: str) -> Edit:
    def edit(folder: Path) -> None:
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).write_text(text, encoding="utf-8")

    return edit


def own(report: Report, folder: Path) -> list[str]:
    """The mistakes in files of the workspace itself, by their relative path."""
    start = f"{folder.resolve()}/"
    return [str(error).removeprefix(start) for error in report.mistakes if str(error).startswith(start)]


def with_screens(folder: Path) -> None:
    written("selectors/acme_erp/customer.yaml", SCREEN)(folder)
    written("recordings/acme_erp/business_partner.find.browser.yaml", RECORDING)(folder)
    replaced(VENDOR, "[api]", "[api, browser]")(folder)


def test_workspace_as_made_by_new_has_no_mistake(acme: Path) -> None:
    with_screens(acme)
    assert own(check(acme), acme) == []


@pytest.mark.parametrize(
    ("edit", "sentence"),
    [
        (
            replaced("tandem.yaml", "systems:", "system:"),
            "tandem.yaml:2: system is not a known key. Valid keys: format, language, store, log, systems, bots, ",
        ),
        (
            replaced("tandem.yaml", "vendor: acme_erp", "vendor: acme_epr"),
            "tandem.yaml:4: there is no vendor acme_epr. Valid: ",
        ),
        (
            replaced("tandem.yaml", "kind: basic", "kind: basik"),
            "tandem.yaml:5: systems.erp.api.auth.kind is 'basik'. Valid values: none, basic, ",
        ),
        (
            replaced("tandem.yaml", "{erp: erp}", "{erp: epr}"),
            "tandem.yaml:7: there is no system epr. Valid: erp. Did you mean erp?",
        ),
        (
            replaced("tandem.yaml", "{erp: erp}", "{crm: erp}"),
            "tandem.yaml:7: there is no role crm. Valid: erp.",
        ),
        (
            replaced("tandem.yaml", "credit_check:", "credit_chek:"),
            "tandem.yaml:7: there is no bot credit_chek. Valid: ",
        ),
        (
            replaced("tandem.yaml", "    api: {", "    settings: {plant: 1710}\n    api: {"),
            "tandem.yaml:5: systems.erp.settings.plant is not a known key.",
        ),
        (
            replaced("tandem.yaml", "format: 1\n", "format: 1\nstore: postgres://x\n"),
            "tandem.yaml:2: store.url: 'postgres://x' is not a store, such as sqlite:///data/tandem.db or ",
        ),
        (written("tandem.yaml", "format: 1\nsystems: [\n"), "tandem.yaml:3: not valid YAML: "),
        (written("tandem.yaml", "format: 1\nformat: 1\n"), "tandem.yaml:2: not valid YAML: the key stands twice."),
        (
            replaced(VENDOR, "business_partner.find:", "business_partner.fnd:"),
            f"{VENDOR}:9: there is no operation business_partner.fnd. Valid: ",
        ),
        (
            replaced(VENDOR, "[api]", "[api, browser]"),
            f"{VENDOR}:9: the ladder of business_partner.find has the rung browser, but "
            "recordings/acme_erp/business_partner.find.browser.yaml is not there.",
        ),
        (
            replaced(VENDOR, "[api]", "[api, telephone]"),
            f"{VENDOR}:9: operations.business_partner.find.ladder.1 is 'telephone'. Valid values: api, browser, ",
        ),
        (
            replaced(VENDOR, "  business_partner", "  sales_order.create: {ladder: [api]}\n  business_partner"),
            f"{VENDOR}:9: sales_order.create is read back by sales_order.find, which this vendor does not offer.",
        ),
        (
            replaced(VENDOR, "vendor: acme_erp", "vendor: acme"),
            f"{VENDOR}:5: vendor is acme, but the file lies where acme_erp belongs.",
        ),
        (
            replaced(BOT, "[business_partner.find]", "[business_partner.lose]"),
            f"{BOT}:8: there is no operation business_partner.lose. Valid: ",
        ),
        (
            replaced(BOT, "[business_partner.find]", "[stock.check]"),
            "tandem.yaml:7: bot credit_check performs stock.check on system erp, but acme_erp offers it on no channel",
        ),
        (written("bots/__init__.py", ""), "bots/__init__.py: it hides the bots that come with Tandem."),
        (written("selectors/acme_erp/x.py", ""), "selectors/acme_erp/x.py: selectors/ holds data only."),
        (
            lambda folder: (folder / "api_clients/acme_erp/__init__.py").unlink(),
            "api_clients/acme_erp: it holds code but no __init__.py",
        ),
        (
            written("selectors/nobody/customer.yaml", SCREEN),
            "selectors/nobody/customer.yaml: it lies in no vendor's folder.",
        ),
        (
            written("bots/credit_check/limits.yaml", "format: 1\n"),
            "bots/credit_check/limits.yaml: the bot credit_check has no model Limits in limits.py for this file.",
        ),
        (written("cross_reference.csv", "a,b\n"), "cross_reference.csv:1: the columns are a, b."),
    ],
)
def test_mistake_is_told_with_file_line_and_valid_values(edit: Edit, sentence: str, acme: Path) -> None:
    edit(acme)
    assert any(found.startswith(sentence) for found in own(check(acme), acme)), own(check(acme), acme)


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("screen: customer,", "screen: custmer,", "5: there is no screen custmer. Valid: customer."),
        ("element: name", "element: nam", "6: there is no element of screen customer nam. Valid: name, save."),
        ("element: name", "element: orders.no", "6: there is no element of screen customer orders.no. Valid: orders."),
        ("read: {", "reed: {", "6: steps.1.reed is not a known key."),
        ("into: name}", "into: name}\n  - click: {element: save, commit: true}", "4: business_partner.find only reads"),
        ("business_partner.find\n", "sales_order.create\n", "2: operation is sales_order.create on channel browser"),
        ("{{ name }}", "{{ name", "7: result: not a template"),
    ],
)
def test_mistake_in_a_recording_is_told(old: str, new: str, sentence: str, acme: Path) -> None:
    with_screens(acme)
    file = "recordings/acme_erp/business_partner.find.browser.yaml"
    replaced(file, old, new)(acme)
    assert any(found.startswith(f"{file}:{sentence}") for found in own(check(acme), acme)), own(check(acme), acme)


def test_nested_block_of_a_result_is_checked_too(acme: Path) -> None:
    with_screens(acme)
    file = "recordings/acme_erp/sales_order.read.browser.yaml"
    head = "format: 1\noperation: sales_order.read\nchannel: browser\n"
    step = "steps: [{open: {screen: customer, params: {number: '1'}}}]\n"
    written(file, f"{head}{step}result: {{order_id: '1', order_number: '2', account: {{acount_id: '3'}}}}\n")(acme)
    assert own(check(acme), acme) == [
        f"{file}:5: there is no acount_id here. Valid: account_id, customer_number, name. Did you mean account_id?",
        f"{file}:5: the result of sales_order.read lacks account_id. Add it under result.account.",
    ]


def test_product_names_columns_of_its_table(acme: Path) -> None:
    with_screens(acme)
    products = "    products: {amount: [number, price]}\n"
    file = "selectors/acme_erp/customer.yaml"
    replaced(file, "    columns:\n", products + "    columns:\n")(acme)
    assert own(check(acme), acme) == [
        f"{file}:11: there is no column of table orders {column}. Valid: number." for column in ("amount", "price")
    ]


def test_fault_of_a_demonstration_strikes_a_role(acme: Path) -> None:
    model = "from tandem.workspace.demonstration import Demonstration as Demo\n\n__all__ = ['Demo']\n"
    written("bots/credit_check/demo.py", model)(acme)
    proof = "{role: crm, step: s, documents: d, void: v, duplicates: u}"
    act = "{title: {en: A, zh: B}, faults: {epr: ['maintenance:any:1']}}"
    demo = f"format: 1\norders: 1\nseed: 1\ntimes: {{settle_s: 1, late_s: 1}}\nproof: {proof}\nacts: [{act}]\n"
    written("bots/credit_check/demo.yaml", demo)(acme)
    assert own(check(acme), acme) == [
        "bots/credit_check/demo.yaml:5: there is no role crm. Valid: erp.",
        "bots/credit_check/demo.yaml:6: there is no role epr. Valid: erp. Did you mean erp?",
    ]


def test_misspelt_key_that_chooses_a_form_is_named(acme: Path) -> None:
    replaced("tandem.yaml", "kind: basic", "kin: basic")(acme)
    assert own(check(acme), acme) == ["tandem.yaml:5: systems.erp.api.auth.kin is not a known key. Did you mean kind?"]


def test_missing_key_that_chooses_a_form_is_told_with_its_values(acme: Path) -> None:
    replaced("tandem.yaml", "kind: basic, ", "")(acme)
    (told,) = own(check(acme), acme)
    assert told.startswith("tandem.yaml:5: the key systems.erp.api.auth.kind is missing. Add it; valid values: none, b")


def test_write_on_several_rungs_needs_a_commit_step(acme: Path) -> None:
    with_screens(acme)
    recording = RECORDING.replace("business_partner.find\n", "sales_order.create\n")
    written("recordings/acme_erp/sales_order.create.browser.yaml", recording)(acme)
    assert any("no step says commit: true" in found for found in own(check(acme), acme))


def test_all_mistakes_are_told_not_only_the_first(acme: Path) -> None:
    replaced("tandem.yaml", "vendor: acme_erp", "vendor: acme_epr")(acme)
    replaced("tandem.yaml", "credit_check:", "credit_chek:")(acme)
    replaced(BOT, "bot: credit_check", "bot: credit")(acme)
    assert len(own(check(acme), acme)) == 3


def test_secret_in_clear_is_a_warning_that_does_not_repeat_it(acme: Path) -> None:
    replaced("tandem.yaml", "env:ACME_PASSWORD", "hunter-2-hunter")(acme)
    warnings = [str(warning) for warning in check(acme).warnings]
    assert len(warnings) == 1
    assert "tandem.yaml:5: systems.erp.api.auth.password is a secret in clear." in warnings[0]
    assert "hunter-2-hunter" not in warnings[0]


def test_secret_of_the_wrong_type_is_not_printed(acme: Path) -> None:
    replaced("tandem.yaml", '"env:ACME_PASSWORD"', "4711081508")(acme)
    found = own(check(acme), acme)
    assert any("systems.erp.api.auth.password" in text for text in found)
    assert not any("4711081508" in text for text in found)


def test_environment_variable_that_is_not_set_is_a_warning(acme: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ACME_PASSWORD")
    report = check(acme)
    assert own(report, acme) == []
    assert "ACME_PASSWORD, which is not set here" in str(report.warnings[0])


@pytest.mark.parametrize(("text", "sentence"), [(None, "cannot be read: No such file"), ("\n", "is empty")])
def test_secret_file_that_holds_no_secret_is_a_warning(text: str | None, sentence: str, acme: Path) -> None:
    replaced("tandem.yaml", "env:ACME_PASSWORD", "file:data/secrets/acme")(acme)
    if text is not None:
        written("data/secrets/acme", text)(acme)
    (warning,) = check(acme).warnings
    assert "tandem.yaml:5: systems.erp.api.auth.password: The secret file " in str(warning)
    assert f"data/secrets/acme {sentence}" in str(warning)


def test_secret_file_with_a_secret_is_no_warning(acme: Path) -> None:
    replaced("tandem.yaml", "env:ACME_PASSWORD", "file:data/secrets/acme")(acme)
    written("data/secrets/acme", "very-secret-1\n")(acme)
    assert check(acme).warnings == ()


@pytest.mark.parametrize(
    ("url", "hosts"),
    [
        ("http://erp.example.com:8001", ["erp.example.com"]),
        ("http://10.0.0.7", ["10.0.0.7"]),
        ("https://erp.example.com", []),
        ("http://localhost:8001", []),
        ("http://127.0.0.9", []),
        ("http://[::1]:8001", []),
    ],
)
def test_http_beyond_this_machine_is_a_warning(url: str, hosts: list[str], acme: Path) -> None:
    replaced("tandem.yaml", "http://127.0.0.1:1", url)(acme)
    browser = f'    browser: {{url: "{url}/ui", username: T, password: "env:ACME_PASSWORD"}}\nbots:'
    replaced("tandem.yaml", "bots:", browser)(acme)
    found = [str(warning).partition("tandem.yaml:")[2] for warning in check(acme).warnings]
    assert found == [
        f"{line}: systems.erp.{channel}.url goes to {host} over http://, so that passwords and data can be read on the "
        "way. Use https://."
        for line, channel in ((5, "api"), (6, "browser"))
        for host in hosts
    ]


def test_token_address_over_http_is_a_warning(acme: Path) -> None:
    token = 'kind: client_credentials, client_id: T, token_url: "http://id.example.com/t", client_secret: '
    replaced("tandem.yaml", "kind: basic, username: T, password: ", token)(acme)
    (warning,) = check(acme).warnings
    assert "systems.erp.api.auth.token_url goes to id.example.com over http://" in str(warning)


@pytest.mark.parametrize(
    ("ladder", "sentence"),
    [
        ("[api]", ""),
        ("[browser]", "writes through a screen and has no read-back"),
        ("[api, api]", "more than one rung"),
    ],
)
def test_write_without_read_back_goes_by_one_api_rung_only(acme: Path, ladder: str, sentence: str) -> None:
    rung = f"operations:\n  {NOTE_POST.name}: {{ladder: {ladder}}}\n"
    replaced(VENDOR, "operations:\n", rung)(acme)
    told = [line for line in own(check(acme), acme) if "read-back" in line]
    assert len(told) == bool(sentence)
    assert all(sentence in line for line in told)


def test_what_comes_with_tandem_has_no_mistake() -> None:
    assert [str(error) for error in check(None).mistakes] == []


BROWSER = (
    '    browser: {url: "http://127.0.0.1:1", username: T, password: "env:ACME_PASSWORD", executable: none/chromium}'
)


@pytest.mark.parametrize(
    ("edit", "sentence"),
    [
        (
            replaced("tandem.yaml", 'api: {url: "http', 'api: {ca_file: none.pem, url: "http'),
            "tandem.yaml:5: systems.erp.api.ca_file is none.pem, where there is no file.",
        ),
        (
            replaced("tandem.yaml", "bots:", f"{BROWSER}\nbots:"),
            "tandem.yaml:6: systems.erp.browser.executable is none/chromium, where there is no file.",
        ),
        (lambda folder: (folder / "cross_reference.csv").mkdir(), "cross_reference.csv is a folder, not a table."),
    ],
)
def test_file_that_is_named_and_not_there_is_a_mistake(edit: Edit, sentence: str, acme: Path) -> None:
    edit(acme)
    assert [found for found in own(check(acme), acme) if found.startswith(sentence)] != []


LOOP = """\
  - read_rows: {table: orders, into: rows}
  - for_each: {in: rows, as: row, steps: [{fill: {element: name, value: "{{ row.numbr }}"}}]}
result:"""


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        (
            '{{ request.business_partner_id }}"}}',
            '{{ request.business_partner }}"}}',
            ":5: there is no request.business_partner here. Valid: business_partner_id. "
            "Did you mean business_partner_id?",
        ),
        ('"{{ name }}"', '"{{ nam }}"', ":7: there is no nam here. Valid: settings, request, name. Did you mean name?"),
        (", name: ", ", nam: ", ":7: there is no nam here. Valid: business_partner_id, name"),
        ('"{{ name }}"', "", ":7: result.name is empty: it must be text; put it in quotes."),
        ('"{{ name }}"', "[a]", ":7: result.name is a list: it must be text; put it in quotes."),
        ("params: {number:", "params: {numbr:", ":5: screen customer opens with number, which is not given."),
        ("result:", LOOP, ":8: there is no row.numbr here. Valid: number. Did you mean number?"),
        ("{{ name }}", "{{ loop.index0 }}", ":7: there is no loop here."),
    ],
)
def test_name_in_a_template_is_one_the_replay_knows(old: str, new: str, sentence: str, acme: Path) -> None:
    with_screens(acme)
    replaced("recordings/acme_erp/business_partner.find.browser.yaml", old, new)(acme)
    wanted = f"recordings/acme_erp/business_partner.find.browser.yaml{sentence}"
    assert [found for found in own(check(acme), acme) if found.startswith(wanted)] != []
