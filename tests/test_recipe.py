import contextlib
import dataclasses
import tomllib
from pathlib import Path
from typing import Any

import pytest
import tomli_w
from hypothesis import given
from hypothesis import strategies as st

from filiberto import config
from filiberto.config import SECTIONS, Recipe
from filiberto.errors import UsageError
from filiberto.recipe import load_recipe, recipe_from_dict, recipe_to_dict

RECIPES = Path(config.__file__).parent / "recipes"
SHIPPED = [p.name for p in sorted(RECIPES.glob("*.toml")) if not p.name.startswith("prompts")]


def refused(data: dict[str, Any]) -> str:
    """What a recipe of this data is refused with."""
    with pytest.raises(UsageError) as caught:
        recipe_from_dict(data, origin="recipe.toml")
    return caught.value.message


def test_an_empty_recipe_is_the_defaults() -> None:
    assert recipe_from_dict({}, origin="recipe.toml") == Recipe()


def test_values_reach_their_settings() -> None:
    data = {"text": ["a", "b"], "size": "mini", "train": {"peak_lr": 1, "max_steps": 7}}
    recipe = recipe_from_dict(data, origin="recipe.toml")
    assert recipe.text == ("a", "b")
    assert recipe.train.peak_lr == 1.0
    assert isinstance(recipe.train.peak_lr, float)
    assert recipe.train.max_steps == 7
    assert recipe.train.row_length == Recipe().train.row_length


@pytest.mark.parametrize(
    ("data", "unknown", "nearest"),
    [
        ({"train": {"peak_rl": 1e-3}}, "recipe.toml [train]: unknown key `peak_rl`", "peak_lr"),
        ({"tiem": "1h"}, "recipe.toml: unknown key `tiem`", "time"),
        ({"tokeniser": {}}, "recipe.toml: unknown key `tokeniser`", "tokenizer"),
    ],
)
def test_an_unknown_key_is_refused_with_the_nearest(
    data: dict[str, Any], unknown: str, nearest: str
) -> None:
    assert refused(data) == f"{unknown}\n  hint: did you mean `{nearest}`?"


def test_an_unknown_key_like_no_other_gets_no_guess() -> None:
    assert refused({"train": {"qqq": 1}}) == "recipe.toml [train]: unknown key `qqq`"


@pytest.mark.parametrize(
    ("data", "seen", "right"),
    [
        ({"train": {"row_length": "128"}}, "`row_length` is '128'", "a whole number"),
        ({"train": {"row_length": 128.0}}, "`row_length` is 128.0", "a whole number"),
        ({"train": {"row_length": True}}, "`row_length` is True", "a whole number"),
        ({"train": {"mask_rate": True}}, "`mask_rate` is True", "a number"),
        ({"train": {"mask_rate": "15 %"}}, "`mask_rate` is '15 %'", "a number"),
        ({"train": {"peak_lr": "high"}}, "`peak_lr` is 'high'", "a number or 'auto'"),
        ({"train": {"max_steps": "auto"}}, "`max_steps` is 'auto'", "a whole number"),
        ({"train": {"device": "tpu"}}, "`device` is 'tpu'", "'auto', 'cpu', 'cuda'"),
        ({"train": {"device": ["cpu"]}}, "`device` is ['cpu']", "'auto', 'cpu', 'cuda'"),
        ({"size": "huge"}, "`size` is 'huge'", "'tiny', 'mini', 'small'"),
        ({"text": "a.txt"}, "`text` is 'a.txt'", "a list of texts"),
        ({"text": ["a.txt", 3]}, "`text` is ['a.txt', 3]", "a list of texts"),
        ({"language": 3}, "`language` is 3", "text in quotes"),
        ({"seed": "0"}, "`seed` is '0'", "a whole number"),
        ({"train": 3}, "`train` is 3", "a section"),
    ],
)
def test_a_value_of_the_wrong_type_is_refused_with_the_right_one(
    data: dict[str, Any], seen: str, right: str
) -> None:
    message = refused(data)
    assert f"{seen}; it must be " in message
    assert right in message


