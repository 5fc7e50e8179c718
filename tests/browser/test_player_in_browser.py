"""The player in a real browser: in JupyterLab, light and dark, wide and narrow, at the keyboard; and as a file."""

import re
from pathlib import Path

import nbformat
import pytest
from learner import Course
from notebook_page import (
    count_code_cells,
    end_kernels,
    errors,
    open_lesson,
    save,
    shift_enter,
    use_theme,
    wait_until_have_run,
)

from benchmarks.film import busy
from simlib import run

pytestmark = pytest.mark.browser

SCREENSHOTS = Path(__file__).parent / "screenshots"
NOTEBOOK = "player.ipynb"
HOSTILE = "<img src=x onerror=window.hacked=1>"
SHOP = '''
from simlib import *
shop = Scenario(topics=[Topic("orders", partitions=3, replication_factor=3)], duration=60, seed=7,
                producers=[Producer("shop", topic="orders", rate=30, keys=30)],
                groups=[ConsumerGroup("billing", topic="orders", consumers=3, service_time=0.02)],
                faults=[Crash("billing-1", at=20, restart_after=10), Crash("broker-1", at=30, restart_after=15)])
run(shop).play()
'''
STORY = f'''
from simlib import laws
async def billing(app):
    consumer = app.consumer("orders", group_id="billing", enable_auto_commit=False, auto_offset_reset="earliest")
    async for order in consumer:
        await app.effect("charge", order.value["id"])
        await consumer.commit()
given = [{{"key": {HOSTILE!r}, "value": {{"id": {HOSTILE!r}, "note": "</script><script>window.hacked=1</script>"}}}}]
story = Scenario([Topic("orders")], inputs={{"orders": given}}, services=[Service("billing", billing)])
explore(story, laws.exactly_once("charge"), progress=False).counterexample.trace.play(expected={{"charge": 1}})
'''
LONG = '''
from simlib.views.player import recording
recording.ROWS_OF_A_SLICE = 100          # many slices: the browser has to ask for them
run(replace(shop, "faults", ())).play(start=10)
'''
TWO = 'play(run(replace(shop, "faults", ())), run(shop), titles=("calm", "killed"))'
SEEK = """(slider, time) => { slider.value = time; slider.dispatchEvent(new Event('input')); }"""


def is_at(page, player, time: float) -> None:
    """Wait until a player stands at a time (s)."""
    page.wait_for_function("([player, time]) => Math.abs(Number(player.dataset.time) - time) < 0.001",
                           arg=[player.element_handle(), time])


def seek(page, player, time: float) -> None:
    player.locator(".sp-slider").evaluate(SEEK, time)
    is_at(page, player, time)


# -- in JupyterLab


@pytest.fixture(scope="module")
def lab(course: Course, browser):
    """A notebook of four players, run."""
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("# Four players"),
                                           *(nbformat.v4.new_code_cell(source.strip())
                                             for source in (SHOP, STORY, LONG, TWO))])
    course.url()   # from then on its folder is there
    nbformat.write(book, course.folder / NOTEBOOK)
    page = browser.new_page(viewport={"width": 1280, "height": 1000})
    page.set_default_timeout(60_000)
    page.complaints = []
    page.on("pageerror", lambda error: page.complaints.append(str(error)))
    open_lesson(page, course, NOTEBOOK)
    code_cells = count_code_cells(course, NOTEBOOK)
    shift_enter(page)
    wait_until_have_run(page, code_cells)
    page.locator(".sp-controls").nth(3).wait_for()
    use_theme(page, "Light")
    SCREENSHOTS.mkdir(exist_ok=True)
    yield page
    page.close()


@pytest.fixture
def players(lab):
    """The players: the shop, the story, the long run, the two runs."""
    return [lab.locator(".jp-OutputArea-output .sp").nth(number) for number in range(4)]


def test_the_players_are_there_and_nothing_complains(lab, players):
    assert errors(lab) == [] and lab.complaints == []
    assert lab.locator(".sp").count() == 4
    assert not lab.locator(".jp-OutputArea-output img:visible").count(), "where a film is, its picture is hidden"
    assert players[0].locator(".sp-log").count() == 3
    assert "led by broker-0" in players[0].locator(".sp-log").first.inner_text()


