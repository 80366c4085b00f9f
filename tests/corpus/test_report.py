import json
from typing import Any

import pytest

from tests.corpus.conftest import build, write

SENTENCE = "Questa mattina siamo andati al mercato a comprare il pane e la frutta per {}."
SPANISH = "Esta mañana hemos ido al mercado a comprar el pan y la fruta para todos nosotros."


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    run = tmp_path_factory.mktemp("report")
    lines = [SENTENCE.format(f"il numero {i} e per {i * 7919 % 100_003}") for i in range(200)]
    lines += [SPANISH, "scrivi a nome@posta.example.org oggi", "వాక్యం తెలుగులో రాశారు", "x"]
    records = [{"text": "titolo\nil menù del giorno\n" + line} for line in lines]
    write(run / "in/a.txt", [*lines, lines[0], lines[0]])
    write(run / "in/b.jsonl", [json.dumps(record) for record in records[:50]])
    skip = ("near_duplicate", "leak")
    build(run, run / "in", documents="line", language="it", skip_rules=skip, mask_personal=True)
    page = (run / "corpus/report.html").read_text(encoding="utf-8")
    return {**json.loads((run / "corpus/report.json").read_text(encoding="utf-8")), "page": page}


def test_each_reason_has_examples(report: dict[str, Any]):
    examples = report["examples"]
    assert set(examples) == {"too_short", "wrong_language", "duplicate"}
    assert examples["wrong_language"] == [{"id": "a.txt:200", "text": SPANISH}]
    assert [e["id"] for e in examples["duplicate"]] == ["a.txt:204", "a.txt:205"]
    assert {e["duplicate_of"] for e in examples["duplicate"]} == {"a.txt:0"}


def test_repeated_lines_are_named_with_their_first_place(report: dict[str, Any]):
    found = [(line["count"], line["id"], line["line"]) for line in report["repeated_lines"][:3]]
    # Line 0 stands three times in the one file, once in the other.
    assert found == [
        (50, "b.jsonl:0", "titolo"),
        (50, "b.jsonl:0", "il menù del giorno"),
        (4, "a.txt:0", SENTENCE.format("il numero 0 e per 0")),
    ]


def test_scripts_lengths_and_personal_data_are_told(report: dict[str, Any]):
    shares = report["script_shares"]
    assert list(shares) == ["Latin", "Telugu"]
    assert sum(shares.values()) == pytest.approx(1, abs=1e-5)
    assert report["characters"]["train"]["max"] >= report["characters"]["train"]["50%"] > 60
    assert report["funnel"]["total"]["personal"] == {"email": 1, "phone": 0, "card": 0}


def test_the_page_stands_alone(report: dict[str, Any]):
    page = report["page"]
    assert "They are masked." in page
    assert "wrong language" in page
    assert "titolo" in page
    for outside in ("http://", "https://", "<script", "src=", "url("):
        assert outside not in page