@pytest.mark.parametrize(
    ("section", "key", "value"),
    [
        ("corpus", "validation_share", 0.51),
        ("corpus", "validation_share", -0.1),
        ("corpus", "max_bad_share", 1.5),
        ("corpus", "phrasebook_bytes", 0),
        ("tokenizer", "vocab_size", 299),
        ("tokenizer", "vocab_size", 1_000_001),
        ("tokenizer", "max_sample_bytes", 0),
        ("tokens", "shard_tokens", 0),
        ("train", "row_length", 7),
        ("train", "row_length", 8193),
        ("train", "batch_tokens", 127),
        ("train", "max_steps", 0),
        ("train", "epochs", 0.0),
        ("train", "peak_lr", 0.0),
        ("train", "micro_batch_tokens", 0),
        ("train", "validate_steps", 0),
        ("train", "log_steps", 0),
        ("train", "checkpoint_steps", 0),
        ("train", "warmup_share", 1.0),
        ("train", "beta1", 1.0),
        ("train", "beta2", -0.1),
        ("train", "clip_norm", 0.0),
        ("train", "mask_rate", 0.0),
        ("train", "mask_rate", 1.0),
        ("train", "dropout", 1.0),
        ("evaluate", "word_share", 0.0),
        ("evaluate", "word_share", 1.1),
    ],
)
def test_a_value_out_of_its_range_is_refused(section: str, key: str, value: float) -> None:
    message = refused({section: {key: value}})
    assert message.startswith(f"recipe.toml [{section}]: `{key}` is {value!r}; it must be ")


@pytest.mark.parametrize("value", [-1, float("nan"), float("inf")])
def test_no_number_of_any_section_passes_unchecked(value: float) -> None:
    # -1 is the sentinel that other projects have trained their users to write; a NaN, which TOML
    # can hold, is not even equal to itself, and an infinity cannot be written into a manifest.
    passed = []
    for section in SECTIONS:
        for field in dataclasses.fields(getattr(Recipe(), section)):
            kinds = ("int", "float") if value == -1 else ("float",)
            if any(kind in str(field.type) for kind in kinds):
                with contextlib.suppress(UsageError):
                    recipe_from_dict({section: {field.name: value}}, origin="recipe.toml")
                    passed.append(f"{section}.{field.name}")
    assert passed == []


def test_two_ends_of_a_run_contradict_each_other() -> None:
    assert "`max_steps` and `epochs`" in refused({"train": {"max_steps": 10, "epochs": 1.0}})
    assert "`time` and `epochs`" in refused({"time": "1h", "train": {"epochs": 1.0}})


@pytest.mark.parametrize(
    ("above", "ends"),
    [
        ("", (None, None, 2.0)),
        ("[train]\nmax_steps = 5\n", (None, 5, None)),
        ('time = "5m"\n', ("5m", None, None)),
        ("[train]\nrow_length = 64\n", (None, None, 2.0)),
    ],
)
def test_a_later_recipe_goes_before_an_earlier_and_replaces_its_end(
    tmp_path: Path, above: str, ends: tuple[Any, ...]
) -> None:
    (tmp_path / "own.toml").write_text('language = "te"\n[train]\nepochs = 2.0\n')
    (tmp_path / "named.toml").write_text(above)
    recipe = load_recipe(tmp_path / "own.toml", tmp_path / "named.toml")
    assert tuple(recipe.ends.values()) == ends
    assert recipe.language == "te"


@pytest.mark.parametrize("key", ["time", "checkpoint_every"])
def test_a_recipe_with_a_wrong_duration_is_told_how_to_write_one(key: str) -> None:
    message = refused({key: "soon"})
    assert f"`{key}`: 'soon' is no duration" in message
    assert "10m" in message


