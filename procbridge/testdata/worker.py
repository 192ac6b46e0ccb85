"""A worker in Python's standard library only: the wire as doc.go draws it."""
import json
import os
import struct
import sys
import threading

bridge = json.loads(os.environ.pop("SERVERENGINE_BRIDGE"))
os.set_inheritable(bridge["down"], False)
os.set_inheritable(bridge["up"], False)
down = os.fdopen(bridge["down"], "rb")
up = os.fdopen(bridge["up"], "wb", buffering=0)
lock = threading.Lock()

HELLO, READY, BEAT, REPLY = 64, 65, 66, 71
STOP, DELIVER = 3, 11


def send(kind, body=b""):
    with lock:
        up.write(b"SE\x01" + struct.pack(">BI", kind, len(body)) + body)


def beats():
    while not stopped.wait(0.05):
        send(BEAT)


def deliver(body):
    ident, slot, n = struct.unpack_from(">QIB", body)
    name, text = body[13:13 + n], body[13 + n:]
    answer = b"slot %d heard %s" % (slot, text)
    if ident:
        send(REPLY, struct.pack(">QBB", ident, 0, n) + name + answer)


stopped = threading.Event()
send(HELLO, json.dumps({"Min": 1, "Max": 1, "Build": "python", "Pid": os.getpid()}).encode())
threading.Thread(target=beats, daemon=True).start()
send(READY)
while True:
    header = down.read(8)
    if len(header) < 8:
        sys.exit(7)  # the parent is gone
    magic, kind, size = struct.unpack(">3sBI", header)
    body = down.read(size)
    if kind == DELIVER:
        deliver(body)
    elif kind == STOP and json.loads(body)["Mode"] == "graceful":
        stopped.set()
        sys.exit(0)
