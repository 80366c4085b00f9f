"""The report as a page: it stands alone, tells what was measured, and is whole in a browser."""

import json
import re
import struct
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from filiberto.evaluate.page import page
from filiberto.evaluate.report import summary_text
from filiberto.evaluate.results import prompts_right
from tests.browser import Tab, needs_browser, tab
from tests.evaluate.rich_report import HOSTILE, LONG, clock, figures, make_run, metrics

A4_WIDTH = 718
"""Pixels of a sheet between margins of a centimetre."""
FEW = ("bits_per_byte", "word_accuracy", "words")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "it"
    folder.mkdir()
    return make_run(folder)


@pytest.fixture
def rich() -> dict[str, Any]:
    return metrics()


class Elements(HTMLParser):
    """What a page consists of: tags with attributes, and the text of its `<data>`."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.data: list[tuple[float, str]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        tag, attributes = self.found[-1] if self.found else ("", {})
        if tag == "data" and data.strip():
            self.data.append((float(str(attributes["value"])), data))
            self.found.append(("", {}))


def numbers(value: Any) -> Iterator[float]:
    """All numbers in a value of JSON."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for entry in value:
            yield from numbers(entry)
    elif isinstance(value, int | float):
        yield float(value)


def spoilt(value: Any, text: str) -> Any:
    """The value with another text in the place of every text that people or files may give."""
    if isinstance(value, dict):
        given = ("name", "text", "note", "word", "answers", "problem", "phenomenon", "data")
        return {
            key: _all(entry, text) if key in given else spoilt(entry, text)
            for key, entry in value.items()
        }
    return [spoilt(entry, text) for entry in value] if isinstance(value, list) else value


def _all(value: Any, text: str) -> Any:
    return [_all(entry, text) for entry in value] if isinstance(value, list) else text


def test_the_page_stands_alone_and_runs_nothing(run: Path, rich: dict[str, Any]) -> None:
    text = page(run, rich)
    elements = Elements(text).found
    assert not {"script", "link", "img", "iframe", "object"} & {tag for tag, _ in elements}
    assert not [a for _, a in elements if "src" in a or any(key.startswith("on") for key in a)]
    assert "url(" not in text
    assert "@import" not in text


def test_its_links_go_to_its_files_its_sections_and_the_papers(
    run: Path, rich: dict[str, Any]
) -> None:
    elements = Elements(page(run, rich)).found
    links = {str(a["href"]) for tag, a in elements if tag == "a"}
    places = {f"#{a['id']}" for _, a in elements if "id" in a}
    papers = {link for link in links if link.startswith("https://arxiv.org/abs/")}
    files = {"metrics.json", "table.tex", "methods.tex", "cite.bib"}
    assert len(papers) == 5
    assert links == files | papers | places


def test_all_text_is_shown_as_it_is(run: Path, rich: dict[str, Any]) -> None:
    text = page(run, spoilt(rich, HOSTILE))
    assert text.count("&lt;script&gt;alert(1)&lt;/script&gt;{{7*7}}") >= 30
    tags = {tag for tag, _ in Elements(text).found}
    assert not tags & {"script", "img"}
    assert "49<img" not in text
    assert "49&lt;img" not in text


