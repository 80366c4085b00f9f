"""Put before a command (`sitecustomize`): kills or signals it at a named file operation.

FAULT="os.rename|/step-0{8}$|KILL" ends the process where a file or folder is about to get a name
that matches; FAULT_LOG gets a line when it does.
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


if EVENT:
    sys.addaudithook(fault)
