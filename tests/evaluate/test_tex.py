"""The files for a paper."""

import re
from pathlib import Path

import pytest

from filiberto.evaluate.tex import escaped, tex
from tests.evaluate.rich_report import make_run, metrics


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    rich = metrics()
    rich["name"] = "a_b & 100 % #1 {x} $y$"
    for entry in rich["probes"]:
        entry["data"] = "UD_x & y"
        entry["rows"][0]["name"] = rich["name"]
    return tex(make_run(tmp_path_factory.mktemp("run")), rich)


def test_tex_sees_no_commands() -> None:
    assert escaped("a_b & 100 % #1 {x}$") == r"a\_b \& 100 \% \#1 \{x\}\$"
    assert escaped("~^\\<|>") == (
        r"\textasciitilde{}\textasciicircum{}\textbackslash{}\textless{}\textbar{}\textgreater{}"
    )
    assert escaped("one\n% two") == r"one \% two"
    assert escaped("cannot read /srv/it/model") == "cannot read model"


def test_no_name_becomes_a_command(found: dict[str, str]) -> None:
    for text in (found["table.tex"], found["methods.tex"]):
        assert r"a\_b \& 100 \% \#1 \{x\} \$y\$" in text
        told = text.replace("% needs \\usepackage{booktabs}\n", "")
        assert not re.search(r"(?<!\\)[#$%_]", re.sub(r"\\cite\{\w+\}", "", told))


def test_the_rows_of_the_table_are_equally_long(found: dict[str, str]) -> None:
    lines = [line for line in found["table.tex"].splitlines() if line.endswith(r"\\")]
    assert len({line.replace(r"\&", "").count("&") for line in lines}) == 1
    assert len(lines) == 7  # heads, models, unigrams, random weights, most frequent label
    assert r"95.7 {\scriptsize 94.8--96.5}" in lines[1]
    assert r"\textbf{97.0}" in lines[3]
    assert lines[4].startswith("unigram model & 0.900 & 90.0 & --")
    assert lines[5].startswith("same shape, random weights & -- &")


def test_the_methods_have_the_figures_of_the_run(found: dict[str, str]) -> None:
    told = found["methods.tex"]
    for figure in (
        "11,700,736 parameters (4 layers of width 256)",
        "Of 350,352 records, 336,954 are left",
        r"30.8\,MB",
        "7,643,136 tokens (1.24 epochs) in 1,866 steps of 4,096 tokens",
        "beginning with the weights of it-base",
        r"x86\_64 CPU (AVX512) in bf16",
        r"64\,\% fewer errors",
        r"UD\_x \& y",
    ):
        assert figure in told


def test_what_is_cited_is_in_the_bibliography(found: dict[str, str]) -> None:
    cited = set(re.findall(r"\\cite\{(\w+)\}", found["methods.tex"]))
    entries = re.findall(r"@\w+\{(\w+),", found["cite.bib"])
    assert len(cited) > 10
    assert cited <= set(entries)
    assert len(entries) == len(set(entries))
    assert found["cite.bib"].count("{") == found["cite.bib"].count("}")


def test_first_embeddings_are_told_with_their_source(mini_run: Path) -> None:
    told = tex(mini_run, metrics())["methods.tex"]
    assert "its token embeddings begin as factors" in told
    assert r"\cite{levy2014implicit}" in told


def test_a_model_without_a_run_has_files_too() -> None:
    few = {key: metrics()[key] for key in ("name", "bits_per_byte", "word_accuracy", "words")}
    found = tex(None, few)
    assert "1.559 & 22.7" in found["table.tex"]
    assert found["methods.tex"].startswith("Bits per byte are those of 11,559 words")


def test_no_path_is_in_them(tmp_path: Path) -> None:
    rich = metrics()
    rich["against"][0]["name"] = "/srv/models/other"
    for text in tex(make_run(tmp_path), rich).values():
        assert str(tmp_path) not in text
        assert "/srv" not in text
