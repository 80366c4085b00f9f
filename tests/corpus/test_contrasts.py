from collections import Counter

from filiberto.corpus.contrasts import contrasts
from filiberto.corpus.phrasebook import held_out_items

ITEMS = held_out_items(seed=0)


def test_every_phenomenon_has_pairs_enough_for_a_figure() -> None:
    counts = Counter(phenomenon for _, _, phenomenon in contrasts(ITEMS))
    assert counts.keys() == {"number", "person", "mood", "tense", "non-finite form"}
    assert min(counts.values()) >= 40


def test_the_two_sentences_differ_in_one_form_which_the_item_calls_wrong() -> None:
    wrong = {(i.text.replace("___", i.right), form): i for i in ITEMS for form in i.wrong}
    for good, bad, _ in contrasts(ITEMS):
        changed = [
            (one, other)
            for one, other in zip(good.split(), bad.split(), strict=True)
            if one != other
        ]
        assert len(changed) == 1
        assert (good, changed[0][1].rstrip(".,")) in wrong


def test_the_form_is_wrong_in_the_respect_that_is_named() -> None:
    item = next(i for i in ITEMS if i.frame == "time/0" and i.right.endswith("rebbe"))
    named = {phenomenon: bad for _, bad, phenomenon in contrasts([item])}
    stem = item.text.split("___")[0]
    assert named["number"].removeprefix(stem).split()[0].endswith("rebbero")
    assert named["person"].removeprefix(stem).split()[0].endswith("rei")
    assert named["mood"].removeprefix(stem).split()[0].endswith("sse")
