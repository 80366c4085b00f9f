"""The report as a page, and its files for a paper."""

import json
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from filiberto.evaluate.advice import advice
from filiberto.evaluate.page import page
from filiberto.evaluate.plots import Plot, Series, draw, ticks
from filiberto.evaluate.tex import escaped, tex

HOSTILE = "<script>alert(1)</script>{{7*7}}<img src=x onerror=alert(1)>"
BROWSER = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)


def row(name: str, kind: str, mean: float, **more: Any) -> dict[str, Any]:
    scores = [mean - 0.01, mean, mean + 0.01] if kind != "majority" else [mean]
    return {
        "name": name,
        "kind": kind,
        "mean": mean,
        "scores": scores,
        "low": mean - 0.02,
        "high": mean + 0.02,
        "unseen_mean": mean - 0.005,
        **more,
    }


@pytest.fixture
def rich(mini_run: Path) -> dict[str, Any]:
    """The figures of a real run, with all that there may be beside."""
    metrics = json.loads((mini_run / "report" / "metrics.json").read_text())
    measured = {
        key: metrics[key]
        for key in ("bits_per_byte", "word_accuracy", "words", "word_bytes", "token_accuracy")
    }
    pairs = [
        {"phenomenon": name, "count": 50, "right": 40, "accuracy": 0.8, "low": 0.67, "high": 0.89}
        for name in ("number & person", "all")
    ]
    rows = [
        row("mini", "model", 0.95),
        row("same shape, random weights", "random", 0.9),
        row(HOSTILE, "against", 0.93),
        row("most frequent label", "majority", 0.89),
    ]
    probe = {
        "task": "tags",
        "measure": "UPOS",
        "title": "Parts of speech",
        "data": "UD_x & y_z",
        "train_sentences": 1_781,
        "dev_sentences": 9,
        "test_sentences": 153,
        "seen_sentences": 10,
        "rows": rows,
    }
    other = {"name": HOSTILE, **measured, "prompts": [], "pairs": pairs}
    return {
        **metrics,
        "pairs": pairs,
        "probes": [probe],
        "before": {**measured, "prompts": []},
        "against": [{**other, "calibration": metrics["calibration"]}],
    }


