"""The card of a published model: its metadata, and that it says what the run says."""

import json
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import EvalResult, ModelCard, ModelCardData

from filiberto.publish.full_card import full_card
from filiberto.runfolder import manifest
from tests.evaluate.rich_report import HOSTILE, LONG, make_run, metrics, plan
from tests.hub_server import Hub
from tests.publish.conftest import QUIET_CLIENT, Publish, Published

DATASET = "HuggingFaceFW/fineweb-2"
HUB = {
    "asked": {"dataset": "fineweb"},
    "choice": {
        "dataset": DATASET,
        "config": "ita_Latn",
        "split": "train",
        "revision": "c0ffee" * 6 + "cafe",
        "files": [],
    },
}


def make(run: Path, figures: dict[str, Any] | None = None) -> Path:
    """A finished run with everything a report may hold; nothing is trained."""
    make_run(run)
    facts = {
        "plan": plan(),
        "tokens": 7_643_136,
        "seconds": 2_700.0,
        "validation_loss": 4.099,
        "validation_accuracy": 0.35,
    }
    for name, own in (("model", facts), ("report", figures or metrics())):
        (run / name).mkdir()
        if name == "model":
            config = {"mask_token": {"content": "[MASK]"}}
            (run / name / "tokenizer_config.json").write_text(json.dumps(config))
        manifest.finish(run / name, stage="train", settings={}, inputs={}, facts=own, seconds=0)
    return run


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("cards") / "it")


def card_of(run: Path, **said: Any) -> str:
    return full_card(run, name="me/bert-it", files=("recipe.toml", "report/report.html"), **said)


def parsed(text: str) -> ModelCardData:
    data = ModelCard(text).data
    assert isinstance(data, ModelCardData)
    return data


def results_of(data: ModelCardData) -> dict[tuple[str, str], EvalResult]:
    return {(r.dataset_name, str(r.metric_name)): r for r in data.eval_results or []}


def test_the_hub_reads_language_licence_data_tags_and_figures(run: Path) -> None:
    (run / "hub.json").write_text(json.dumps(HUB))
    data = parsed(card_of(run, licence="apache-2.0"))
    (run / "hub.json").unlink()
    assert data.language == "it"
    assert data.license == "apache-2.0"
    assert data.datasets == [DATASET]
    assert data.tags == ["filiberto", "modernbert"]
    assert data.library_name == "transformers"
    assert data.get("pipeline_tag") == "fill-mask"
    assert data.model_name == "bert-it"
    found = results_of(data)
    held_out = "validation text, kept apart from training"
    bits = found[held_out, "Bits per byte of hidden words"]
    assert (bits.metric_value, bits.dataset_type, bits.task_type) == (1.5588, DATASET, "fill-mask")
    tags = found["UD_Italian-ParTUT", "UPOS (parts of speech, after fine-tuning)"]
    assert (tags.metric_value, tags.metric_type) == (0.957, "accuracy")
    assert tags.task_type == "token-classification"
    assert ("minimal pairs", "Pairs whose good sentence is likelier") in found
    assert len(found) == 6


def test_what_is_not_known_is_not_said(run: Path) -> None:
    text = card_of(run)
    data = parsed(text)
    assert (data.license, data.datasets) == (None, None)
    assert "license" not in text.split("---")[1]
    assert "Licence of the text: not stated here." in text
    assert "energy" not in text
    assert "| cost |" not in text
    (run / "recipe.toml").rename(run / "aside")
    text = full_card(run, name="me/it", files=())
    (run / "aside").rename(run / "recipe.toml")
    assert parsed(text).language is None
    assert "recipe.toml" not in text
    assert "optimizer" not in text


def test_every_figure_stands_beside_those_of_others(run: Path) -> None:
    text = card_of(run)
    rows = {line.split(" | ")[0]: line for line in text.splitlines() if line.startswith("| ")}
    others = f"| bert-it | it-article | {LONG} | it-base before the training |"
    assert others.replace("_", "\\_") in text
    assert (
        "| 1.559 | 1.884 | **1.410** | 2.031 |" in rows["| Bits per byte (of words hidden whole)"]
    )
    assert rows["| bert-it"].endswith(
        "| 95.7 (94.8 to 96.5) | 93.1 (92.2 to 93.9) | 78.8 (77.9 to 79.6) |"
    )
    assert "88.2" in rows["| same shape, random weights"]
    assert "| most frequent label" in rows
    assert "153 of the test, 4 of them in the training text" in text