def test_all_unknown_keys_and_wrong_types_are_named_at_once() -> None:
    message = refused(
        {"tiem": "1h", "size": 3, "train": {"peak_rl": 1, "row_length": "long"}, "tokens": {"x": 1}}
    )
    for problem in ("`tiem`", "`size` is 3", "`peak_rl`", "`row_length` is 'long'", "`x`"):
        assert problem in message
    assert message.count("recipe.toml") == 5


def test_all_values_out_of_range_are_named_at_once() -> None:
    message = refused({"time": "x", "train": {"mask_rate": 2.0}, "tokens": {"shard_tokens": 0}})
    for problem in ("`time`: 'x'", "`mask_rate` is 2.0", "`shard_tokens` is 0"):
        assert problem in message


def test_an_unknown_key_does_not_hide_a_value_out_of_range() -> None:
    message = refused({"train": {"peak_rl": 1.0, "mask_rate": 2.0}})
    assert "`peak_rl`" in message
    assert "`mask_rate` is 2.0" in message


words = st.text(st.characters(exclude_categories=("Cs",)), max_size=8)
shares = st.floats(0.0, 0.5)
sizes = st.sampled_from(["auto", "tiny", "mini", "small", "medium", "base", "large"])


@given(
    text=st.lists(words, max_size=3).map(tuple),
    language=st.sampled_from(["", "it", "tel", "Basque", "sr-Cyrl"]),
    checkpoint_every=st.integers(1, 999).map("{}m".format),
    size=sizes,
    seed=st.integers(0, 2**62),
    corpus=st.builds(config.CorpusConfig, text_field=words, validation_share=shares),
    train=st.builds(
        config.TrainConfig,
        row_length=st.integers(8, 8192),
        batch_tokens=st.integers(8192, 2**31),
        micro_batch_tokens=st.integers(1, 2**31) | st.just("auto"),
        max_steps=st.none() | st.integers(1, 2**31),
        peak_lr=st.floats(1e-300, 1e3) | st.just("auto"),
        epsilon=st.floats(1e-300, 1e-3),
    ),
)
def test_a_recipe_survives_its_file(**values: Any) -> None:
    recipe = Recipe(**values)
    text = tomli_w.dumps(recipe_to_dict(recipe))
    assert recipe_from_dict(tomllib.loads(text), origin="recipe.toml") == recipe


def test_unset_values_are_left_out_of_the_file() -> None:
    assert "max_steps" not in recipe_to_dict(Recipe())["train"]


@pytest.mark.parametrize("name", SHIPPED)
def test_every_shipped_recipe_parses_and_opens_with_what_it_is(name: str) -> None:
    recipe = load_recipe(RECIPES / name)
    assert recipe != Recipe()
    assert (RECIPES / name).read_text(encoding="utf-8").startswith("# ")


def test_there_are_shipped_recipes() -> None:
    assert "demo.toml" in SHIPPED


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"time = 10m", "not valid TOML"),
        (b"time = '10m'\ntime = '20m'", "not valid TOML"),
        (b"language = '\xff'", "not valid TOML"),
        (b"tiem = '10m'", "unknown key `tiem`"),
    ],
)
def test_a_file_that_is_no_recipe_is_refused_by_name(
    tmp_path: Path, content: bytes, message: str
) -> None:
    (tmp_path / "mine.toml").write_bytes(content)
    with pytest.raises(UsageError, match=message) as caught:
        load_recipe(tmp_path / "mine.toml")
    assert "mine.toml" in caught.value.message


def test_a_recipe_that_is_not_there_is_refused_with_the_command_that_lists_them(
    tmp_path: Path,
) -> None:
    with pytest.raises(UsageError, match=r"none\.toml: no such recipe") as caught:
        load_recipe(tmp_path / "none.toml")
    assert caught.value.hint is not None
    assert "filiberto recipes" in caught.value.hint
