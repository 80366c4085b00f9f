"""Single hidden tokens."""

import numpy as np
import pytest

from filiberto.evaluate.calibration import Calibration


def test_a_model_that_is_as_often_right_as_it_believes_has_no_error() -> None:
    found = Calibration()
    right = np.array([True] * 3 + [False] * 7)
    found.add("d", np.full(10, 0.3), right, right)
    facts = found.facts()
    assert facts["calibration"]["expected_error"] == pytest.approx(0.0)
    assert facts["token_accuracy"] == {"top1": 0.3, "top5": 0.3, "tokens": 10}


def test_the_error_is_the_gap_of_each_bin_weighted_by_its_tokens() -> None:
    found = Calibration()
    found.add("d", np.array([0.95] * 4), np.array([True, True, False, False]), np.ones(4, bool))
    found.add("d", np.array([0.15] * 12), np.zeros(12, bool), np.zeros(12, bool))
    # 4 of 16 tokens are off by 0.45, 12 of 16 by 0.15.
    assert found.facts()["calibration"]["expected_error"] == pytest.approx(
        (4 * 0.45 + 12 * 0.15) / 16
    )
    assert [b["count"] for b in found.facts()["calibration"]["bins"]] == [12, 4]
    assert found.facts()["token_accuracy"]["top5"] == pytest.approx(4 / 16)


def test_intervals_are_by_resampled_documents() -> None:
    found, together = Calibration(), Calibration()
    for number in range(40):
        right = np.arange(20) < (16 if number % 2 else 4)
        for one, document in ((found, f"d{number}"), (together, "d")):
            one.add(document, np.full(20, 0.5), right, np.ones(20, bool))
    facts = found.facts()
    assert {**facts, "intervals": {}} == together.facts()
    # Shares of 0.8 and 0.2 by turns: the mean of 40 has a standard deviation of 0.3 / 40 ** 0.5.
    wide = 1.96 * 0.3 / 40**0.5
    assert facts["intervals"]["top1"] == pytest.approx((0.5 - wide, 0.5 + wide), abs=0.01)
    assert facts["intervals"]["top5"] == (1.0, 1.0)


def test_of_nothing_nothing_is_known() -> None:
    assert Calibration().facts()["token_accuracy"]["tokens"] == 0
    assert Calibration().facts()["calibration"] == {"expected_error": 0.0, "bins": []}
    assert Calibration().facts()["intervals"] == {}
