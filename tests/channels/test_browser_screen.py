"""A real page as a Screen: one visible match or none, what was entered is read back, nothing is sent twice."""

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
import pytest_asyncio
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from fixtures.sandbox.serve import serve
from tandem.channels.browser.chromium import Chromium
from tandem.channels.browser.screen import BrowserScreen
from tandem.channels.screen import Target
from tandem.channels.selectors import BrowserCandidate, BrowserScreenFile
from tandem.channels.targets import cell_target, element_target
from tandem.errors import AccessRefused, LoginExpired, ScreenNotReady, Throttled, Unavailable

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]

FORM = """
<h1>Form</h1>
<label>Name <input></label> <label>Name* <input hidden></label>
<label>Fixed <input readonly value="old"></label>
<label>Short <input maxlength="3"></label>
<label>Upper <input oninput="this.value = this.value.toUpperCase()"></label>
<label>Count <input type="number"></label>
<label>Day <input type="date"></label>
<label for="kind">Kind</label>
<select id="kind"><option value="a">Apple</option><option value="b">Bean</option></select>
<label>Agreed <input type="checkbox"></label>
<label>Twin <input></label><label>Twin <input></label>
<table><tr><th>Code</th><th>It's count</th></tr>
<tr class="row"><td><input value="A"></td><td>1</td></tr>
<tr class="row"><td><input value="B"></td><td>2</td></tr></table>
<button onclick="alert('Out of paper')">Print</button>
<p id="rows" ondblclick="this.textContent = 'opened'">marked</p>
<iframe srcdoc="<h1>Inside</h1><label>Inner <input></label>"></iframe>
"""
SCREEN: dict[str, Any] = {
    "format": 1,
    "screen": "form",
    "open": "/form",
    "recognise": {"role": "heading", "name": "Form"},
    "elements": {
        name: [{"label": name}]
        for name in ("Name", "Fixed", "Short", "Upper", "Count", "Day", "Kind", "Agreed", "Twin")
    }
    | {"Print": [{"role": "button", "name": "Print"}], "Row": [{"css": "#rows"}], "Lost": [{"css": "#lost"}]}
    | {"Moved": [{"css": "#lost"}, {"label": "Name"}], "Late": [{"css": "#late"}, {"label": "Name"}]},
    "tables": {
        "rows": {
            "rows": {"css": "tr.row"},
            "columns": {"code": [{"header": "Code"}], "count": [{"header": "It's count"}]},
        }
    },
}
PAGE = BrowserScreenFile.model_validate(SCREEN)


class Site:
    """Pages by path; ``posted`` counts what was sent. An answer that is held waits until it is ``released``.

    It answers in a thread of its own.
    """

    def __init__(self) -> None:
        self.pages: dict[str, str] = {"/form": FORM, "/login": "<h1>Log in</h1>", "/blank": "<body></body>"}
        self.posted = 0
        self.arrived, self.released = threading.Event(), threading.Event()
        self.healed: list[tuple[str, int]] = []

    async def show(self, request: Request) -> Response:
        if request.url.path.startswith("/status/"):
            return HTMLResponse("no", int(request.url.path.rsplit("/", 1)[1]))
        return HTMLResponse(self.pages[request.url.path])

    async def post(self, request: Request) -> Response:
        self.posted += 1
        self.arrived.set()
        if request.query_params.get("reset"):
            request.scope["wire"].reset()
            while (await request.receive())["type"] != "http.disconnect":
                pass
        if request.query_params.get("held"):
            await asyncio.to_thread(self.released.wait, 60)
        return RedirectResponse("/form", 303)


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def chromium() -> AsyncIterator[Chromium]:
    chromium = Chromium(None, headless=True)
    yield chromium
    await chromium.aclose()