def test_it_plays_pauses_and_plays_on(lab, players):
    player = players[0]
    player.locator(".sp-play").click()
    lab.wait_for_function("player => Number(player.dataset.time) > 2", arg=player.element_handle())
    player.locator(".sp-play").click()
    at = float(player.get_attribute("data-time"))
    lab.wait_for_timeout(400)
    assert float(player.get_attribute("data-time")) == at < 60
    player.locator(".sp-play").click()
    lab.wait_for_function("([player, at]) => Number(player.dataset.time) > at", arg=[player.element_handle(), at])
    player.locator(".sp-play").click()


def test_scrubbing_shows_the_state_of_that_time_and_back_again(lab, players):
    player = players[0]
    member, broker = player.locator(".sp-card", has_text="billing-1"), player.locator(".sp-card", has_text="broker-1")
    seek(lab, player, 35.0)
    assert "died" not in member.inner_text() and "died" in broker.inner_text()
    assert "led by broker-1, which is down" in player.locator(".sp-log").nth(1).inner_text()
    assert "not yet written" in player.locator(".sp-says").first.inner_text()
    assert player.locator(".sp-pending").count() == 20
    seek(lab, player, 40.0)
    log = player.locator(".sp-log").first.inner_text()
    assert "died" in broker.inner_text() and re.search(r"broker-1 lacks the last \d+", log)
    seek(lab, player, 25.0)
    assert "died" in member.inner_text() and "died" not in broker.inner_text()
    assert not player.locator(".sp-late:visible").count()
    member.scroll_into_view_if_needed()
    lab.screenshot(path=SCREENSHOTS / "player-light-1280.png")
    seek(lab, player, 5.0)
    assert "died" not in member.inner_text() + broker.inner_text()


def test_a_record_that_is_clicked_tells_its_life_and_lights_up_its_path(lab, players):
    player = players[0]
    seek(lab, player, 10.0)
    player.locator(".sp-log").first.locator(".sp-cell:visible").first.click()
    life = player.locator(".sp-lifelines")
    life.locator("li").nth(4).wait_for()
    said = life.inner_text()
    for part in ("The life of shop:", "shop created", "broker-0 wrote", "billing-0 was handed", "billing-0 committed"):
        assert part in said
    assert player.locator(".sp-card[data-lit]").count() == 3, "shop, broker-0 and billing-0"
    lab.keyboard.press("Escape")
    assert life.is_hidden() and player.locator("[data-lit]").count() == 0


def test_everything_can_be_done_at_the_keyboard_and_no_key_reaches_the_notebook(lab, players):
    player, cells = players[1], lab.locator(".jp-NotebookPanel .jp-Cell").count()
    player.focus()
    lab.keyboard.press("Home")
    is_at(lab, player, 0)
    moments = []
    for _ in range(3):
        before = player.get_attribute("data-time")
        lab.keyboard.press("n")
        lab.wait_for_function("([player, before]) => player.dataset.time !== before",
                              arg=[player.element_handle(), before])
        moments.append(float(player.get_attribute("data-time")))
    assert moments == sorted(set(moments)) and moments[2] == 3.01, "after the rebalance and its end"
    assert "billing-0 died." in player.locator(".sp-live").inner_text()
    lab.keyboard.press("ArrowRight")
    lab.wait_for_function("player => Number(player.dataset.time) > 4", arg=player.element_handle())
    speed = player.locator(".sp-speed").input_value()
    lab.keyboard.press("+")
    assert float(player.locator(".sp-speed").input_value()) > float(speed)
    lab.keyboard.press("End")
    is_at(lab, player, 54.0)
    assert "Broken: duplicate: charge was done again" in player.locator(".sp-verdict").inner_text()
    for letter in "xabdz":
        lab.keyboard.press(letter)
    assert lab.locator(".jp-NotebookPanel .jp-Cell").count() == cells
    lab.keyboard.press("?")
    assert player.locator(".sp-keys").is_visible()
    lab.keyboard.press("?")