class Elements(HTMLParser):
    """What a page consists of."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def test_the_page_stands_alone_and_runs_nothing(mini_run: Path, rich: dict[str, Any]) -> None:
    text = page(mini_run, rich)
    elements = Elements(text).found
    assert not {"script", "link", "img", "iframe", "object"} & {tag for tag, _ in elements}
    assert not [a for _, a in elements if "src" in a or any(key.startswith("on") for key in a)]
    links = {str(a["href"]) for tag, a in elements if tag == "a"}
    assert links == {"metrics.json", "table.tex", "methods.tex", "cite.bib"}
    assert "url(" not in text
    assert "@import" not in text


def test_all_text_is_shown_as_it_is(mini_run: Path, rich: dict[str, Any]) -> None:
    rich["prompts"] = [
        {
            "text": HOSTILE,
            "note": HOSTILE,
            "answers": [HOSTILE],
            "problem": HOSTILE,
            "top": [{"word": HOSTILE, "probability": 0.5}],
            "rank": 1,
        }
    ]
    text = page(mini_run, rich)
    assert text.count("&lt;script&gt;alert(1)&lt;/script&gt;{{7*7}}") >= 5
    assert "<script" not in text
    assert "49<img" not in text


def test_the_figures_are_those_of_the_file(mini_run: Path, rich: dict[str, Any]) -> None:
    text = page(mini_run, rich)
    for figure in (
        f"{rich['bits_per_byte']:.3f}",
        f"{rich['words']:,}",
        f"{100 * rich['validation_accuracy']:.1f} %",
        f"{100 * rich['calibration']['expected_error']:.1f} %",
    ):
        assert figure in text
    assert ">95.0</td>" in text
    assert ">50 %</td>" in text  # errors removed: 5 of 10
    assert "10 of which occur in the training text" in text


def test_no_path_of_this_machine_is_on_it(mini_run: Path, rich: dict[str, Any]) -> None:
    for text in (page(mini_run, rich), *tex(rich).values()):
        assert str(mini_run.parent) not in text
        assert "/home" not in text
        assert "/tmp" not in text


def test_every_picture_is_told_in_words(mini_run: Path, rich: dict[str, Any]) -> None:
    text = page(mini_run, rich)
    pictures = [a for tag, a in Elements(text).found if tag == "svg"]
    assert len(pictures) >= 3
    assert all(a["role"] == "img" and len(str(a["aria-label"])) > 30 for a in pictures)
    assert text.count("<title>") == len(pictures) + 1
    assert text.count("<desc>") == len(pictures)


def test_what_was_not_measured_is_left_out(tmp_path: Path, rich: dict[str, Any]) -> None:
    kept = ("bits_per_byte", "word_accuracy", "words", "evaluated_documents", "evaluated_bytes")
    few = {key: rich[key] for key in kept}
    text = page(tmp_path, {"name": "bare", "prompts": [], **few})
    assert "Training</h2>" not in text
    assert f"{few['bits_per_byte']:.3f}" in text
    assert "not measured" in page(
        tmp_path, {"name": "bare", "prompts": [], **few, "bits_per_byte": None}
    )


def test_the_report_of_a_run_has_them_all(mini_run: Path) -> None:
    there = {path.name for path in (mini_run / "report").iterdir()}
    assert there == {
        *("metrics.json", "summary.txt", "report.html", "table.tex", "methods.tex"),
        *("cite.bib", "manifest.json"),
    }


def test_tex_sees_no_commands(rich: dict[str, Any]) -> None:
    found = tex(rich)
    assert escaped("a_b & 100 % #1 {x} ~^\\") == (
        r"a\_b \& 100 \% \#1 \{x\} \textasciitilde{}\textasciicircum{} \textbackslash{}"
    ).replace(r"\textasciicircum{} ", r"\textasciicircum{}")
    assert r"UD\_x \& y\_z" in found["methods.tex"]
    assert r"50\,\% fewer errors" in found["methods.tex"]
    lines = [line for line in found["table.tex"].splitlines() if line.endswith(r"\\")]
    assert len({line.count(" & ") for line in lines}) == 1
    assert len(lines) == 5  # heads, this model, the other, random weights, most frequent label
    cited = set(re.findall(r"\\citep\{(\w+)\}", found["methods.tex"]))
    assert cited <= set(re.findall(r"@\w+\{(\w+)", found["cite.bib"]))


@pytest.mark.parametrize(
    ("low", "high"), [(0, 1), (3.1, 9.7), (1e-5, 3e-4), (-2, 2), (5, 5), (0, 0), (12_345, 99_999)]
)
def test_ticks_are_few_and_hold_the_values(low: float, high: float) -> None:
    found = ticks(low, high)
    assert 2 <= len(found) <= 10
    assert found[0] <= low
    assert found[-1] >= high
    assert found == sorted(set(found))


def test_a_long_curve_is_drawn_with_few_points() -> None:
    many = Series("loss", [(float(n), 9 / (n + 1)) for n in range(10_000)])
    drawn = draw(Plot(title="a < b", x="steps", y="nats", series=[many]))
    assert len(drawn) < 12_000
    assert "a &lt; b" in drawn
    assert "loss from 9 to 0.0009" in drawn


def test_what_would_help_stays_within_what_was_measured() -> None:
    plan = {"size": "tiny", "max_steps": 1_000, "batch_rows": 32, "row_length": 128}
    plan |= {"text_tokens": 1_000_000, "vocab_size": 16_000}
    said = advice(plan, validation_loss=4.5)
    assert any("Twice the time" in sentence for sentence in said)
    assert any("read 4.1 times" in sentence for sentence in said)
    gains = [float(re.search(r"about (\d\.\d\d) nats", sentence)[1]) for sentence in said]  # type: ignore[index]
    assert gains == sorted(gains, reverse=True)
    (alone,) = advice({**plan, "size": "base"}, validation_loss=4.5)
    assert "nothing is foretold" in alone


@pytest.mark.slow
@pytest.mark.skipif(BROWSER is None, reason="no Chromium: apt-get install chromium")
@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("dark", [False, True])
def test_a_browser_shows_it_whole_at_any_width(
    mini_run: Path, rich: dict[str, Any], tmp_path: Path, width: int, dark: bool
) -> None:
    probe = (
        "<script>addEventListener('load',()=>{document.title=JSON.stringify({"
        "wide:document.documentElement.scrollWidth,inner:innerWidth,"
        "paper:getComputedStyle(document.body).backgroundColor})})</script>"
    )
    # Narrower windows than 500 pixels are not given; a frame is.
    inner = page(mini_run, rich).replace("</body>", f"{probe}</body>")
    (tmp_path / "report.html").write_text(inner, encoding="utf-8")
    frame = f'<iframe src="report.html" width="{width}" height="3000" id="f"></iframe><script>'
    frame += "addEventListener('load',()=>setTimeout(()=>document.body.append("
    frame += "document.getElementById('f').contentDocument.title),300))</script>"
    (tmp_path / "frame.html").write_text(f"<body>{frame}</body>", encoding="utf-8")
    done = subprocess.run(
        [
            *(str(BROWSER), "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic"),
            *("--no-first-run", "--disable-background-networking", "--disable-component-update"),
            *("--disable-sync", f"--user-data-dir={tmp_path / 'browser'}"),
            *("--allow-file-access-from-files", "--virtual-time-budget=3000"),
            *("--enable-logging=stderr", "--dump-dom"),
            f"--blink-settings=preferredColorScheme={0 if dark else 1}",
            (tmp_path / "frame.html").as_uri(),
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert "CONSOLE" not in done.stderr
    found = re.search(r"\{\"wide.*?\}", done.stdout)
    assert found, done.stdout[-2000:]
    seen = json.loads(found[0])
    assert seen["inner"] == width
    assert seen["wide"] <= width
    brightness = sum(map(int, re.findall(r"\d+", seen["paper"])[:3]))
    assert (brightness < 200) == dark
