"""A test that cannot fail is no test: with a bug put in, the tests that are for it fail (F23)."""

import os
import re
import subprocess
import sys

import pytest

from tests.faults.bugs import BUGS
from tests.faults.conftest import Tally


@pytest.mark.parametrize("bug", BUGS)
def test_a_seeded_bug_is_caught(bug: str, tally: Tally, pytestconfig: pytest.Config) -> None:
    tests = BUGS[bug][1].split()
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [*command, "-p", "tests.faults.bugs", *tests],
        env={**os.environ, "SEEDED_BUG": bug},
        cwd=pytestconfig.rootpath,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == pytest.ExitCode.TESTS_FAILED, done.stdout[-2_000:] + done.stderr
    # And not since the bug no longer fits the code.
    assert not re.search("^E +(Type|Attribute|Name|Import)Error", done.stdout, re.MULTILINE)
    tally.add("F23", bugs=1)
