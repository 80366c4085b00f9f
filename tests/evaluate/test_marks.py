import json
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from filiberto import evaluate
from filiberto.config import EvaluateConfig
from filiberto.errors import UnfinishedStageError, UsageError
from filiberto.evaluate import comparison, prompt_sheet
from filiberto.evaluate.marks import MARKS, Mark, Marks, Note, fold, keep, of, read_marks
from filiberto.evaluate.report import summary_text
from tests.conftest import filiberto

HOSTILE = "</script><img src=x onerror=alert(1)> \"'&{{ 7*7 }} <mask>"
ONE = {"text": "ciao <mask> va?", "hole": 1, "word": "come", "mark": "right"}
NOTE = {"text": "ciao <mask> va?", "note": "bene"}


def result(text: str, *holes: list[str]) -> dict[str, Any]:
    """A prompt as `answer_prompts` gives it, as far as marks look at it."""
    tops = [[{"word": word, "probability": 0.1} for word in hole] for hole in holes]
    several = {"holes": [{"top": top} for top in tops]} if len(tops) > 1 else {}
    return {"text": text, "note": "", "problem": "", "top": tops[0], **several}


def written(folder: Path, value: Any) -> Path:
    path = folder / "saved.json"
    path.write_text(value if isinstance(value, str) else json.dumps(value), encoding="utf-8")
    return path


def whole(marks: list[Any] | None = None, notes: list[Any] | None = None) -> dict[str, Any]:
    head = {"format": "filiberto-marks", "version": 1}
    return {**head, "marks": [ONE] if marks is None else marks, "notes": notes or []}


@pytest.fixture
def run(mini_run: Path, tmp_path: Path) -> Path:
    """A copy of what a report is made from, and the report."""
    folder = tmp_path / "run"
    folder.mkdir()
    for name in ("corpus", "tokenizer", "model", "report"):
        shutil.copytree(mini_run / name, folder / name)
    return folder


