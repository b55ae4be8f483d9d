"""Stand between a client and Redis on this host, until the input ends; then tell every round trip as JSON.

usage: proxy.py PORT, to 127.0.0.1:6379

A round trip begins when the client sends after it has been answered, or for the first time on a connection.
"""

import json
import select
import socket
import sys

TWO_WORDS = ("CONFIG", "CLIENT", "COMMAND", "ACL")


def commands(data: bytes) -> list[str]:
    """The names of the commands in what a client sent: arrays of bulk strings."""
    found = []
    while data.startswith(b"*"):
        head, _, data = data.partition(b"\r\n")
        words = []
        for _ in range(int(head[1:])):
            size, _, data = data.partition(b"\r\n")
            words.append(data[: int(size[1:])].decode(errors="replace"))
            data = data[int(size[1:]) + 2 :]
        name = words[0].upper()
        words = [*name.split(), *words[1:]]
        found.append(" ".join(words[: 2 if words[0] in TWO_WORDS else 1]).upper())
    return found


listener = socket.create_server(("127.0.0.1", int(sys.argv[1])))
sys.stdin.readline()
print("ready")
peers, clients, asked, trips = {}, set(), {}, []
while True:
    readable, _, _ = select.select([sys.stdin, listener, *peers], [], [])
    for source in readable:
        if source is sys.stdin:
            turns = [*trips, *(data for data in asked.values() if data)]
            print(json.dumps({"round_trips": [commands(bytes(data)) for data in turns]}))
            sys.exit()
        if source is listener:
            client, server = listener.accept()[0], socket.create_connection(("127.0.0.1", 6379))
            peers[client], peers[server] = server, client
            clients.add(client)
            asked[client] = bytearray()
            continue
        if source not in peers:
            continue
        target = peers[source]
        data = source.recv(1 << 20)
        if not data:
            for end in (source, target):
                del peers[end]
                end.close()
            continue
        if source in clients:
            asked[source] += data
        elif asked[target]:
            trips.append(asked[target])
            asked[target] = bytearray()
        target.sendall(data)
