"""What holds for the whole source: its layers, what it never does, and that all is documented."""

import ast
import dataclasses
import json
import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import filiberto
from filiberto import cli
from filiberto.arguments import COMMANDS
from filiberto.config import SECTIONS, Recipe

PACKAGE = Path(filiberto.__file__).parent
MODULES = sorted(PACKAGE.rglob("*.py"))
HEAVY = {"torch", "transformers", "daft", "tyro", "numpy", "pyarrow", "rich"}

# Imports a package with all its submodules, in a fresh process.
IMPORT_ALL = """
import importlib, pkgutil, sys
for name in sys.argv[1:]:
    module = importlib.import_module(name)
    for found in pkgutil.walk_packages(module.__path__, f"{name}."):
        importlib.import_module(found.name)
"""

FORBIDDEN_MODULES = {"pickle", "cPickle", "dill", "cloudpickle", "shelve", "marshal", "joblib"}
FORBIDDEN_CALLS = {
    "torch.save",
    "torch.load",
    "np.load",
    "numpy.load",
    "yaml.load",
    "os.system",
    "eval",
    "exec",
}
FORBIDDEN_KEYWORDS = {"shell", "trust_remote_code", "allow_pickle"}
MACHINE_PATH = re.compile(r"(?<![\w.:/<])/(home|Users|root|work|mnt|media|data|scratch|tmp)/\w")