def test_what_the_files_of_the_run_say_is_shown_as_it_is(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    for name in ("plan.json", "environment.json", "tokenizer/sheet.json", "corpus/report.json"):
        found = (run / name).read_text()
        for given in ("x86_64 CPU (AVX512)", "europarl.txt.zst", "mini", "a word of manuals"):
            found = found.replace(given, HOSTILE)
        (run / name).write_text(found)
    text = page(run, metrics())
    assert text.count("&lt;script&gt;") >= 3
    assert "<script" not in text
    assert "<img" not in text


def test_the_figures_are_those_of_the_file(run: Path, rich: dict[str, Any]) -> None:
    shown = Elements(page(run, rich)).data
    known = set(numbers(rich))
    models = [rich, rich["before"], *rich["against"]]
    shares = (prompts_right(model) for model in models)
    known |= {right / count for right, count in shares if count} | {0, 361 / 387}
    assert len(shown) > 150
    for value, text in shown:
        assert value in known
        digits = len(text.partition(".")[2])
        assert text in {f"{value:.{digits}f}", f"{100 * value:.{digits}f}"}


def test_every_model_has_its_column(run: Path, rich: dict[str, Any]) -> None:
    text = page(run, rich)
    for model in [rich, rich["before"], *rich["against"]]:
        assert f'value="{model["bits_per_byte"]}"' in text
        assert (
            f'value="{model["by_source"][2]["bits_per_byte"]}"' in text or model is rich["before"]
        )
    for model in [rich, *rich["against"]]:
        assert f'value="{model["by_source"][2]["bits_per_byte"]}"' in text
    assert text.count(LONG) > 5


def test_the_best_is_marked_only_where_models_can_be_compared(
    run: Path, rich: dict[str, Any]
) -> None:
    found = Elements(page(run, rich)).found
    best = {str(a["value"]) for tag, a in found if tag == "data" and a.get("class") == "best"}
    assert "1.4102" in best
    assert "1.5588" in best  # after the training, beside before
    assert str(rich["against"][1]["token_accuracy"]["top1"]) not in best
    assert "0.9" not in best
    assert '<data value="0.9">0.900</data>' in page(run, rich)
    assert '<data value="0.7">70.0</data><small>69.0 to 71.0</small>' in page(run, rich)


def test_probes_tell_the_errors_that_were_removed(run: Path, rich: dict[str, Any]) -> None:
    text = page(run, rich)
    own, random = rich["probes"][0]["rows"][0]["mean"], rich["probes"][0]["rows"][1]["mean"]
    assert f"<td>{100 * (own - random) / (1 - random):.0f} %</td>" in text.replace("\xa0", " ")
    assert "The training text holds 4 of these" in text
    rich["probes"][0]["seen_sentences"] = None
    assert "is not known" in page(run, rich)


def test_a_right_guess_stands_in_the_sentence_and_a_wrong_one_too(
    run: Path, rich: dict[str, Any]
) -> None:
    text = page(run, rich)
    assert 'ciao <b dir="auto" class="right">come</b> va?' in text
    assert 'dove ci <b dir="auto">sono</b> oggi' in text
    assert "Not filled: the text has 140 tokens" in text


def test_only_prompts_with_answers_are_counted(run: Path, rich: dict[str, Any]) -> None:
    right, *_ = rich["prompts"]
    rich["prompts"] = [right, {**right, "answers": [], "rank": None}]
    assert "<b>1<small> of 1</small></b>" in page(run, rich)
    assert "comes first in 1 of 1" in summary_text(rich)
    rich["prompts"] = rich["prompts"][1:]
    assert "a right answer comes first" not in page(run, rich)
    assert "a right answer comes first" not in summary_text(rich)


def test_what_was_fetched_is_named_with_its_licence_whatever_it_is_for(
    run: Path, rich: dict[str, Any]
) -> None:
    rich["published"] = [["MultiBLiMP-ita", "cc-by-4.0"]]
    del rich["probes"]
    assert "Published data: MultiBLiMP-ita (cc-by-4.0)." in page(run, rich)


def test_only_papers_whose_measures_are_there_are_named(run: Path, rich: dict[str, Any]) -> None:
    assert "Dozat and Manning 2017" in page(run, rich)
    rich["probes"] = [entry for entry in rich["probes"] if entry["measure"] == "UPOS"]
    assert "Dozat and Manning 2017" not in page(run, rich)
    assert "Warstadt et al. 2020" in page(run, rich)


def test_figures_have_their_intervals_beside_them(run: Path, rich: dict[str, Any]) -> None:
    assert "1.512 to 1.604" not in page(run, rich)
    rich["intervals"] = {"bits_per_byte": [1.512, 1.604], "word_accuracy": [0.22, 0.2331]}
    shown = page(run, rich)
    assert "<small>1.512 to 1.604</small>" in shown
    assert "<small>22.0 to 23.3</small>" in shown


def test_no_path_of_this_machine_is_on_it(run: Path, rich: dict[str, Any]) -> None:
    rich["against"][0]["name"] = "/srv/models/other"
    rich["prompts"][4]["problem"] = f"{run}/prompts.toml cannot be filled"
    text = page(run, rich)
    assert "it-base" in text
    assert "prompts.toml cannot be filled" in text
    assert ">other<" in text
    for part in (str(run.parent), "/srv", "/models", "/texts"):
        assert part not in text


def test_every_picture_is_told_in_words(run: Path, rich: dict[str, Any]) -> None:
    text = page(run, rich)
    pictures = [a for tag, a in Elements(text).found if tag == "svg"]
    assert len(pictures) > 15
    assert all(a["role"] == "img" and len(str(a["aria-label"])) > 30 for a in pictures)
    assert text.count("<title>") == len(pictures) + 1
    assert text.count("<desc>") == len(pictures)


def test_what_is_not_in_the_run_is_left_out(tmp_path: Path, rich: dict[str, Any]) -> None:
    text = page(tmp_path, rich)
    assert 'id="training"' in text
    assert 'id="text"' not in text
    assert "million tokens read" not in text


@pytest.mark.parametrize(
    "more", [{}, {"prompts": []}, {"prompts": None, "pairs": [], "probes": []}]
)
def test_a_model_without_a_run_needs_three_figures(more: dict[str, Any]) -> None:
    few = {key: metrics()[key] for key in FEW}
    text = page(None, {"name": "elsewhere", **few, **more})
    assert "1.559" in text
    for missing in ("training", "text", "pairs", "probes", "prompts", "before", "help"):
        assert f'id="{missing}"' not in text
    assert "not measured" in page(None, {"name": "bare", **few, "bits_per_byte": None})


@pytest.mark.parametrize("key", [key for key in metrics() if key not in FEW])
def test_any_other_figure_may_be_missing(run: Path, rich: dict[str, Any], key: str) -> None:
    del rich[key]
    assert "1.559" in page(run, rich)


@pytest.mark.parametrize("key", [key for key in figures(1.5, 0.2, 0.3) if key not in FEW])
def test_another_model_may_lack_any_figure(run: Path, rich: dict[str, Any], key: str) -> None:
    for model in (rich["before"], *rich["against"]):
        del model[key]
    assert "1.559" in page(run, rich)


def test_energy_and_cost_are_told_where_known(tmp_path: Path, rich: dict[str, Any]) -> None:
    run = make_run(tmp_path / "run")
    assert "<dt>Cost</dt>" not in page(run, rich)
    assert "<dt>Energy</dt>" not in page(run, rich)
    recipe = run / "recipe.toml"
    recipe.write_text(f"price_per_hour = 2.25\n{recipe.read_text()}")
    lines = [{**line, "watts": 90.0} for line in clock()]
    (run / "timings.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    hours = lines[-1]["seconds"] / 3_600
    shown = page(run, rich)
    assert f"<dt>Cost</dt><dd>{2.25 * hours:.2f}, at 2.25 an hour</dd>" in shown
    assert f"<dt>Energy</dt><dd>{0.09 * hours:.3g} kWh" in shown


def test_rendering_needs_no_torch(run: Path) -> None:
    code = (
        "import json, sys; from pathlib import Path; sys.modules['torch'] = None\n"
        "from filiberto.evaluate.page import page; from filiberto.evaluate.tex import tex\n"
        "run, metrics = Path(sys.argv[1]), json.load(sys.stdin)\n"
        "print(len(page(run, metrics)), len(tex(run, metrics)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(run)],
        input=json.dumps(metrics()),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout.split()[0]) > 50_000


def test_the_report_of_a_run_has_them_all(mini_run: Path) -> None:
    there = {path.name for path in (mini_run / "report").iterdir()}
    assert there == {
        *("metrics.json", "summary.txt", "report.html", "table.tex", "methods.tex"),
        *("cite.bib", "manifest.json"),
    }
    found = json.loads((mini_run / "report" / "metrics.json").read_text())
    text = (mini_run / "report" / "report.html").read_text()
    assert f'value="{found["bits_per_byte"]}"' in text
    assert f'value="{found["calibration"]["expected_error"]}"' in text
    assert text.count("million tokens read") >= 3
    assert str(mini_run.parent) not in text


@pytest.mark.slow
@needs_browser
@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("dark", [False, True])
def test_a_browser_shows_it_whole_at_any_width(
    run: Path, rich: dict[str, Any], tmp_path: Path, width: int, dark: bool
) -> None:
    report, picture = tmp_path / "report.html", tmp_path / "report.png"
    report.write_text(page(run, rich), encoding="utf-8")
    with tab() as opened:
        opened.size(width, 1_500, dark=dark)
        opened.open(report.as_uri())
        assert opened.js("innerWidth") == width
        assert opened.js("document.documentElement.scrollWidth") <= width
        assert (brightness(opened) < 200) == dark
        root = "document.documentElement"
        size = opened.js(f"[{root}.clientWidth, {root}.scrollHeight]")  # a scroll bar less
        assert size[0] > width - 20
        assert size[1] > 1_500
        opened.screenshot(picture)
        assert opened.urls == [report.as_uri()]
        assert not opened.errors
    seen = picture.read_bytes()
    assert struct.unpack(">II", seen[16:24]) == tuple(size)
    assert len(seen) > 30_000  # an empty page has a tenth


@pytest.mark.slow
@needs_browser
def test_on_paper_it_is_white_and_nothing_is_cut_off(
    run: Path, rich: dict[str, Any], tmp_path: Path
) -> None:
    report = tmp_path / "report.html"
    report.write_text(page(run, rich), encoding="utf-8")
    with tab() as opened:
        opened.size(A4_WIDTH, 1_000, dark=True, media="print")
        opened.open(report.as_uri())
        assert brightness(opened) == 3 * 255
        assert opened.js("getComputedStyle(document.querySelector('nav')).display") == "none"
        assert opened.js("document.documentElement.scrollWidth") <= A4_WIDTH
        assert opened.js("document.querySelectorAll('svg').length") >= 3
        paper = opened.pdf()
    assert len(re.findall(rb"/Type\s*/Page\b", paper)) > 2


def brightness(opened: Tab) -> int:
    """Of what the text stands on: red, green and blue together."""
    paper = opened.js("getComputedStyle(document.body).backgroundColor")
    return sum(map(int, re.findall(r"\d+", paper)[:3]))
