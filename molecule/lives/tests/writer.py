"""A client that writes without pause, one SET after another, until its input ends. Then says what it saw.

usage: writer.py [PORT]

One failed operation is one SET without an +OK, or one refused connection; after a failure it waits 1 ms.
"""

import json
import socket
import sys
import threading
import time

PORT = int(sys.argv[1]) if len(sys.argv) > 1 else 6379
PAUSE = 0.001
KEYS = 1000


def connect():
    connection = socket.create_connection(("127.0.0.1", PORT), timeout=10)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def set_one(connection, number):
    """Raises OSError when the reply is not +OK."""
    key, value = f"writer:{number % KEYS}", str(number)
    connection.sendall(f"*3\r\n$3\r\nSET\r\n${len(key)}\r\n{key}\r\n${len(value)}\r\n{value}\r\n".encode())
    reply = b""
    while not reply.endswith(b"\r\n"):
        part = connection.recv(4096)
        if not part:
            raise OSError("closed by the server")
        reply += part
    if reply != b"+OK\r\n":
        raise OSError(reply.decode().strip())


sys.stdin.readline()
ended = threading.Event()
threading.Thread(target=lambda: (sys.stdin.read(), ended.set()), daemon=True).start()
connection, connections, written, failures, errors, gap = None, 0, 0, 0, set(), 0.0
last = time.monotonic()
while not ended.is_set():
    try:
        if connection is None:
            connection = connect()
            connections += 1
        set_one(connection, written + 1)
    except OSError as error:
        failures += 1
        errors.add(str(error))
        if connection is not None:
            connection.close()
            connection = None
        time.sleep(PAUSE)
        continue
    now = time.monotonic()
    gap, last = max(gap, now - last), now
    written += 1
    if written == 1:
        gap = 0.0
        print("ready")
print(
    json.dumps(
        {
            "written": written,
            "failed": failures,
            "connections": connections,
            "longest_gap_ms": round(gap * 1000, 1),
            "errors": sorted(errors),
        }
    )
)
