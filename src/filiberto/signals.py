"""Ctrl-C and SIGTERM ask; the work ends at the next safe point. A second one ends it at once.

Training is asked and saves first (`stop_requested`). Elsewhere nothing unfinished is kept, so the
command ends right away (`leaving_at_once`).
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

_SIGNALS = (signal.SIGINT, signal.SIGTERM)

# For Python to come out of a library and tidy up.
_GRACE_SECONDS = 1.0


@contextmanager
def stop_requested() -> Iterator[Callable[[], bool]]:
    """Catch the signals while the block runs.

    Yields:
        A function that tells whether one has come. Outside the main thread, where Python lets
        nobody catch signals, it is always False.
    """
    came = False

    def note(number: int, _frame: FrameType | None) -> None:
        nonlocal came
        if came:
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
        came = True

    if threading.current_thread() is not threading.main_thread():
        yield lambda: False
        return
    before = {number: signal.signal(number, note) for number in _heard()}
    try:
        yield lambda: came
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def leaving_at_once(exit_code: int, farewell: str) -> Iterator[None]:
    """Let SIGTERM end the block as Ctrl-C does, by KeyboardInterrupt, and either without fail.

    Python raises only when its main thread is out of whatever library it is in, which may take
    minutes. A thread ends the process where that does not happen soon, and where a second signal
    has come to a block in it that was only asked (`stop_requested`).

    Args:
        exit_code: of the process then.
        farewell: printed then.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    left = threading.Event()

    def watch() -> None:
        times = 0
        while (number := os.read(reader, 1)[0]) != 0:
            times += 1
            raises = signal.getsignal(number) is signal.default_int_handler
            if (raises or times > 1) and not left.wait(_GRACE_SECONDS):
                cursor = "\x1b[?25h" if os.isatty(2) else ""  # progress hides it
                os.write(2, f"{cursor}\n{farewell}\n".encode())
                os._exit(exit_code)

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    before = {number: signal.signal(number, signal.default_int_handler) for number in _heard()}
    wakeup = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    try:
        yield
    finally:
        left.set()
        signal.set_wakeup_fd(wakeup)
        for number, handler in before.items():
            signal.signal(number, handler)
        os.write(writer, b"\0")
        thread.join()
        os.close(writer)
        os.close(reader)


def _heard() -> list[signal.Signals]:
    """The signals that are not ignored, as Ctrl-C is by what a script has put in the background."""
    return [number for number in _SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