class Page(HTMLParser):
    """Collects what a browser would find."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.blocks: dict[str, str] = {}
        self._open = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._open = dict(attrs).get("id") or "" if tag == "script" else ""

    def handle_data(self, data: str) -> None:
        if self._open:
            self.blocks[self._open] = self.blocks.get(self._open, "") + data


def test_what_the_sheet_saves_is_read(tmp_path: Path) -> None:
    found = read_marks(written(tmp_path, whole(notes=[NOTE])))
    assert found == Marks((Mark(**ONE),), (Note(**NOTE),))


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("{", "is no file of marks"),
        ("[" * 100_000, "is no file of marks"),
        ("[1, 2]", r"the file: has \[1, 2\]; it must have format, version, marks, notes"),
        ({"marks": []}, "the file: has marks; it must have format"),
        ({**whole(), "more": 1}, "more; it must have format, version, marks, notes"),
        ({**whole(), "version": 2}, "is of format 'filiberto-marks', version 2"),
        ({**whole(), "version": True}, "`version` is True; it must be a whole number"),
        ({**whole(), "format": "x"}, "is of format 'x'"),
        ({**whole(), "marks": {}}, "`marks` is {}; it must be a list"),
        (whole([3]), "mark 1: has 3; it must have text, hole, word, mark"),
        (whole([ONE, {**ONE, "mark": "maybe"}]), "mark 2: `mark` is 'maybe'; it must be right or"),
        (whole([{**ONE, "hole": 0}]), "mark 1: `hole` is 0; it must be 1 or more"),
        (whole([{**ONE, "hole": "1"}]), "mark 1: `hole` is '1'; it must be a whole number"),
        (whole([{**ONE, "word": None}]), "mark 1: `word` is None; it must be text"),
        (whole([{**ONE, "word": "\ud800"}]), r"mark 1: `word` is '\\ud800'; it must be text"),
        (whole([ONE, {**ONE, "mark": "wrong"}]), r"has \('ciao <mask> va\?', 1, 'come'\) twice"),
        (whole(notes=[NOTE, NOTE]), r"has \('ciao <mask> va\?',\) twice"),
        (whole(notes=[{"text": "a"}]), "note 1: has text; it must have text, note"),
    ],
)
def test_a_wrong_file_is_named_with_what_is_wrong(tmp_path: Path, value: Any, message: str) -> None:
    with pytest.raises(UsageError, match=r"saved\.json.*" + message):
        read_marks(written(tmp_path, value))


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"nowhere\.json: no such file of marks"):
        read_marks(tmp_path / "nowhere.json")
    assert of(tmp_path) is None


def test_marks_of_other_prompts_are_refused_and_nothing_is_kept(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"marks the prompt 'ciao <mask> va\?'"):
        keep(tmp_path, written(tmp_path, whole()), [result("altro <mask>", ["x"])])
    assert not (tmp_path / MARKS).exists()


def test_kept_marks_are_those_that_were_given(tmp_path: Path) -> None:
    given = keep(tmp_path, written(tmp_path, whole(notes=[NOTE])), [result(ONE["text"], ["come"])])
    assert of(tmp_path) == given


def test_only_marks_of_fillers_that_are_shown_count() -> None:
    prompts = [result("a <mask>", ["x", "y", "z"]), result("<mask> b <mask>", ["x"], ["y", "x"])]
    marks = Marks(
        (
            Mark("a <mask>", 1, "x", "wrong"),
            Mark("a <mask>", 1, "y", "right"),
            Mark("a <mask>", 1, "long ago", "right"),
            Mark("<mask> b <mask>", 2, "y", "right"),
            Mark("<mask> b <mask>", 2, "x", "unsure"),
            Mark("gone <mask>", 1, "x", "right"),
        ),
        (Note("a <mask>", "bene"), Note("gone <mask>", "male")),
    )
    found = fold(prompts, marks)
    assert (found["right"], found["wrong"], found["unsure"]) == (2, 1, 1)
    assert found["first"] == {"marked": 2, "right": 1}
    assert len(found["words"]) == 4
    assert found["notes"] == [{"text": "a <mask>", "note": "bene"}]


def test_hostile_text_stays_text() -> None:
    prompt = {**result(HOSTILE, [HOSTILE, "due"]), "note": HOSTILE, "problem": HOSTILE}
    marked = Marks((Mark(HOSTILE, 1, HOSTILE, "right"),), (Note(HOSTILE, HOSTILE),))
    page = Page(prompt_sheet.page(HOSTILE, [prompt], marked))
    assert {tag for tag, _ in page.tags} & {"img", "iframe", "object", "link", "form"} == set()
    assert [tag for tag, _ in page.tags].count("script") == 3
    (first, _) = [attributes for tag, attributes in page.tags if tag == "fieldset"]
    assert first["data-word"] == HOSTILE
    assert json.loads(page.blocks["texts"]) == [HOSTILE]
    data = json.loads(page.blocks["data"])
    assert data["marks"] == [{"text": HOSTILE, "hole": 1, "word": HOSTILE, "mark": "right"}]
    assert data["notes"] == [{"text": HOSTILE, "note": HOSTILE}]


def test_the_sheet_fetches_and_sends_nothing() -> None:
    text = prompt_sheet.page("it", [result("a <mask>", ["x"])], None)
    assert "default-src 'none'" in text
    assert not re.search(r"https?:|//[a-z]|fetch\(|XMLHttpRequest|sendBeacon|WebSocket", text)
    assert not any(
        {"src", "action", "href"} & attributes.keys() for _, attributes in Page(text).tags
    )


def test_every_filler_of_every_hole_can_be_marked_once() -> None:
    prompts = [
        result("<mask> b <mask>", ["x", "y"], ["x", "z", "x"]),
        result("a ___", ["w"]),
        result("a ___", ["v"]),
    ]
    page = Page(prompt_sheet.page("it", prompts, None))
    asked = [(a["data-hole"], a["data-word"]) for tag, a in page.tags if tag == "fieldset"]
    assert asked == [("1", "x"), ("1", "y"), ("2", "x"), ("2", "z"), ("1", "w")]
    radios = [a for tag, a in page.tags if tag == "input" and a["type"] == "radio"]
    assert len(radios) == 3 * len(asked)
    assert len({a["name"] for a in radios}) == len(asked)
    assert json.loads(page.blocks["texts"]) == ["<mask> b <mask>", "a ___"]


def test_the_same_prompts_give_the_same_page() -> None:
    prompts = [result("a <mask>", ["x", "y"])]
    assert prompt_sheet.page("it", prompts, None) == prompt_sheet.page("it", prompts, None)
    keys = {
        re.search(r"filiberto-marks-\w+", prompt_sheet.page("it", some, None))[0]  # type: ignore[index]
        for some in (prompts, [result("a <mask>", ["x", "z"])])
    }
    assert len(keys) == 2


def test_a_run_without_a_report_or_prompts_is_refused(run: Path) -> None:
    evaluate.build(run, settings=EvaluateConfig(max_bytes=3_000, likelihood_words=20))
    with pytest.raises(UsageError, match="has no prompts"):
        prompt_sheet.write(run, out=None)
    for folder in (run, Path("/")):
        with pytest.raises(UsageError, match="is a folder"):
            prompt_sheet.write(run, out=folder)
    shutil.rmtree(run / "report")
    with pytest.raises(UnfinishedStageError, match="report is unfinished"):
        prompt_sheet.write(run, out=None)


def test_marks_go_from_the_sheet_into_the_report_without_measuring_again(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = {"settings": EvaluateConfig(max_bytes=20_000), "language": "it"}
    before = evaluate.build(run, **asked)
    assert "marks" not in before.facts

    done = filiberto("prompts", run)
    assert done.returncode == 0, done.stderr
    page = Page((run / "report" / "prompts.html").read_text(encoding="utf-8"))
    text = json.loads(page.blocks["texts"])[0]
    word = next(a["data-word"] for tag, a in page.tags if tag == "fieldset")
    mark = {"text": text, "hole": 1, "word": word, "mark": "right"}
    done = filiberto("prompts", run, "--marks", written(tmp_path, whole([mark])))
    assert done.returncode == 0, done.stderr

    def measured(place: Path) -> None:
        raise AssertionError(f"{place} is measured again")

    monkeypatch.setattr(comparison, "_open", measured)
    after = evaluate.build(run, **asked)
    assert after.facts["marks"]["first"] == {"marked": 1, "right": 1}
    assert {**after.facts, "marks": None} == {**before.facts, "marks": None}
    assert json.loads((run / "report" / "metrics.json").read_bytes()) == after.facts
    assert "right in 1 of 1" in summary_text(after.facts)
    shown = (run / "report" / "report.html").read_text()
    assert "A reader marked 1 right; the first filler is right in 1 of 1." in shown
    assert shown.count('<small class="note">marked right</small>') == 1
    (run / MARKS).unlink()
    assert evaluate.build(run, **asked).facts == before.facts


def test_a_price_that_is_said_later_is_shown_without_measuring_again(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (run / "timings.jsonl").write_text('{"step": 1, "seconds": 1800.0}\n')
    asked = {"settings": EvaluateConfig(max_bytes=20_000), "language": "it"}
    before = evaluate.build(run, **asked)
    page = run / "report" / "report.html"
    assert "<dt>Cost</dt>" not in page.read_text()

    def measured(place: Path) -> None:
        raise AssertionError(f"{place} is measured again")

    monkeypatch.setattr(comparison, "_open", measured)
    monkeypatch.setattr(comparison, "some_documents", measured)
    (run / "recipe.toml").write_text("price_per_hour = 3.0\n")
    assert evaluate.build(run, **asked).facts == before.facts
    assert "<dt>Cost</dt><dd>1.50, at 3.0 an hour</dd>" in page.read_text()


def test_damaged_marks_of_a_run_are_named(run: Path) -> None:
    (run / MARKS).write_text("{}")
    with pytest.raises(UsageError, match=r"marks\.json, the file: has nothing; it must have"):
        evaluate.build(run, settings=EvaluateConfig(max_bytes=20_000), language="it")