def test_a_record_is_reached_by_tab_and_its_life_opened_by_enter(lab, players):
    player = players[0]
    seek(lab, player, 10.0)
    player.focus()
    for _ in range(20):
        lab.keyboard.press("Tab")
        if lab.evaluate("() => document.activeElement.matches('.sp-cell')"):
            break
    first = lab.evaluate("() => document.activeElement.textContent")
    lab.keyboard.press("ArrowRight")
    assert int(lab.evaluate("() => document.activeElement.textContent")) == int(first) + 1
    assert lab.evaluate("() => getComputedStyle(document.activeElement).outlineStyle") == "solid", "focus can be seen"
    lab.keyboard.press("Enter")
    player.locator(".sp-lifelines li").first.wait_for()
    lab.keyboard.press("Escape")


def test_values_are_text_whatever_they_hold(lab, players):
    player = players[1]
    seek(lab, player, 54.0)
    assert HOSTILE in player.locator(".sp-lines").last.inner_text()
    player.locator(".sp-cell:visible").first.click()
    player.locator(".sp-lifelines li").first.wait_for()
    assert HOSTILE in player.locator(".sp-about").inner_text()
    assert player.locator("img, script").count() == 0
    assert lab.evaluate("() => window.hacked") is None
    assert "charge: 2 done, 1 expected, 1 of them again" in player.locator(".sp-world").inner_text()
    lab.keyboard.press("Escape")


def test_slices_of_a_long_trace_come_from_the_kernel_when_they_are_needed(lab, players):
    player = players[2]
    is_at(lab, player, 10.0)
    for time in (50.0, 20.0):
        seek(lab, player, time)
        said = player.locator(".sp-says").first.inner_text()
        assert abs(int(re.match(r"([\d,]+) sent", said).group(1).replace(",", "")) - 30 * time) <= 2
    player.locator(".sp-cell:visible").first.click()
    player.locator(".sp-lifelines li").nth(3).wait_for()
    lab.keyboard.press("Escape")


def test_two_runs_go_in_step_and_the_first_difference_is_marked(lab, players):
    player = players[3]
    said = player.locator(".sp-differs").inner_text()
    assert said.startswith("Until 20 s both runs are the same.") and "In the second: billing-1 died." in said
    seek(lab, player, 25.0)
    states = [pane.locator(".sp-card", has_text="billing-1").inner_text() for pane in player.locator(".sp-pane").all()]
    assert ["died" in state for state in states] == [False, True]
    assert player.locator(".sp-difference").is_visible()
    player.scroll_into_view_if_needed()
    lab.wait_for_timeout(300)
    lab.screenshot(path=SCREENSHOTS / "player-two-1280.png")


def test_dark_and_narrow_it_stays_readable_and_inside_its_place(lab, players):
    use_theme(lab, "Dark")
    lab.set_viewport_size({"width": 800, "height": 1000})
    lab.wait_for_timeout(500)
    for player, at in zip(players, (25.0, 48.0105, 20.0, 25.0), strict=True):
        seek(lab, player, at)
    for number, player in enumerate(players):
        player.scroll_into_view_if_needed()
        lab.wait_for_timeout(300)   # cells are drawn when they come into sight
        lab.screenshot(path=SCREENSHOTS / f"player-dark-800-{number}.png")
        assert player.evaluate("player => player.scrollWidth <= player.clientWidth"), "nothing sticks out"
        ink, paper = (player.evaluate("(player, name) => getComputedStyle(player)[name]", name)
                      for name in ("color", "backgroundColor"))
        assert contrast(ink, paper) > 7
    assert lab.complaints == []


def contrast(one: str, other: str) -> float:
    """The ratio of WCAG 2.1 between two colours as a browser says them."""
    light = sorted(luminance(*map(int, re.findall(r"\d+", colour)[:3])) for colour in (one, other))
    return (light[1] + 0.05) / (light[0] + 0.05)