@pytest_asyncio.fixture(loop_scope="module")
async def site(chromium: Chromium) -> AsyncIterator[tuple[Site, BrowserScreen]]:
    site = Site()
    async with serve(
        Starlette(routes=[Route("/{path:path}", site.show), Route("/post", site.post, methods=["POST"])])
    ) as server:
        context = await (await chromium.browser()).new_context()
        context.set_default_timeout(8000)

        async def healed(target: Target, index: int) -> None:
            site.healed.append((target.name, index))

        login = BrowserScreenFile.model_validate(
            {"format": 1, "screen": "login", "recognise": {"role": "heading", "name": "Log in"}}
        )
        screen = BrowserScreen(
            await context.new_page(),
            system="erp",
            url=server.url,
            timeout_s=1.5,
            healed=healed,
            signs={LoginExpired: login},
        )
        yield site, screen
        await context.close()


@pytest_asyncio.fixture(loop_scope="module")
async def form(site: tuple[Site, BrowserScreen]) -> BrowserScreen:
    screen = site[1]
    await screen.open(PAGE, {})
    await screen.recognise(PAGE, 2)
    return screen


def element(name: str) -> Target:
    return element_target(PAGE, name, {})


def at(path: str) -> BrowserScreenFile:
    return PAGE.model_copy(update={"open": path})


async def test_hidden_twin_is_no_match_and_label_marks_do_not_count(form: BrowserScreen) -> None:
    await form.fill(element("Name"), '"Ada" {x}')
    assert await form.read(element("Name")) == '"Ada" {x}'
    await form.fill(element("Name"), "")
    assert await form.read(element("Name")) == ""


async def test_two_visible_matches_are_ambiguous(form: BrowserScreen) -> None:
    with pytest.raises(ScreenNotReady, match="Twin is ambiguous: 2 elements match"):
        await form.fill(element("Twin"), "x")


async def test_missing_element_is_missing_after_the_timeout(form: BrowserScreen) -> None:
    with pytest.raises(ScreenNotReady, match="Lost is missing"):
        await form.click(element("Lost"))


async def test_field_that_cannot_be_edited_is_not_ready(form: BrowserScreen) -> None:
    with pytest.raises(ScreenNotReady, match="Fixed cannot be typed into"):
        await form.fill(element("Fixed"), "new")


@pytest.mark.parametrize(("name", "value"), [("Short", "longer"), ("Upper", "lower")])
async def test_field_that_took_something_else_is_noticed(form: BrowserScreen, name: str, value: str) -> None:
    with pytest.raises(ScreenNotReady, match=f"{name} does not hold what was entered"):
        await form.fill(element(name), value)


@pytest.mark.parametrize(("name", "value"), [("Count", "12.5"), ("Day", "2026-12-31")])
async def test_fields_with_a_widget_are_filled_too(form: BrowserScreen, name: str, value: str) -> None:
    await form.fill(element(name), value)
    assert await form.read(element(name)) == value


async def test_option_is_chosen_by_value_or_text(form: BrowserScreen) -> None:
    await form.select(element("Kind"), "b")
    assert await form.read(element("Kind")) == "Bean"
    await form.select(element("Kind"), "Apple")
    assert await form.read(element("Kind")) == "Apple"
    with pytest.raises(ScreenNotReady, match="Kind has 0 options Corn"):
        await form.select(element("Kind"), "Corn")


async def test_check_box_is_set_and_cleared(form: BrowserScreen) -> None:
    await form.check(element("Agreed"), True)
    assert await form.page.get_by_label("Agreed").is_checked()
    await form.check(element("Agreed"), False)
    assert not await form.page.get_by_label("Agreed").is_checked()


async def test_table_is_read_and_written_under_its_headings(form: BrowserScreen) -> None:
    columns = {key: cell_target(PAGE, f"rows.{key}", None, {}) for key in ("code", "count")}
    assert await form.read_rows(columns) == [{"code": "A", "count": "1"}, {"code": "B", "count": "2"}]
    await form.fill(cell_target(PAGE, "rows.code", 1, {}), "C")
    assert (await form.read_rows(columns))[1]["code"] == "C"


