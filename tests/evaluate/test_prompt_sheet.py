"""The sheet of prompts in a browser: what is marked on it stays, and is saved as it was marked."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from filiberto.evaluate import prompt_sheet
from filiberto.evaluate.marks import Mark, Marks, Note, read_marks
from tests.browser import Tab, needs_browser, served, tab
from tests.evaluate.test_marks import result

pytestmark = needs_browser

ONE, TWO = "ciao <mask> va?", "<mask> vediamo <mask> sera"
LONG = "precipitevolissimevolmente" * 8
PROMPTS = [result(ONE, ["come", "dove", LONG]), result(TWO, ["ci"], ["questa", "ogni"])]
WIDTH = 390

# What the browser would put among its downloads is caught where the page makes it.
CATCH = """
    URL.createObjectURL = (file) => { window.saved = file; return "#"; };
    HTMLAnchorElement.prototype.click = function () { window.savedAs = this.download; };
    true"""
FIND = """(() => {
    const mark = document.querySelector('[data-word="WORD"] input[value=MARK] + span');
    mark.scrollIntoView({ block: "center", behavior: "instant" });
    const box = mark.getBoundingClientRect();
    return [box.x + box.width / 2, box.y + box.height / 2];
})()"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Tab]:
    with tab() as found:
        found.size(WIDTH, 844)
        yield found


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    # Under a file's own address Chromium 156 now and then finds nothing of what it has kept.
    with served(tmp_path) as url:
        yield f"{url}prompts.html"


def opened(browser: Tab, address: str, folder: Path, marked: Marks | None = None) -> None:
    """Open a sheet of which the browser has kept nothing."""
    text = prompt_sheet.page("it", PROMPTS, marked)
    (folder / "prompts.html").write_text(text, encoding="utf-8")
    browser.open(address)
    browser.js("localStorage.clear()")
    browser.errors.clear()
    browser.urls.clear()
    browser.open(address)
    # What is pressed before it has painted may be dropped.
    browser.wait_for("performance.getEntriesByName('first-contentful-paint').length")


def tap(sheet: Tab, word: str, mark: str) -> None:
    """Press where a finger would."""
    x, y = sheet.js(FIND.replace("WORD", word).replace("MARK", mark))
    for kind in ("mousePressed", "mouseReleased"):
        sheet.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)


def shown(sheet: Tab) -> list[list[str]]:
    """Words and marks of the buttons that look pressed."""
    buttons = "[...document.querySelectorAll('input:checked')]"
    return sheet.js(f"{buttons}.map((b) => [b.closest('fieldset').dataset.word, b.value])")


def saved(sheet: Tab, folder: Path) -> Marks:
    """What the button saves, as the command reads it."""
    sheet.js(CATCH)
    sheet.js("document.getElementById('save').click()")
    assert sheet.js("window.savedAs") == "marks.json"
    path = folder / "marks.json"
    path.write_text(sheet.js("window.saved.text()"), encoding="utf-8")
    return read_marks(path)


def test_it_fits_a_phone_and_fetches_nothing(browser: Tab, address: str, tmp_path: Path) -> None:
    opened(browser, address, tmp_path)
    assert browser.js("innerWidth") == WIDTH
    assert browser.js("document.documentElement.scrollWidth") <= WIDTH
    assert browser.errors == []
    assert set(browser.urls) == {address}


def test_marks_and_notes_are_there_again_after_a_reload(
    browser: Tab, address: str, tmp_path: Path
) -> None:
    opened(browser, address, tmp_path)
    tap(browser, "come", "right")
    tap(browser, "dove", "wrong")
    browser.js("document.querySelector('textarea').focus()")
    browser.type("si dice così")
    browser.open(address)
    assert shown(browser) == [["come", "right"], ["dove", "wrong"]]
    assert browser.js("document.querySelector('textarea').value") == "si dice così"
    assert browser.js("document.getElementById('count').textContent") == "2 of 6 words marked"
    assert browser.errors == []


def test_what_is_saved_is_what_was_marked(browser: Tab, address: str, tmp_path: Path) -> None:
    opened(browser, address, tmp_path)
    tap(browser, "come", "right")
    tap(browser, "dove", "right")
    tap(browser, "dove", "wrong")
    tap(browser, "questa", "unsure")
    browser.js("document.querySelectorAll('textarea')[1].focus()")
    browser.type("  «stasera»\tè meglio ")
    assert saved(browser, tmp_path) == Marks(
        (
            Mark(ONE, 1, "come", "right"),
            Mark(ONE, 1, "dove", "wrong"),
            Mark(TWO, 2, "questa", "unsure"),
        ),
        (Note(TWO, "«stasera»\tè meglio"),),
    )
    assert browser.errors == []


@pytest.mark.parametrize("way", ["tap", "Delete", "Backspace"])
def test_a_mark_can_be_taken_back(browser: Tab, address: str, tmp_path: Path, way: str) -> None:
    opened(browser, address, tmp_path)
    tap(browser, "come", "right")
    tap(browser, "dove", "wrong")
    if way == "tap":
        tap(browser, "dove", "wrong")
    else:
        browser.js("document.querySelector('[data-word=dove] input:checked').focus()")
        browser.call("Input.dispatchKeyEvent", type="keyDown", key=way, code=way)
    for _ in range(2):
        assert shown(browser) == [["come", "right"]]
        assert saved(browser, tmp_path) == Marks((Mark(ONE, 1, "come", "right"),), ())
        browser.open(address)


def test_what_the_run_keeps_is_marked_and_saved_again(
    browser: Tab, address: str, tmp_path: Path
) -> None:
    gone = Mark(ONE, 1, "quando", "right")  # of a filler that an older model had
    kept = Marks((gone, Mark(ONE, 1, "dove", "wrong")), (Note(ONE, "bene"),))
    opened(browser, address, tmp_path, kept)
    assert browser.js("document.getElementById('count').textContent") == "1 of 6 words marked"
    assert saved(browser, tmp_path) == kept
    tap(browser, "dove", "wrong")
    assert saved(browser, tmp_path) == Marks((gone,), kept.notes)
