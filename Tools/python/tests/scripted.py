"""A daemon whose replies a test writes: late, out of order, wrong, or none at all."""

from __future__ import annotations

import os
import shutil
import socket
import tempfile
import threading
from collections.abc import Callable
from typing import Any

from vecd import protocol as p
from vecd.wire import HEADER, Header, Kind, Limits

# Gets a link to write to, the header and the message; returns None, or replies to send.
Script = Callable[["Link", Header, p.Message], None]


class Link:
    """One accepted connection."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.memory: dict[str, Any] = {}

    def reply(self, header: Header, message: p.Message) -> None:
        self.raw(b"".join(p.reply_frame(message, header.request_id)))

    def error(self, header: Header, code: int, text: str) -> None:
        self.raw(b"".join(p.error_frame(header.kind, header.request_id, code, text)))

    def raw(self, data: bytes) -> None:
        self.sock.sendall(data)

    def close(self) -> None:
        self.sock.shutdown(socket.SHUT_RDWR)

    def _exactly(self, count: int) -> bytes:
        data = bytearray()
        while len(data) < count:
            piece = self.sock.recv(count - len(data))
            if not piece:
                raise EOFError
            data += piece
        return bytes(data)

    def requests(self) -> Any:
        while True:
            header = Header.decode(self._exactly(HEADER.size))
            yield header, p.decode_request(header, self._exactly(header.body_length))


class ScriptedDaemon:
    def __init__(self) -> None:
        self.directory = tempfile.mkdtemp(prefix="vecd-fake-")
        self.path = os.path.join(self.directory, "s")
        self.script: Script = lambda link, header, message: link.error(header, 1010, "no script")
        self.hello = p.HelloReply(1, "scripted 0", Limits.FRAME_BODY_BYTES, 256, Limits.K, Limits.DIMENSION)
        self.seen: list[tuple[Header, p.Message]] = []
        self.connections = 0
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(self.path)
        self._listener.listen()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock: socket.socket) -> None:
        link = Link(sock)
        try:
            for header, message in link.requests():
                self.seen.append((header, message))
                if header.kind == Kind.HELLO:
                    link.reply(header, self.hello)
                else:
                    self.script(link, header, message)
        except (EOFError, OSError):
            pass
        finally:
            sock.close()

    def close(self) -> None:
        self._listener.close()
        shutil.rmtree(self.directory, ignore_errors=True)
