"""From system calls to operations on a disk (`ops.py`): descriptors, paths and positions in files are followed."""

from __future__ import annotations

import os.path
from collections.abc import Iterable

from .ops import ROOT, Image, Op
from .strace import OTHERS, Call


class Unmodelled(Exception):
    """A call that changes the store in a way this module does not know."""


class Recorder:
    """Turns calls into operations on the tree below `base`. One for all lives of a daemon; `life` begins a new process."""

    def __init__(self, base: str, image: Image | None = None) -> None:
        self.base = os.path.normpath(base)
        self.image = image or Image()
        self.names = {node: dict(names) for node, names in self.image.names.items()}
        self.sizes = {node: len(data) for node, data in self.image.files.items()}
        self.next_node = max([ROOT, *self.names, *self.sizes]) + 1
        self.paths = dict(self.image.paths)
        self.open: dict[int, tuple[int, int, bool]] = {}  # descriptor -> node, position, append
        self.ops: list[Op] = []

    def life(self) -> None:
        self.open = {}

    def take(self, calls: Iterable[Call]) -> None:
        for call in calls:
            handler = getattr(self, f"_{call.name}", None)
            if handler is not None:
                handler(call)
            elif call.name in OTHERS and self._touches(call):
                raise Unmodelled(f"{call.name}({call.arguments[:200]})")

    def _touches(self, call: Call) -> bool:
        if call.name in ("sync", "io_uring_setup", "io_setup", "io_submit", "close_range", "vmsplice"):
            return call.name != "close_range"
        if call.name == "ioctl" and "FICLONE" not in call.arguments and "FIDEDUPE" not in call.arguments:
            return False
        paths = [path for _, path in call.paths_of_descriptors()] + [s.decode(errors="replace") for s in call.strings()]
        return any(self._inside(path) for path in paths)

    # -- paths

    def _inside(self, path: str) -> bool:
        return os.path.normpath(path).startswith(self.base + "/") or os.path.normpath(path) == self.base

    def _locate(self, path: str) -> tuple[int, str] | None:
        """The directory's node and the name in it; None outside of the tree."""
        path = os.path.normpath(path)
        if not path.startswith(self.base + "/"):
            return None
        *folders, name = path[len(self.base) + 1 :].split("/")
        node = ROOT
        for folder in folders:
            found = self.names.get(node, {}).get(folder)
            if found is None:
                return None
            node = found
        return node, name

    def _node(self, path: str) -> int | None:
        if os.path.normpath(path) == self.base:
            return ROOT
        place = self._locate(path)
        return None if place is None else self.names.get(place[0], {}).get(place[1])

    @staticmethod
    def _paths(call: Call) -> list[str]:
        """The path arguments, made absolute by the directories that go with them."""
        folders = [path for _, path in call.paths_of_descriptors()]
        texts = [text.decode(errors="replace") for text in call.strings()]
        if len(folders) < len(texts):
            folders += [folders[-1] if folders else "/"] * (len(texts) - len(folders))
        return [os.path.join(folder, text) for folder, text in zip(folders, texts)]

    def _add(self, kind: str, call: Call, **more: object) -> None:
        node = more.get("node", -1)
        path = str(more.pop("path", "")) or self.paths.get(node, "")  # type: ignore[call-overload]
        self.ops.append(Op(kind, call.begin, call.end, path=path, **more))  # type: ignore[arg-type]

    def _rename_nodes(self, call: Call, *moves: tuple[str, int, str, int], path: str = "") -> None:
        for what, folder, name, node in moves:
            if what == "put":
                self.names[folder][name] = node
            elif self.names[folder].get(name) == node:
                del self.names[folder][name]
        self._add("name", call, moves=tuple(moves), path=path)

    # -- opening and closing

    def _openat(self, call: Call) -> None:
        if call.failed:
            return
        path, flags = self._paths(call)[0], call.arguments
        place = self._locate(path)
        if place is None and os.path.normpath(path) != self.base:
            self.open.pop(call.result or 0, None)
            return
        if "O_TMPFILE" in flags:
            node = self._new_file(path + "/(nameless)")
        else:
            found = self._node(path)
            if found is None:
                assert place is not None and "O_CREAT" in flags, f"{path} is opened and was never made"
                node = self._new_file(path)
                self._rename_nodes(call, ("put", *place, node), path=path)
            else:
                node = found
                if "O_TRUNC" in flags and self.sizes.get(node):
                    self._resize(call, node, 0)
        self.open[call.result or 0] = (node, 0, "O_APPEND" in flags)

    _open = _openat
    _creat = _openat

    def _new_file(self, path: str) -> int:
        node, self.next_node = self.next_node, self.next_node + 1
        self.sizes[node] = 0
        self.paths[node] = path
        return node

    def _close(self, call: Call) -> None:
        self.open.pop(call.descriptor, None)

    def _dup(self, call: Call) -> None:
        if call.descriptor in self.open:
            raise Unmodelled(f"{call.name} of {self.paths.get(self.open[call.descriptor][0])}")
        if not call.failed:
            self.open.pop(call.result or 0, None)

    _dup2 = _dup3 = _dup

    def _fcntl(self, call: Call) -> None:
        if "F_DUPFD" in call.arguments:
            self._dup(call)

    def _mmap(self, call: Call) -> None:
        if "MAP_SHARED" in call.arguments and "PROT_WRITE" in call.arguments and self._touches(call):
            raise Unmodelled("a shared mapping of the store that may be written")

    # -- content

    def _write(self, call: Call) -> None:
        descriptor = call.descriptor
        if descriptor not in self.open:
            if "<socket:" in call.arguments or r"<\x73\x6f\x63\x6b\x65\x74\x3a" in call.arguments:  # socket:
                self._add("said", call, data=b"".join(call.strings()))
            return
        node, position, append = self.open[descriptor]
        data = b"".join(call.strings())
        data = data if call.result is None else data[: max(call.result, 0)]
        at = self.sizes[node] if append else position
        self._put(call, node, at, data)
        self.open[descriptor] = (node, at + len(data), append)

    _writev = _sendmsg = _sendto = _write

    def _pwrite64(self, call: Call) -> None:
        if call.descriptor in self.open:
            data = b"".join(call.strings())
            data = data if call.result is None else data[: max(call.result, 0)]
            self._put(call, self.open[call.descriptor][0], call.numbers()[-1], data)

    def _pwritev(self, call: Call) -> None:
        if call.descriptor in self.open:
            raise Unmodelled("pwritev of the store")

    _pwritev2 = _pwritev

    def _copy_file_range(self, call: Call) -> None:
        if self._touches(call) and not call.failed:
            raise Unmodelled("copy_file_range within the store")

    def _put(self, call: Call, node: int, offset: int, data: bytes) -> None:
        if data:
            self._add("write", call, node=node, offset=offset, data=data)
            self.sizes[node] = max(self.sizes[node], offset + len(data))

    def _resize(self, call: Call, node: int, size: int) -> None:
        self._add("truncate", call, node=node, offset=size)
        self.sizes[node] = size

    def _ftruncate(self, call: Call) -> None:
        if call.descriptor in self.open and not (call.failed and call.end is not None):
            self._resize(call, self.open[call.descriptor][0], call.numbers()[-1])

    def _fallocate(self, call: Call) -> None:
        if call.descriptor in self.open and not call.failed:
            node, end = self.open[call.descriptor][0], sum(call.numbers()[-2:])
            if "KEEP_SIZE" not in call.arguments and end > self.sizes[node]:
                self._resize(call, node, end)
            elif "PUNCH" in call.arguments or "ZERO" in call.arguments or "COLLAPSE" in call.arguments:
                raise Unmodelled(f"fallocate({call.arguments[:100]})")

    def _fsync(self, call: Call) -> None:
        if call.descriptor in self.open and not call.failed:
            self._add("sync", call, node=self.open[call.descriptor][0])

    _fdatasync = _fsync

    # -- names

    def _mkdirat(self, call: Call) -> None:
        place = self._locate(path := self._paths(call)[0])
        if place is not None and not call.failed:
            node, self.next_node = self.next_node, self.next_node + 1
            self.names[node] = {}
            self.paths[node] = path
            self._rename_nodes(call, ("put", *place, node), path=path)

    _mkdir = _mkdirat

    def _unlinkat(self, call: Call) -> None:
        place, node = self._locate(path := self._paths(call)[0]), self._node(path)
        if place is not None and node is not None and not (call.failed and call.end is not None):
            self._rename_nodes(call, ("take", *place, node), path=path)

    _unlink = _rmdir = _unlinkat

    def _renameat2(self, call: Call) -> None:
        if call.failed and call.end is not None:
            return
        old, new = self._paths(call)
        source, target, node = self._locate(old), self._locate(new), self._node(old)
        if source is None and target is None:
            return
        if source is None or target is None or node is None or "EXCHANGE" in call.arguments:
            raise Unmodelled(f"rename {old} to {new}")
        self._rename_nodes(call, ("take", *source, node), ("put", *target, node), path=new)
        self.paths[node] = new

    _rename = _renameat = _renameat2

    def _linkat(self, call: Call) -> None:
        if call.failed:
            return
        target = self._locate(self._paths(call)[-1])
        if target is None:
            return
        if "AT_EMPTY_PATH" in call.arguments or "/proc/self/fd/" in (old := self._paths(call)[0]):
            number = call.descriptor if "AT_EMPTY_PATH" in call.arguments else int(old.rsplit("/", 1)[1])
            node: int | None = self.open[number][0] if number in self.open else None
        else:
            node = self._node(old)
        if node is None:
            raise Unmodelled(f"link to {self._paths(call)[-1]} of something unknown")
        self._rename_nodes(call, ("put", *target, node), path=self._paths(call)[-1])

    _link = _linkat