def imported_by(code: str, *arguments: str) -> set[str]:
    """The names of all modules that a fresh process has imported after some code."""
    tell = "\nimport json, sys\nprint(json.dumps(sorted(sys.modules)), file=sys.stderr)"
    command = [sys.executable, "-c", code + tell, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    return set(json.loads(done.stderr.splitlines()[-1]))


def top_level(modules: set[str]) -> set[str]:
    return {name.split(".")[0] for name in modules}


def offences(source: str) -> set[str]:
    """What a module does that no module of ours may do."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names} & FORBIDDEN_MODULES
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module.split(".")[0]} & FORBIDDEN_MODULES
            found |= {f"{node.module}.{alias.name}" for alias in node.names} & FORBIDDEN_CALLS
        elif isinstance(node, ast.Call):
            found |= {ast.unparse(node.func)} & FORBIDDEN_CALLS
            found |= {
                f"{keyword.arg}=True"
                for keyword in node.keywords
                if keyword.arg in FORBIDDEN_KEYWORDS and ast.unparse(keyword.value) != "False"
            }
    return found


@pytest.mark.parametrize("arguments", ["['--help']", "[]", "['--version']", "['trian']"])
def test_help_imports_nothing_heavy(arguments: str) -> None:
    code = f"import filiberto.cli; filiberto.cli.run_command({arguments})"
    assert top_level(imported_by(code)) & HEAVY == set()


def test_torch_and_the_hub_are_imported_when_they_are_needed() -> None:
    light = "import filiberto.road, filiberto.evaluate.inputs, filiberto.corpus.hub"
    assert top_level(imported_by(light)) & {"torch", "transformers", "huggingface_hub"} == set()


def test_settings_and_errors_need_only_the_standard_library() -> None:
    before = top_level(imported_by(""))
    loaded = top_level(imported_by("import filiberto.config, filiberto.errors, filiberto.recipe"))
    assert loaded - before - sys.stdlib_module_names == {"filiberto"}


def test_the_stages_before_training_never_import_torch() -> None:
    stages = ("filiberto.corpus", "filiberto.tokenizer", "filiberto.tokens")
    loaded = imported_by(IMPORT_ALL, *stages)
    assert set(stages) <= loaded
    assert top_level(loaded) & {"torch", "transformers", "tyro"} == set()


def test_training_never_imports_the_engine_of_the_corpus() -> None:
    loaded = imported_by(IMPORT_ALL, "filiberto.train")
    assert "filiberto.train.loop" in loaded
    assert top_level(loaded) & {"daft", "pyarrow", "tyro"} == set()


@pytest.mark.parametrize("module", MODULES, ids=lambda p: p.relative_to(PACKAGE).as_posix())
def test_only_the_corpus_names_its_engine_and_only_the_command_line_its_parser(
    module: Path,
) -> None:
    # Imports inside functions count too, which sys.modules would only show once they are called.
    names = set()
    for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module.split(".")[0])
    place = module.relative_to(PACKAGE)
    if place.parts[0] != "corpus":
        assert names & {"daft", "pyarrow"} == set()
    if place.parts[0] in ("corpus", "tokenizer", "tokens", "runfolder"):
        assert names & {"torch", "transformers"} == set()
    if place.name != "arguments.py":
        assert "tyro" not in names


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_a_module_that_runs_it(name: str) -> None:
    module = import_module("filiberto.road" if name == "run" else f"filiberto.{name}")
    assert callable(module.run)


@pytest.mark.parametrize("name", SECTIONS)
def test_help_of_a_stage_names_every_setting_of_its_section(
    name: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    with pytest.raises(SystemExit):
        cli.run_command([name, "--help"])
    shown = set(re.findall(r"--([\w.-]*\w)", capsys.readouterr().out))
    settings = {
        f"{name}.{field.name}".replace("_", "-")
        for field in dataclasses.fields(getattr(Recipe(), name))
    }
    assert settings <= shown
    assert {flag.replace("_", "-") for flag in COMMANDS[name]} <= shown


def test_help_of_everything_names_every_setting_of_every_section(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    with pytest.raises(SystemExit):
        cli.run_command(["run", "--help-all"])
    shown = set(re.findall(r"--([\w.-]*\w)", capsys.readouterr().out))
    for name in SECTIONS:
        for field in dataclasses.fields(getattr(Recipe(), name)):
            assert f"{name}.{field.name}".replace("_", "-") in shown


@pytest.mark.parametrize(
    ("source", "offence"),
    [
        ("import pickle", "pickle"),
        ("from pickle import loads", "pickle"),
        ("torch.save(model, path)", "torch.save"),
        ("from torch import load", "torch.load"),
        ("np.load(path)", "np.load"),
        ("eval('1 + 1')", "eval"),
        ("subprocess.run('ls', shell=True)", "shell=True"),
        ("AutoModel.from_pretrained(name, trust_remote_code=True)", "trust_remote_code=True"),
    ],
)
def test_the_search_for_forbidden_code_finds_it(source: str, offence: str) -> None:
    assert offences(source) == {offence}


@pytest.mark.parametrize("source", ["model.eval()", "load_file(path)", "run(a, shell=False)"])
def test_the_search_for_forbidden_code_finds_nothing_else(source: str) -> None:
    assert offences(source) == set()


@pytest.mark.parametrize("module", MODULES, ids=lambda p: p.relative_to(PACKAGE).as_posix())
def test_nothing_we_load_can_execute_code(module: Path) -> None:
    assert offences(module.read_text(encoding="utf-8")) == set()


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("open('/home/anna/text')", True),
        ("/work/shared/design", True),
        ("https://example.org/data/set", False),
        ("runs/tmp/it", False),
        ("the </work/> tag", False),
    ],
)
def test_the_search_for_paths_of_a_machine_finds_them(text: str, found: bool) -> None:
    assert bool(MACHINE_PATH.search(text)) == found


def test_no_path_of_a_machine_is_in_the_source() -> None:
    for file in sorted(PACKAGE.rglob("*")):
        if file.is_file() and file.suffix != ".pyc":
            found = MACHINE_PATH.search(file.read_text(encoding="utf-8"))
            assert found is None, f"{file.name}: {found}"


def test_no_module_is_a_drawer_for_anything() -> None:
    parts = {part for module in MODULES for part in module.relative_to(PACKAGE).parts}
    drawers = {"utils", "util", "common", "helpers", "misc"}
    assert {part.removesuffix(".py").strip("_") for part in parts} & drawers == set()


@pytest.mark.parametrize("module", MODULES, ids=lambda p: p.relative_to(PACKAGE).as_posix())
def test_every_module_says_what_it_is(module: Path) -> None:
    assert ast.get_docstring(ast.parse(module.read_text(encoding="utf-8")))
