import subprocess
import sys

STUCK = """
import hashlib, os, signal, sys, threading
from filiberto.signals import leaving_at_once

number = getattr(signal, sys.argv[1])
with leaving_at_once(75, "farewell"):
    threading.Timer(0.3, os.kill, (os.getpid(), number)).start()
    try:
        # Minutes in which Python's main thread is not asked.
        hashlib.pbkdf2_hmac("sha256", b"", b"", 2_000_000_000)
    except KeyboardInterrupt:
        sys.exit("the library let the signal through")
"""

QUICK = """
import signal
from filiberto.signals import leaving_at_once

before = signal.getsignal(signal.SIGTERM)
with leaving_at_once(75, "farewell"):
    try:
        signal.raise_signal(signal.SIGTERM)
    except KeyboardInterrupt:
        print("as by Ctrl-C")
assert signal.getsignal(signal.SIGTERM) is before
print("still here")
"""


def python(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_a_signal_ends_a_command_that_is_deep_in_a_library() -> None:
    for name in ("SIGINT", "SIGTERM"):
        done = python(STUCK, name)
        assert (done.returncode, done.stderr) == (75, "\nfarewell\n")


def test_where_python_is_asked_sigterm_is_ctrl_c() -> None:
    done = python(QUICK)
    assert (done.returncode, done.stdout) == (0, "as by Ctrl-C\nstill here\n"), done.stderr
