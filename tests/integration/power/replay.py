# SPDX-License-Identifier: MIT
"""Reads the log of recorder.c and makes the directories that a power cut could have left behind.

What a file system owes after a power cut, and no more:
- octets written and size changes before a successful fsync of the file began are there;
- a name made, changed or removed before a successful fsync of its directory began is as it was left;
- anything else may be there, not at all, or in part: a write tears at 4 KiB boundaries, later writes may outlive
  earlier ones.
"""
import random
import struct

RECORD = struct.Struct("=IIQQ")
CREATE, WRITE, TRUNCATE, SYNC_BEGIN, SYNC_END, LINK, UNLINK, RENAME, MKDIR, UNKNOWN = range(1, 11)
PAGE = 4096


class Change:
    """One change of a file or directory: `end` is the log position behind it, `durable` where it begins to be owed."""

    def __init__(self, end, *what):
        self.end, self.what, self.durable = end, what, None


class File:
    def __init__(self):
        self.changes = []  # ("write", offset, octets) and ("truncate", size)
        self.unsynced = []  # those of them that no sync has begun to cover

    def add(self, change):
        self.changes.append(change)
        self.unsynced.append(change)


class Log:
    def __init__(self, octets, root, root_inode):
        self.root = root.rstrip("/")
        self.files = {}  # inode: the File that has it now
        self.directories = {root_inode: self.root}
        self.names = []  # changes of names, all directories together: (kind, ...)
        self.syncs = {}
        self.unknown = []
        position = 0
        while position + RECORD.size <= len(octets):
            kind, size, inode, offset = RECORD.unpack_from(octets, position)
            end = position + RECORD.size + size
            if end > len(octets):
                break
            self._take(kind, inode, offset, octets[position + RECORD.size : end], end)
            position = end
        self.end = position

    def _name(self, end, *what):
        self.names.append(Change(end, *what))

    def _take(self, kind, inode, offset, data, end):
        if kind == CREATE:
            self.files[inode] = File()
            if data:
                self._name(end, "link", data.decode(), self.files[inode])
        elif kind in (WRITE, TRUNCATE):
            what = ("write", offset, data) if kind == WRITE else ("truncate", offset)
            self.files.setdefault(inode, File()).add(Change(end, *what))
        elif kind == SYNC_BEGIN:
            if inode in self.directories:
                folder = self.directories[inode]
                covered = [c for c in self.names if c.durable is None and folder in self._folders(c)]
            else:
                # A sync that fails covers nothing, and what it should have covered may be lost even if a later one
                # succeeds.
                file = self.files.setdefault(inode, File())
                covered, file.unsynced = file.unsynced, []
            self.syncs[offset] = covered
        elif kind == SYNC_END:
            for change in self.syncs.pop(offset, ()):
                change.durable = change.durable or end
        elif kind == LINK:
            self._name(end, "link", data.decode(), self.files.get(inode))
        elif kind == UNLINK:
            self._name(end, "unlink", data.decode())
        elif kind == RENAME:
            old, _, new = data.decode().partition("\0")
            self._name(end, "rename", old, new)
        elif kind == MKDIR:
            self.directories[inode] = data.decode()
            self._name(end, "mkdir", data.decode())
        else:
            self.unknown.append(data.decode())

    @staticmethod
    def _folders(change):
        paths = change.what[1:3] if change.what[0] == "rename" else change.what[1:2]
        return {p.rpartition("/")[0] for p in paths}

    # ---- what is left ----

    def content(self, file, point, chance):
        octets = bytearray()
        for change in file.changes:
            if change.end > point:
                break
            owed = change.durable is not None and change.durable <= point
            if change.what[0] == "truncate":
                size = change.what[1]
                if owed or chance.random() < 0.5:
                    octets = octets[:size] + bytes(max(0, size - len(octets)))
                continue
            for offset, piece in pieces(change.what[1], change.what[2]) if not owed else [change.what[1:]]:
                if owed or chance.random() < 0.5:
                    if len(octets) < offset:
                        octets += bytes(offset - len(octets))
                    octets[offset : offset + len(piece)] = piece
        return bytes(octets)

    def directory(self, point, chance):
        """{path: octets, or None for a directory} as it may be found after a power cut at this point of the log."""
        names, folders = {}, set()
        for change in self.names:
            if change.end > point:
                break
            owed = change.durable is not None and change.durable <= point
            if not owed and chance.random() < 0.5:
                continue
            if change.what[0] == "link":
                names[change.what[1]] = change.what[2]
            elif change.what[0] == "unlink":
                names.pop(change.what[1], None)
                folders.discard(change.what[1])
            elif change.what[0] == "rename":
                if change.what[1] in names:
                    names[change.what[2]] = names.pop(change.what[1])
            else:
                folders.add(change.what[1])
        found = {path: None for path in folders}
        for path, file in names.items():
            if file is not None and (path.rpartition("/")[0] == self.root or path.rpartition("/")[0] in folders):
                found[path] = self.content(file, point, chance)
        return found

    def complete(self):
        """The directory when nothing is lost: for comparison with the real one."""

        class Certain(random.Random):
            def random(self):
                return 0.0

        names = {}
        certain = Certain()
        for change in self.names:
            if change.what[0] == "link":
                names[change.what[1]] = change.what[2]
            elif change.what[0] == "unlink":
                names.pop(change.what[1], None)
            elif change.what[0] == "rename":
                names[change.what[2]] = names.pop(change.what[1], None)
        return {path: self.content(file, self.end, certain) for path, file in names.items() if file is not None}


def pieces(offset, octets):
    """A write cut at page boundaries of the file."""
    position = 0
    while position < len(octets):
        size = min(PAGE - (offset + position) % PAGE, len(octets) - position)
        yield offset + position, octets[position : position + size]
        position += size
