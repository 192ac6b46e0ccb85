# A full worker in the standard library of Python 3. The wire: package procbridge.
import json, os, queue, struct, sys, threading

grant = json.loads(os.environ.pop("SERVERENGINE_BRIDGE"))
for fd in (grant["down"], grant["up"], *grant.get("files", {}).values()):
    os.set_inheritable(fd, False)  # a grandchild must not hold them
down, up = os.fdopen(grant["down"], "rb"), os.fdopen(grant["up"], "wb", 0)
lock, stop, jobs = threading.Lock(), threading.Event(), queue.Queue()

BEGIN, CONFIGURE, STOP, DELIVER = 1, 2, 3, 11
HELLO, READY, BEAT, CONFIG_SEEN, REPLY = 64, 65, 66, 69, 71

def send(kind, body=b""):
    if isinstance(body, dict):
        body = json.dumps(body).encode()
    with lock:
        up.write(struct.pack(">2sBBI", b"SE", 1, kind, len(body)) + body)

def read():
    """Hand every frame to the main loop; the end of file is the end of the parent."""
    while header := down.read(8):
        magic, version, kind, length = struct.unpack(">2sBBI", header)
        assert magic == b"SE" and version == 1, header
        jobs.put((kind, down.read(length)))
    jobs.put((STOP, b'{"Mode":"graceful","Reason":"the parent is gone"}'))

def beat():
    while not stop.wait(1.0):
        send(BEAT)

def main():
    send(HELLO, {"Min": 1, "Max": 1, "Build": "python example", "Pid": os.getpid()})
    threading.Thread(target=read, daemon=True).start()
    threading.Thread(target=beat, daemon=True).start()
    while True:
        kind, body = jobs.get()
        if kind == BEGIN:
            begin = json.loads(body)
            print("Awesome work! incarnation", begin["Incarnation"], "pid", os.getpid(), flush=True)
            send(READY)
        elif kind == CONFIGURE:
            send(CONFIG_SEEN, {"Version": json.loads(body)["Version"], "Incarnation": begin["Incarnation"]})
        elif kind == DELIVER:  # id u64, slot u32, length of a name u8, name, the message
            ident, _, n = struct.unpack(">QIB", body[:13])
            if ident:  # somebody waits for a reply
                send(REPLY, struct.pack(">QBB", ident, 0, 0) + body[13 + n:].upper())
        elif kind == STOP:
            stop.set()
            sys.exit(0)

main()