async def test_later_candidate_heals_and_is_told(site: tuple[Site, BrowserScreen], form: BrowserScreen) -> None:
    await form.fill(element("Moved"), "x")
    assert site[0].healed == [("Moved", 1)]
    assert await form.read(element("Name")) == "x"


async def test_page_still_building_is_not_healed(site: tuple[Site, BrowserScreen]) -> None:
    building = (
        "<script>setTimeout(() => document.body.insertAdjacentHTML('beforeend', '<input id=late>'), 400)</script>"
    )
    site[0].pages["/slow"] = FORM + building
    await site[1].open(at("/slow"), {})
    await site[1].fill(element("Late"), "x")
    assert site[0].healed == []


async def test_dialog_out_of_nowhere_stops_the_replay(form: BrowserScreen) -> None:
    await form.click(element("Print"))
    with pytest.raises(ScreenNotReady, match="opened a dialog: Out of paper"):
        await form.click(element("Print"))


async def test_elements_in_a_frame_are_found(site: tuple[Site, BrowserScreen]) -> None:
    inside = BrowserScreenFile.model_validate(
        SCREEN | {"frame": "iframe", "recognise": {"role": "heading", "name": "Inside"}}
    )
    await site[1].open(inside, {})
    await site[1].recognise(inside, 2)
    target = Target("form", "Inner", (BrowserCandidate(label="Inner"),))
    await site[1].fill(target, "x")
    assert await site[1].read(target) == "x"


async def test_login_page_instead_of_the_screen_is_an_expired_login(site: tuple[Site, BrowserScreen]) -> None:
    await site[1].open(at("/login"), {})
    with pytest.raises(LoginExpired, match="shows its login screen instead of form"):
        await site[1].recognise(PAGE, 5)


async def test_blank_page_is_unavailable(site: tuple[Site, BrowserScreen]) -> None:
    await site[1].open(at("/blank"), {})
    with pytest.raises(Unavailable, match="blank page"):
        await site[1].recognise(PAGE, 0.2)


@pytest.mark.parametrize(
    ("status", "outcome"),
    [(401, LoginExpired), (403, AccessRefused), (429, Throttled), (500, Unavailable), (503, Unavailable)],
)
async def test_status_of_a_page_tells_its_outcome(
    site: tuple[Site, BrowserScreen], status: int, outcome: type[Exception]
) -> None:
    with pytest.raises(outcome):
        await site[1].open(at(f"/status/{status}"), {})


async def test_closed_page_is_unavailable(form: BrowserScreen) -> None:
    await form.page.close()
    with pytest.raises(Unavailable, match="closed or crashed"):
        await form.fill(element("Name"), "x")


HANGING: dict[str, Callable[[BrowserScreen], Awaitable[object]]] = {
    "recognise": lambda form: form.recognise(PAGE, 0.5),
    "fill": lambda form: form.fill(element("Name"), "x"),
    "select": lambda form: form.select(element("Kind"), "b"),
    "check": lambda form: form.check(element("Agreed"), True),
    "click": lambda form: form.click(element("Print")),
    "press": lambda form: form.press("Tab", None),
    "read": lambda form: form.read(element("Name")),
    "read rows": lambda form: form.read_rows({"code": cell_target(PAGE, "rows.code", None, {})}),
    "first shown": lambda form: form.first_shown([element("Name")], 0.5),
    "gone": lambda form: form.gone(element("Name"), 0.5),
    "open": lambda form: form.open(at("/form#again"), {}),
}


@pytest.mark.parametrize("what", HANGING)
async def test_page_whose_script_never_ends_is_not_ready(form: BrowserScreen, what: str) -> None:
    async with form.page.expect_console_message():
        await form.page.evaluate("setTimeout(() => { console.log('begun'); while (true) {} })")
    with pytest.raises(ScreenNotReady):
        await asyncio.wait_for(HANGING[what](form), 60)


