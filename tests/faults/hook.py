"""Put before a command (`sitecustomize`): kills or signals it at a named file operation.

FAULT="os.rename|/step-0{8}$|KILL" ends the process where a file or folder is about to get a name
that matches, FAULT="nth|40|KILL" where for the fortieth time one is opened to be written, made or
renamed; FAULT_LOG gets a line when it does. WRITES_LOG gets the path of each file that is
opened to be written, and of each that gets another name.
"""

import os
import re
import signal
import sys
from pathlib import Path

EVENT, PATTERN, ACTION = (os.environ.get("FAULT") or "||").split("|")
done = False
seen = 0


def fault(event, arguments):
    global done, seen
    if done:
        return
    if EVENT == "nth":
        seen += is_change(event, arguments)
        met = seen == int(PATTERN)
    else:
        place = str(arguments[1 if event == "os.rename" else 0]) if event == EVENT else ""
        met = event == EVENT and re.search(PATTERN, place)
    if met:
        done = True
        with Path(os.environ["FAULT_LOG"]).open("a") as log:
            log.write("met\n")
        for name in ACTION.split():
            os.kill(os.getpid(), getattr(signal, f"SIG{name}"))


def is_change(event, arguments):
    if event == "open":
        return bool(arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT))
    return event in ("os.rename", "os.mkdir")


def written(event, arguments):
    if is_change(event, arguments):
        note(arguments[1 if event == "os.rename" else 0])


def note(path):
    if not isinstance(path, int):
        os.write(LOG, str(Path(os.fsdecode(path)).absolute()).encode() + b"\n")


if EVENT:
    # Tests that a script has put in the background ignore Ctrl-C, and so would what they start.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.addaudithook(fault)
if "WRITES_LOG" in os.environ:
    LOG = os.open(os.environ["WRITES_LOG"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    sys.addaudithook(written)
