"""Look for a secret in the command line and environment of every process, again and again, until the input ends.

The secret is the first line of the input.
"""

import contextlib
import json
import os
import sys
import threading
from pathlib import Path

secret = sys.stdin.readline().strip().encode()
ended = threading.Event()
threading.Thread(target=lambda: (sys.stdin.read(), ended.set()), daemon=True).start()
print("ready")
looks, seen = 0, set()
while not ended.is_set():
    for process in Path("/proc").glob("[0-9]*"):
        for name in ("cmdline", "environ"):
            with contextlib.suppress(OSError):  # it has ended
                if secret in (process / name).read_bytes() and int(process.name) != os.getpid():
                    seen.add(f"{name} of {(process / 'comm').read_text().strip()}")
    looks += 1
print(json.dumps({"looks": looks, "seen": sorted(seen)}))