async def test_first_shown_and_gone_wait_for_the_page(form: BrowserScreen) -> None:
    await form.page.evaluate("setTimeout(() => document.querySelector('button').id = 'lost', 200)")
    assert await form.first_shown([element("Lost")], 2) == 0
    await form.page.evaluate("setTimeout(() => document.querySelector('#lost').remove(), 200)")
    assert await form.gone(element("Lost"), 2)
    assert await form.first_shown([element("Lost")], 0) is None


async def test_write_is_sent_once_over_a_reset_connection(site: tuple[Site, BrowserScreen]) -> None:
    site[0].pages["/send"] = "<form method=post action='/post?reset=1'><button>Send</button></form>"
    await site[1].open(at("/send"), {})
    await site[1].committing()
    async with site[1].page.expect_event("requestfailed"):
        await site[1].click(Target("send", "Send", (BrowserCandidate(role="button", name="Send"),)))
    assert site[0].posted == 1


async def test_write_under_way_is_not_sent_anew_when_its_page_is_left(site: tuple[Site, BrowserScreen]) -> None:
    script = "fetch('/post?held=1', {method: 'POST'})"
    site[0].pages["/send"] = f'<button onclick="{script}">Send</button>'
    await site[1].open(at("/send"), {})
    await site[1].committing()
    async with site[1].page.expect_event("request"):
        await site[1].click(Target("send", "Send", (BrowserCandidate(role="button", name="Send"),)))
    assert await asyncio.to_thread(site[0].arrived.wait, 60)
    for path in ("/form", "/form#again"):
        await site[1].open(at(path), {})
        await site[1].fill(element("Name"), path)
        assert await site[1].read(element("Name")) == path
        site[0].released.set()
    assert await site[1].settled(5)
    assert site[0].posted == 1


async def test_write_that_answers_with_another_page_arrives_there(site: tuple[Site, BrowserScreen]) -> None:
    site[0].pages["/send"] = "<form method=post action=/post><button>Send</button></form>"
    await site[1].open(at("/send"), {})
    await site[1].committing()
    await site[1].click(Target("send", "Send", (BrowserCandidate(role="button", name="Send"),)))
    await site[1].recognise(PAGE, 2)
    assert site[0].posted == 1


async def test_double_click_opens_what_one_click_only_marks(form: BrowserScreen) -> None:
    await form.click(element("Row"))
    assert await form.read(element("Row")) == "marked"
    await form.double_click(element("Row"))
    assert await form.read(element("Row")) == "opened"


WORKING = """
<h1>Form</h1><p id="rows">0</p>
<script>
let done = 0;
async function work() {
  await fetch('/slow');
  document.querySelector('#rows').textContent = ++done;
  if (done < 3) setTimeout(work, 50);
}
work();
</script>
"""
TICKING = "<h1>Form</h1><p id=rows></p><script>setInterval(() => rows.textContent += '.', 50)</script>"


async def test_screen_rests_once_all_it_asked_for_is_answered_and_shown(site: tuple[Site, BrowserScreen]) -> None:
    site[0].pages |= {"/working": WORKING, "/slow": "late"}
    await site[1].open(at("/working"), {})
    assert await site[1].settled(10)
    assert await site[1].read(element("Row")) == "3"


async def test_screen_that_always_changes_never_rests(site: tuple[Site, BrowserScreen]) -> None:
    site[0].pages["/ticking"] = TICKING
    await site[1].open(at("/ticking"), {})
    assert not await site[1].settled(0.5)


async def test_page_is_loaded_anew_when_only_its_fragment_is_another(site: tuple[Site, BrowserScreen]) -> None:
    screen = site[1]
    for fragment in ("one", "two", "two"):
        await screen.open(at(f"/form#{fragment}"), {})
        assert await screen.address() == f"{screen._url}/form#{fragment}"
        assert await screen.read(element("Name")) == ""
        await screen.fill(element("Name"), fragment)
