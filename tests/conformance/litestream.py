"""Replicates a running appliance's database as Litestream does: with a read transaction that is held for long, by the frames of the write-ahead log.

Usage: litestream.py DATA PEOPLE RESTORED. Writes PEOPLE people through the control socket meanwhile; leaves in RESTORED a database of what was copied.
"""

import http.client
import json
import os
import socket
import sqlite3
import struct
import sys
import threading

data, people, restored = sys.argv[1], int(sys.argv[2]), sys.argv[3]
database = os.path.join(data, "rollcall.db")
WRITERS = 4
HEADER, FRAME_HEADER = 32, 24
# So much of the log is copied before the replica checkpoints by itself, as Litestream does after so many pages.
OWN_CHECKPOINT_BYTES = 6 << 20


class Control(http.client.HTTPConnection):
    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(os.path.join(data, "control.sock"))


answered, faults = [], []


def write(first):
    control = Control("localhost")
    for number in range(first, people, WRITERS):
        body = json.dumps({"name": f"Person {number}", "email": f"person{number}@example.school", "role": "student"})
        control.request("POST", "/api/v1/people", body, {"content-type": "application/json"})
        answer = control.getresponse()
        said = json.loads(answer.read())
        if answer.status != 201:
            faults.append(said)
            return
        answered.append(said["id"])


def checksum(order, data, sums):
    first, second = sums
    for one, two in struct.iter_unpack(order + "II", data):
        first = (first + one + second) & 0xFFFFFFFF
        second = (second + two + first) & 0xFFFFFFFF
    return first, second


class Replica:
    """A copy of the database file, and the frames of its log since then."""

    def __init__(self):
        # Whoever closes a file of the database loses the locks that this process has on it: these stay open to the end.
        self.main, self.log = open(database, "rb", buffering=0), open(database + "-wal", "rb", buffering=0)
        self.connection = sqlite3.connect(database, isolation_level=None, timeout=10)
        self.connection.executescript(
            """PRAGMA wal_autocheckpoint = 0;
            CREATE TABLE IF NOT EXISTS _litestream_seq (id INTEGER PRIMARY KEY, seq INTEGER);
            CREATE TABLE IF NOT EXISTS _litestream_lock (id INTEGER);"""
        )
        self.generations, self.longest = 0, 0
        self.hold()
        self.begin()

    def hold(self):
        """Holds the log: something is written first, so that the transaction reads from it and not past it."""
        self.connection.execute("INSERT INTO _litestream_seq VALUES (1, 1) ON CONFLICT (id) DO UPDATE SET seq = seq + 1")
        self.connection.execute("BEGIN")
        self.connection.execute("SELECT count(1) FROM _litestream_seq").fetchone()

    def header(self):
        self.log.seek(0)
        return self.log.read(HEADER)

    def begin(self):
        """A new generation: the whole file, and the log from its beginning."""
        self.generations += 1
        self.log_header = self.header()
        magic, _, self.page_bytes, _, *_ = struct.unpack(">8I", self.log_header)
        self.order = ">" if magic & 1 else "<"
        self.salts = self.log_header[16:24]
        self.sums = checksum(self.order, self.log_header[:24], (0, 0))
        assert struct.pack(">2I", *self.sums) == self.log_header[24:], "the log's header is whole"
        self.frames = bytearray()
        self.main.seek(0)
        self.copy = self.main.read()

    def follow(self):
        """Copies what was committed since; the log is the one that is held."""
        assert self.header() == self.log_header, "the log began anew although it was held"
        one = FRAME_HEADER + self.page_bytes
        self.log.seek(HEADER + len(self.frames))
        seen, sums, whole = self.log.read(), self.sums, 0
        for at in range(0, len(seen) - one + 1, one):
            frame = seen[at : at + one]
            sums = checksum(self.order, frame[FRAME_HEADER:], checksum(self.order, frame[:8], sums))
            # Of the log before, or under way.
            if frame[8:16] != self.salts or struct.pack(">2I", *sums) != frame[16:24]:
                break
            if struct.unpack(">I", frame[4:8])[0]:
                whole, self.sums = at + one, sums
        self.frames += seen[:whole]
        self.longest = max(self.longest, len(self.frames))

    def checkpoint(self):
        """Lets go of the log, has it copied back, and holds it again."""
        self.follow()
        self.connection.execute("ROLLBACK")
        self.connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
        self.hold()
        if self.header() != self.log_header:
            self.begin()

    def restore(self, path):
        with open(path, "wb") as file:
            file.write(self.copy)
        with open(path + "-wal", "wb") as file:
            file.write(self.log_header + self.frames)


replica = Replica()
writers = [threading.Thread(target=write, args=(first,)) for first in range(WRITERS)]
for writer in writers:
    writer.start()
checkpoints = 0
while any(writer.is_alive() for writer in writers):
    writers[0].join(0.05)
    replica.follow()
    # Only once: what comes after is held until everybody is done.
    if checkpoints == 0 and len(replica.frames) > OWN_CHECKPOINT_BYTES:
        replica.checkpoint()
        checkpoints += 1
assert not faults, faults
replica.follow()

path = os.path.join(restored, "rollcall.db")
replica.restore(path)
copy = sqlite3.connect(path)
assert copy.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
assert not copy.execute("PRAGMA foreign_key_check").fetchall()
there = {row[0] for row in copy.execute("SELECT id FROM people")}
missing = set(answered) - there
assert len(answered) == people and not missing, f"{len(missing)} of {len(answered)} people are missing"
# As Litestream leaves it: one file.
assert copy.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0
copy.execute("DROP TABLE _litestream_seq")
copy.execute("DROP TABLE _litestream_lock")
copy.close()
print(f"{people} people in {replica.generations} generations, {replica.longest >> 20} MiB of log held at once, {checkpoints} checkpoints of the replica's own")