def luminance(*channels: int) -> float:
    linear = [c / 255 / 12.92 if c / 255 <= 0.04045 else ((c / 255 + 0.055) / 1.055) ** 2.4 for c in channels]
    return sum(weight * one for weight, one in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def test_when_the_kernel_is_gone_what_was_sent_still_plays(lab, players, course):
    end_kernels(lab, course)
    players[0].scroll_into_view_if_needed()
    seek(lab, players[0], 40.0)
    assert "died" in players[0].locator(".sp-card", has_text="broker-1").inner_text()
    before = players[2].get_attribute("data-time")
    players[2].locator(".sp-slider").evaluate(SEEK, 3.0)
    players[2].locator(".sp-waits").wait_for()
    assert players[2].get_attribute("data-time") == before, "this slice was never sent; the page says so"


def test_a_notebook_that_is_opened_again_shows_the_pictures_in_place_of_the_films(lab, course, browser):
    lab.keyboard.press("Escape")
    save(lab)
    page = browser.new_page(viewport={"width": 1280, "height": 1000})
    page.set_default_timeout(60_000)
    open_lesson(page, course, NOTEBOOK)
    page.locator(".jp-OutputArea-output img").first.wait_for()
    page.screenshot(path=SCREENSHOTS / "player-opened-again.png")
    assert page.locator(".sp").count() == 0
    page.close()


# -- as a file


@pytest.fixture(scope="module")
def file(tmp_path_factory) -> str:
    """The address of an exported page of more than 10,000 events."""
    trace = run(busy())
    assert len(trace.events) > 10_000
    path = tmp_path_factory.mktemp("exported") / "story.html"
    trace.export(path)
    return path.as_uri()


WATCH = """() => {
    const count = changes => changes.reduce((sum, one) => sum + 1 + one.addedNodes.length + one.removedNodes.length, 0);
    window.changed = 0;
    new MutationObserver(changes => { window.changed += count(changes); }).observe(document.querySelector('.sp'),
        { subtree: true, childList: true, attributes: true, characterData: true });
}"""


def changes_of_a_picture(page) -> float:
    """How much of the page changes for each picture: work, which is the same on every machine (for the time that it
    takes see the benchmarks).
    """
    page.evaluate(WATCH)
    before = int(page.locator(".sp").get_attribute("data-frames"))
    page.wait_for_function("before => Number(document.querySelector('.sp').dataset.frames) > before + 20", arg=before)
    frames, changed = page.evaluate("() => [Number(document.querySelector('.sp').dataset.frames), window.changed]")
    return changed / (frames - before)


@pytest.mark.parametrize("width", [1280, 800])
def test_an_exported_file_plays_offline_and_changes_little_for_each_picture(browser, file, width):
    page = browser.new_page(viewport={"width": width, "height": 900}, offline=True)
    complaints, asked = [], []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(file)
    player = page.locator(".sp")
    player.focus()
    page.locator(".sp-speed").select_option("5")
    page.keyboard.press("Space")
    page.wait_for_function("() => Number(document.querySelector('.sp').dataset.time) > 1")
    elements = player.evaluate("player => player.querySelectorAll('*').length")
    assert elements < 1_500, "no element for each of 10,000 events"
    assert 1 < changes_of_a_picture(page) < 1_500
    page.keyboard.press("Space")
    page.wait_for_function("() => document.querySelector('.sp-play').getAttribute('aria-label').startsWith('play')")
    page.wait_for_timeout(300)
    page.evaluate(WATCH)
    page.wait_for_timeout(300)
    assert page.evaluate("() => window.changed") == 0, "nothing is drawn while it stands still"
    page.screenshot(path=SCREENSHOTS / f"player-file-{width}.png")
    assert complaints == []
    assert asked == [file], "the file, and nothing else"
    page.close()


def test_whoever_wants_no_motion_sees_none(browser, file):
    page = browser.new_page(viewport={"width": 1000, "height": 900}, reduced_motion="reduce")
    page.goto(file)
    page.locator(".sp").focus()
    page.keyboard.press("Space")
    page.wait_for_function("() => Number(document.querySelector('.sp').dataset.time) > 1")
    assert page.locator(".sp-dotted").count() == 0
    page.close()


def test_without_javascript_the_file_shows_the_storyboard(browser, file):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(file)
    assert page.locator("img").evaluate_all("images => images.length") == 1
    assert "moments from" in page.locator("img").get_attribute("alt")
    context.close()
