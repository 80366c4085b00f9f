"""What the documents name exists: commands, flags, library names, files, headings."""

import contextlib
import io
import re
import shlex
from functools import cache
from importlib import import_module
from pathlib import Path

import pytest

from filiberto import cli

ROOT = Path(__file__).parent.parent
# Not the log, which tells of commands as they were.
DOCUMENTS = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md")),
    *sorted(path for path in (ROOT / "docs").rglob("*.md") if path.name != "log.md"),
]
EVERYTHING = ("run", "plan")
GUIDE = ROOT / "docs" / "guides" / "from-run_mlm.md"
ARTICLE = ROOT / "docs" / "article.md"

each_document = pytest.mark.parametrize(
    "document", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix()
)


def commands_in(text: str) -> list[list[str]]:
    """The words after `filiberto` of every command, in a block or between backticks."""
    joined = re.sub(r"\\\n\s*", " ", text)
    blocks = re.findall(r"^ {4,}(?:.*[\s/])?filiberto (.+)$", joined, flags=re.MULTILINE)
    inline = re.findall(r"`filiberto ([^`]+)`", joined)
    found = []
    for line in blocks + inline:
        words = shlex.split(re.split(r"\s[#|;&]|;", line)[0])
        if words and re.fullmatch(r"[a-z]+", words[0]):
            found.append(words)
    return found


def python_in(text: str) -> list[str]:
    return re.findall(r"^```python\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL)


@cache
def flags_of(command: str) -> set[str]:
    """What its help shows, of every section where it has all."""
    shown = io.StringIO()
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(shown):
        patch.setenv("COLUMNS", "200")
        with pytest.raises(SystemExit):
            cli.run_command([command, "--help-all" if command in EVERYTHING else "--help"])
    return {"--help", "--help-all", *re.findall(r"--[a-z][\w.-]*", shown.getvalue())}


def slug(heading: str) -> str:
    return re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-")


@each_document
def test_every_command_and_flag_exists(document: Path) -> None:
    for command, *words in commands_in(document.read_text(encoding="utf-8")):
        assert command in cli._ALL, command
        flags = {re.split(r"[=:,.]$|=", word)[0] for word in words if word.startswith("--")}
        if flags:
            assert flags <= flags_of(command), f"{command}: {flags - flags_of(command)}"


def test_the_search_for_commands_finds_them() -> None:
    text = """
    $ filiberto run RUN --text a \\
        --time 2h &
    torchrun -m filiberto train runs/it --size base   # a word
`filiberto fill RUN "ciao"` and `filiberto COMMAND --help`
"""
    assert commands_in(text) == [
        ["run", "RUN", "--text", "a", "--time", "2h"],
        ["train", "runs/it", "--size", "base"],
        ["fill", "RUN", "ciao"],
    ]


@each_document
def test_every_library_name_exists(document: Path) -> None:
    for name in re.findall(r"\bfiliberto(?:\.\w+)+", document.read_text(encoding="utf-8")):
        found, parts = import_module("filiberto"), name.split(".")[1:]
        for number, part in enumerate(parts, start=1):
            if not hasattr(found, part):
                import_module(".".join(["filiberto", *parts[:number]]))
            found = getattr(found, part)


@each_document
def test_every_link_leads_somewhere(document: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", document.read_text(encoding="utf-8")):
        if "://" in target:
            continue
        name, _, heading = target.partition("#")
        path = (document.parent / name) if name else document
        assert path.exists(), target
        if heading:
            headings = re.findall(r"^#+ (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
            assert heading in map(slug, headings), target


def test_the_calls_beside_the_article_are_those_of_the_example() -> None:
    example = (ROOT / "examples" / "article.py").read_text(encoding="utf-8")
    calls = python_in(ARTICLE.read_text(encoding="utf-8"))
    assert calls
    for call in calls:
        assert call in example


def test_every_flag_in_the_table_of_run_mlm_exists() -> None:
    rows = re.findall(r"^\| `--\w+.*?\| (.*?) \|", GUIDE.read_text(encoding="utf-8"), re.MULTILINE)
    ours = {flag for row in rows for flag in re.findall(r"`(--[a-z][\w.-]*)", row)}
    assert len(ours) > 25
    assert ours <= flags_of("run"), ours - flags_of("run")


def test_every_flag_said_to_be_theirs_is_one_of_transformers() -> None:
    from dataclasses import fields

    from transformers import TrainingArguments

    rows = re.findall(r"^\| (`--\w+.*?) \|", GUIDE.read_text(encoding="utf-8"), re.MULTILINE)
    theirs = {flag for row in rows for flag in re.findall(r"`--(\w+)", row)}
    # What the script itself declares.
    script = {"train_file", "validation_file", "validation_split_percentage", "dataset_name"}
    script |= {"dataset_config_name", "tokenizer_name", "model_type", "config_name"}
    script |= {"config_overrides", "model_name_or_path", "max_seq_length", "line_by_line"}
    script |= {"pad_to_max_length", "mlm_probability"}
    assert theirs - script <= {field.name for field in fields(TrainingArguments)}


def test_the_guide_to_trainer_runs(
    mini_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("accelerate")
    (code,) = python_in(GUIDE.read_text(encoding="utf-8"))
    for full, small in (("max_steps=1_000", "max_steps=2, use_cpu=True"), ("=128", "=64")):
        assert full in code
        code = code.replace(full, small)
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "it").symlink_to(mini_run)
    monkeypatch.chdir(tmp_path)
    exec(compile(code, GUIDE.name, "exec"), {})
    assert (tmp_path / "runs" / "it-trainer" / "model" / "model.safetensors").is_file()
    assert (tmp_path / "runs" / "it-trainer" / "model" / "tokenizer.json").is_file()
