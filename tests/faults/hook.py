"""Put before a command (`sitecustomize`): kills or signals it at a named file operation.

FAULT="os.rename|/step-0{8}$|KILL" ends the process where a file or folder is about to get a name
that matches; FAULT_LOG gets a line when it does. WRITES_LOG gets the path of each file that is
opened to be written, and of each that gets another name.
"""

import os
import re
import signal
import sys
from pathlib import Path

EVENT, PATTERN, ACTION = (os.environ.get("FAULT") or "||").split("|")
done = False


def fault(event, arguments):
    global done
    if done or event != EVENT:
        return
    if re.search(PATTERN, str(arguments[1 if event == "os.rename" else 0])):
        done = True
        with Path(os.environ["FAULT_LOG"]).open("a") as log:
            log.write("met\n")
        for name in ACTION.split():
            os.kill(os.getpid(), getattr(signal, f"SIG{name}"))


def written(event, arguments):
    if event == "open" and arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
        note(arguments[0])
    elif event == "os.rename":
        note(arguments[1])


def note(path):
    if not isinstance(path, int):
        os.write(LOG, str(Path(os.fsdecode(path)).absolute()).encode() + b"\n")


if EVENT:
    sys.addaudithook(fault)
if "WRITES_LOG" in os.environ:
    LOG = os.open(os.environ["WRITES_LOG"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    sys.addaudithook(written)
