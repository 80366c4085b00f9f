"""The page without a server, in a browser: it fills, it listens, and it reaches nobody else."""

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from filiberto.errors import OtherRunError, TryAgainError, UnfinishedStageError, UsageError
from filiberto.evaluate.model import load_reader
from filiberto.publish import page
from filiberto.publish.onnx import INT8, open_onnx
from tests.browser import Tab, needs_browser, served, tab

READY = "/ms$/.test(document.getElementById('status').textContent)"
TEXT = "Anna <mask> il libro oggi, e alle <mask> torna a casa."


@pytest.fixture(scope="module")
def run(mini_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp("page") / "it"
    shutil.copytree(mini_run, run)
    return run


@pytest.fixture(scope="module")
def made(run: Path) -> Path:
    """The page of a run, with libraries that npm fetches."""
    if shutil.which("npm") is None:
        pytest.skip("no npm to fetch the page's libraries; install Node.js")
    out = run.parent / "site"
    try:
        page.export(run, out)
    except TryAgainError as error:
        pytest.skip(f"npm has no network: {error.message}")
    return out


@pytest.fixture(scope="module")
def opened(made: Path) -> Iterator[Tab]:
    with served(made) as url, tab() as found:
        found.open(url)
        found.wait_for(READY)
        yield found


def asked(tab: Tab, text: str) -> list[list[tuple[str, float]]]:
    """Type a text, and read what the page guesses for each blank: words and percent."""
    tab.js("document.getElementById('status').textContent = 'waiting'")
    tab.js("document.getElementById('text').focus()")
    tab.type(text)
    tab.wait_for("document.getElementById('status').textContent !== 'waiting'")
    rows = """[...document.querySelectorAll('#blanks ol')].map(list =>
        [...list.querySelectorAll('button')].map(button =>
            ['.word', '.share'].map(part => button.querySelector(part).textContent)))"""
    return [[(word, float(share.strip("< %"))) for word, share in row] for row in tab.js(rows)]


@needs_browser
def test_it_guesses_what_the_same_file_guesses_elsewhere(opened: Tab, run: Path) -> None:
    reader = load_reader(run)
    ids = reader.tokenizer.encode(TEXT).ids
    holes = [place for place, token in enumerate(ids) if token == reader.special_ids["<mask>"]]
    int8 = open_onnx(run / "export" / INT8, reader)
    scores = int8.log_probabilities([ids], [holes])[0].exp()
    expected = []
    for row in scores:
        best = torch.topk(row, 5)
        words = [reader.tokenizer.decode([i]).strip() or "␣" for i in best.indices.tolist()]
        expected.append(list(zip(words, (100 * best.values).tolist(), strict=True)))
    found = asked(opened, TEXT)
    assert [[word for word, _ in row] for row in found] == [[w for w, _ in row] for row in expected]
    for mine, theirs in zip(found, expected, strict=True):
        assert [p for _, p in mine] == pytest.approx([p for _, p in theirs], abs=0.1)


@needs_browser
def test_a_person_can_make_blanks_fill_them_and_ask_for_more(opened: Tab) -> None:
    asked(opened, "Anna legge il libro")
    assert "No blank" in opened.js("document.getElementById('status').textContent")
    opened.js("document.getElementById('text').setSelectionRange(7, 7)")  # in `legge`
    opened.js("document.getElementById('blank').click()")
    text = "document.getElementById('text').value"
    assert opened.js(text) == "Anna <mask> il libro"
    opened.wait_for("document.querySelectorAll('#blanks button').length === 5")
    opened.js("""(slider => { slider.value = 8; slider.dispatchEvent(new Event('input')); })(
        document.getElementById('count'))""")
    opened.wait_for("document.querySelectorAll('#blanks button').length === 8")
    word = opened.js("document.querySelector('#blanks .word').textContent")
    opened.js("document.querySelector('#blanks button').click()")
    assert opened.js(text) == f"Anna {'' if word == '␣' else word} il libro"
    opened.js("document.querySelector('#examples button').click()")
    assert opened.js(text) == "ciao <mask> va?"
    opened.call("Input.dispatchKeyEvent", type="keyDown", modifiers=1, code="KeyB", key="b")
    assert opened.js(text).count("<mask>") == 2
    asked(opened, "Anna ____ il ___")
    assert opened.js(text) == "Anna <mask> il <mask>"
    assert opened.js("document.querySelectorAll('#blanks button').length") == 16
    assert opened.js("document.getElementById('text').selectionStart") == 21
    asked(opened, "parola " * 200)
    assert "Too long" in opened.js("document.getElementById('status').textContent")


@needs_browser
def test_what_is_typed_is_text_and_goes_nowhere(opened: Tab, tmp_path: Path) -> None:
    asked(opened, "<img src=x onerror=alert(1)> <mask> <script>alert(2)</script>")
    assert opened.js("document.querySelectorAll('main img, main script').length") == 0
    asked(opened, TEXT)
    for width, height, dark in ((390, 844, True), (1280, 900, False)):
        opened.size(width, height, dark=dark)
        assert opened.js("document.documentElement.scrollWidth") <= width
        opened.screenshot(tmp_path / f"{width}.png")
        assert (tmp_path / f"{width}.png").stat().st_size > 10_000
    assert opened.errors == []
    assert all(re.match(r"http://127\.0\.0\.1:\d+/", url) for url in opened.urls)


def test_its_labels_and_language_are_those_of_the_run(made: Path) -> None:
    text = (made / "index.html").read_text(encoding="utf-8")
    assert '<label for="text">' in text
    assert "default-src 'self'" in text
    assert "connect-src" not in text
    assert "://" not in text
    assert json.loads((made / "page.json").read_text())["runtime"][0].startswith("onnxruntime-web")
    for file in made.rglob("*.js*"):
        assert str(made.parent) not in file.read_text(encoding="utf-8")


def test_bad_input_is_refused_by_name(run: Path, tmp_path: Path) -> None:
    with pytest.raises(UnfinishedStageError, match="no trained model"):
        page.export(tmp_path, tmp_path / "out")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.txt").write_text("mine")
    with pytest.raises(OtherRunError, match="no page of filiberto"):
        page.export(run, tmp_path / "full")
    (tmp_path / "file").write_text("mine")
    with pytest.raises(UsageError, match="file is a file"):
        page.export(run, tmp_path / "file")
    with pytest.raises(UsageError, match="nowhere is no folder"):
        page.export(run, tmp_path / "out", runtime=tmp_path / "nowhere")
    (tmp_path / "half").mkdir()
    (tmp_path / "half" / "ort.wasm.min.mjs").write_text("")
    with pytest.raises(UsageError, match=r"has no ort-wasm-simd-threaded\.mjs, "):
        page.export(run, tmp_path / "out", runtime=tmp_path / "half")
    assert not (tmp_path / "out").exists()


def test_a_runtime_of_ones_own_is_taken_and_an_old_page_replaced(run: Path, tmp_path: Path) -> None:
    own = tmp_path / "own"
    own.mkdir()
    for name in (name for names in page.RUNTIME.values() for name in names):
        (own / name).write_text(name)
    for _ in range(2):
        page.export(run, tmp_path / "out", runtime=own)
    assert (tmp_path / "out" / "runtime" / "tokenizers.min.mjs").read_text() == "tokenizers.min.mjs"
