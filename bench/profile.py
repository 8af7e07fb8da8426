# SPDX-License-Identifier: MIT
"""Counts the instructions of one call of a guest's function, by function.

usage: profile.py DIR FUNCTION HIT [OFFSET=VALUE]

DIR has the guest's kallsyms, and gdb, a socket of QEMU's gdbstub; the guest
begins once there is DIR/go. The HIT-th call of FUNCTION is logged by QEMU,
instruction by instruction; with OFFSET=VALUE only those calls are seen whose
ioctl argument has the 64-bit VALUE at OFFSET. Each repetition of a string
instruction is an instruction, as it is for -icount.
"""
import bisect
import collections
import os
import re
import socket
import struct
import sys
import threading

RSI, RSP, RIP = 4, 7, 16  # numbers of registers in gdb's protocol


class Stub:
    """QEMU's side of gdb's protocol, as far as it is needed."""

    def __init__(self, path):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(path)
        self.buffer = b""
        # Before single registers can be asked for. It may tell first that it has stopped.
        if self.ask("qXfer:features:read:target.xml:0,ffb").startswith("T"):
            self.answer()

    def ask(self, text):
        data = text.encode()
        self.sock.sendall(b"$%s#%02x" % (data, sum(data) % 256))
        return self.answer()

    def answer(self):
        while True:
            start = self.buffer.find(b"$")
            end = self.buffer.find(b"#", start + 1)
            if start >= 0 and 0 <= end < len(self.buffer) - 2:
                answer = self.buffer[start + 1:end].decode()
                self.buffer = self.buffer[end + 3:]
                self.sock.sendall(b"+")
                return answer
            more = self.sock.recv(65536)
            if not more:
                sys.exit("profile: the guest ended before the call")
            self.buffer += more

    def monitor(self, command):
        answer = self.ask("qRcmd," + command.encode().hex())
        while answer != "OK":
            if not answer.startswith("O"):
                sys.exit("profile: QEMU's monitor refused: " + command)
            answer = self.answer()

    def register(self, number):
        return struct.unpack("<Q", bytes.fromhex(self.ask("p%x" % number)))[0]

    def word(self, address):
        return struct.unpack("<Q", bytes.fromhex(self.ask("m%x,8" % address)))[0]

    def run_to(self, address):
        self.ask("Z1,%x,1" % address)
        self.ask("c")
        self.ask("z1,%x,1" % address)


class Symbols:
    def __init__(self, path):
        self.names = {}
        with open(path, encoding="ascii") as lines:
            for line in lines:
                address, kind, name = line.split()[:3]
                if kind in "tTwW":
                    self.names.setdefault(int(address, 16), name)
        self.starts = sorted(self.names)

    def start(self, pc):
        return self.starts[bisect.bisect_right(self.starts, pc) - 1]

    def address(self, name):
        found = [start for start, other in self.names.items() if other == name]
        if len(found) != 1:
            sys.exit("profile: %d functions are called %s" % (len(found), name))
        return found[0]


class Node:
    """A function as called by a chain of others."""

    def __init__(self, function, parent):
        self.function, self.parent = function, parent
        self.children = {}
        self.own = self.calls = 0

    def child(self, function):
        if function not in self.children:
            self.children[function] = Node(function, self)
        return self.children[function]


class Profile:
    """A call begins with a function's first instruction, and ends when a function further out goes on."""

    def __init__(self, symbols, entry):
        self.symbols = symbols
        self.entry = entry
        self.root = self.node = Node(None, None)
        self.last = None

    def step(self, pc):
        start = self.symbols.start(pc)
        if self.node is self.root and pc != self.entry:
            return  # an interrupt came first
        if pc == start and pc != self.last:
            self.node = self.node.child(start)
            self.node.calls += 1
        elif start != self.node.function:
            outer = self.node
            while outer and outer.function != start:
                outer = outer.parent
            self.node = outer or self.node.child(start)
        self.node.own += 1
        self.last = pc

    def show(self):
        own, total, calls = (collections.Counter() for _ in range(3))

        def visit(node, above):
            count = node.own + sum(visit(child, above | {node.function})
                                   for child in node.children.values())
            own[node.function] += node.own
            calls[node.function] += node.calls
            if node.function not in above:
                total[node.function] += count
            return count

        print("# %d instructions" % visit(self.root, frozenset()))
        print("# with callees\town\tcalls\tfunction")
        for function, count in total.most_common():
            if function:
                print("%d\t%d\t%d\t%s" % (count, own[function], calls[function],
                                          self.symbols.names[function]))


def read_log(path, profile):
    """QEMU logs a block, here of one instruction, before it runs, and says so if it did not."""
    trace = re.compile(r"Trace \d+: 0x[0-9a-f]+ \[[0-9a-f]+/([0-9a-f]+)/")
    pending = None
    with open(path, encoding="ascii", errors="replace") as lines:
        for line in lines:
            found = trace.match(line)
            if found:
                if pending is not None:
                    profile.step(pending)
                pending = int(found[1], 16)
            elif line.startswith("Stopped execution of TB chain"):
                pending = None
    if pending is not None:
        profile.step(pending)


def main(where, function, hit, condition=None):
    symbols = Symbols(os.path.join(where, "kallsyms"))
    entry = symbols.address(function)
    stub = Stub(os.path.join(where, "gdb"))
    open(os.path.join(where, "go"), "w").close()
    hits = 0
    while hits < int(hit):
        stub.run_to(entry)
        if condition:
            offset, value = (int(number, 0) for number in condition.split("="))
            if stub.word(stub.register(RSI) + offset) != value:
                stub.ask("s")
                continue
        hits += 1
        if hits < int(hit):
            stub.ask("s")

    frame = stub.register(RSP)
    back = stub.word(frame)
    profile = Profile(symbols, entry)
    log = os.path.join(where, "log")
    os.mkfifo(log)
    reader = threading.Thread(target=read_log, args=(log, profile))
    reader.start()
    stub.monitor("logfile " + log)
    stub.monitor("singlestep on")
    stub.monitor("log exec,nochain")
    while True:
        stub.run_to(back)
        if stub.register(RSP) > frame:
            break
    stub.monitor("log none")
    stub.monitor("logfile /dev/null")
    reader.join()
    profile.show()
    stub.sock.sendall(b"$k#6b")


main(*sys.argv[1:])