def test_it_tells_data_training_and_how_to_make_it_again(run: Path) -> None:
    text = card_of(run, text_licence="CC BY 4.0")
    assert "| unigram model |" in text
    assert "The unigram model guesses each token by its share of the training text" in text
    assert "trained on from it-base" in text
    assert "| europarl.txt.zst | 15.0 |" in text
    assert "Of 350,352 records 336,954 are left" in text
    assert "Licence of the text: CC BY 4.0." in text
    assert "| time | 45 min 00 s |" in text
    assert "7,643,136 (1.24 epochs), 1,866 steps of 4,096 in rows of 128" in text
    assert "filiberto run RUN --recipe recipe.toml --text FILES" in text
    assert "torch 2.13.0+cpu" in text


def test_the_use_is_five_lines_with_the_mask_of_the_tokenizer(run: Path) -> None:
    block = card_of(run).split("```python\n")[1].split("```")[0]
    compile(block, "card", "exec")
    assert len([line for line in block.splitlines() if line]) == 5
    assert 'from_pretrained("me/bert-it")' in block
    assert 'fill("ciao [MASK] va?")' in block


def test_names_are_text_and_no_path_is_left(tmp_path: Path) -> None:
    figures = metrics()
    figures["against"][0]["name"] = f"{HOSTILE}|x"
    figures["probes"][0]["rows"][2]["name"] = "/srv/anna/segreti/altro"
    text = card_of(make(tmp_path / "segreti" / "it", figures))
    assert "<script>" not in text.replace("\\<", "")
    assert "segreti" not in text
    widths = {line.count(" | ") for line in text.splitlines() if "bert-it |" in line}
    assert widths == {5, 3}


def test_personal_data_in_the_text_is_told_where_it_was_not_masked(tmp_path: Path) -> None:
    run = make(tmp_path / "it")
    path = run / "corpus" / "report.json"
    corpus = json.loads(path.read_text())
    corpus["funnel"]["total"]["personal"] = {"email": 1_023, "phone": 0, "card": 1}
    path.write_text(json.dumps(corpus))
    assert "personal data was counted in its text by form (email 1,023, card 1)" in card_of(run)
    asked = {"mask_personal": True}
    manifest.finish(run / "corpus", stage="corpus", settings=asked, inputs={}, facts={}, seconds=0)
    assert "personal data" not in card_of(run)


def test_the_version_is_that_of_the_training(tmp_path: Path) -> None:
    run = make(tmp_path / "it")
    path = run / "model" / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "version": "0.0.7"}))
    assert card_of(run).count("filiberto 0.0.7") == 2


def test_the_published_card_is_read_by_the_hubs_own_reader(published: Published) -> None:
    data = parsed(published[0].models["me/it"]["README.md"].decode())
    assert (data.language, data.license) == ("it", "mit")
    assert len(data.eval_results or []) == 2
    assert "the card names no licence of the text: --text-license NAME" in published[2]
    assert "the card names no licence of the model" not in published[2]


@QUIET_CLIENT
def test_the_licence_of_a_data_set_is_asked_of_the_hub(
    hub: Hub, finished: Path, publish: Publish, tmp_path: Path
) -> None:
    (finished / "hub.json").write_text(json.dumps(HUB))
    try:
        hub.datasets[DATASET] = {"README.md": b"---\nlicense: odc-by\n---\n"}
        assert "names no licence of the text" not in publish(finished, "--dry-run")[1]
        assert {method for method, *_ in hub.requests} == {"GET"}
        code, told = publish(finished, "--text-license", "CC0")
        assert code == 0, told
        del hub.datasets[DATASET]
        assert "could not be asked for: RepositoryNotFoundError" in publish(finished)[1]
    finally:
        (finished / "hub.json").unlink()
    card = hub.models["me/it"]["README.md"].decode()
    assert "From the data set HuggingFaceFW/fineweb-2 of the Hub, ita\\_Latn, split train" in card
