"""One Unix socket to the daemon: frames out and in, any number of requests under way at once.

While it sends it also receives, so neither side can wait for the other to read first.
"""

from __future__ import annotations

import os
import select
import socket
import time
from typing import Any

from .errors import ErrorCode, VecdError
from .protocol import HelloReply, HelloRequest, Message, decode_reply, request_frame
from .wire import HEADER, PROTOCOL_VERSION, REPLY_BIT, Header, Limits, malformed

DEFAULT_STORE = "~/.vecd"
SOCKET_PATH_BYTES = 107
SCRATCH_BYTES = 256 * 1024
# How much longer than its deadline a reply is awaited: the daemon then says itself that it was late.
GRACE_SECONDS = 1.0


def socket_path(path: str | os.PathLike[str] | None) -> str:
    """The argument, else $VECD_SOCKET, else vecd.sock in $VECD_STORE, else in the default store. Empty is unset."""
    if path is not None:
        return os.path.expanduser(os.fspath(path))
    if named := os.environ.get("VECD_SOCKET"):
        return os.path.expanduser(named)
    return (os.environ.get("VECD_STORE") or os.path.expanduser(DEFAULT_STORE)) + "/vecd.sock"


class Connection:
    """Opened and greeted on construction. Not safe for use by two threads at once."""

    def __init__(self, path: str, client_name: str, timeout: float | None) -> None:
        self.path = path
        self.closed = False
        self._next_id = 1
        self._waiting: dict[int, int] = {}  # request id -> kind
        self._abandoned: set[int] = set()  # asked, no longer awaited
        self._replies: dict[int, tuple[Header, bytes | bytearray]] = {}
        self._frame_limit = Limits.FRAME_BODY_BYTES
        self._scratch = bytearray(SCRATCH_BYTES)
        self._pending = bytearray()  # received, less than a whole frame
        self._body: bytearray | None = None  # a large body being received in place
        self._body_header: Header | None = None
        self._body_filled = 0
        self._socket = self._dial(timeout)
        self.hello = self._greet(client_name, timeout)

    def _dial(self, timeout: float | None) -> socket.socket:
        if len(os.fsencode(self.path)) > SOCKET_PATH_BYTES:
            raise VecdError(
                ErrorCode.INVALID_ARGUMENT,
                f"socket path is {len(os.fsencode(self.path))} bytes, at most {SOCKET_PATH_BYTES}: {self.path}",
            )
        link = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            link.settimeout(timeout)
            link.connect(self.path)
            link.setblocking(False)
            return link
        except PermissionError as error:
            link.close()
            raise VecdError(ErrorCode.PERMISSION_DENIED, f"may not connect to {self.path}: {error}") from None
        except OSError as error:
            link.close()
            raise VecdError(
                ErrorCode.NOT_REACHABLE,
                f"no vecd answers at {self.path} ({error.strerror or error}); "
                "start `vecd serve --store DIR` or name its socket",
            ) from None

    def _greet(self, client_name: str, timeout: float | None) -> HelloReply:
        try:
            hello = HelloRequest(PROTOCOL_VERSION, PROTOCOL_VERSION, client_name)
            answer: HelloReply = self.wait(self.send(hello, timeout), timeout)
            if answer.version != PROTOCOL_VERSION:
                raise VecdError(
                    ErrorCode.UNSUPPORTED_VERSION,
                    f"the daemon chose protocol version {answer.version}, this client speaks {PROTOCOL_VERSION}",
                )
        except BaseException:
            self.close()
            raise
        self._frame_limit = max(answer.frame_limit, 4096)
        return answer

    @property
    def in_flight(self) -> int:
        """Requests sent and not answered."""
        return len(self._waiting) + len(self._abandoned)

    def close(self) -> None:
        self.closed = True
        self._socket.close()

    def send(self, message: Message, timeout: float | None = None) -> int:
        """Sends one request and returns its id for `wait`. The deadline of the request is `timeout`."""
        if self.closed:
            raise VecdError(ErrorCode.CONNECTION_LOST, f"the connection to {self.path} has ended")
        deadline = 0 if timeout is None else min(max(1, round(timeout * 1000)), 0xFFFF_FFFF)
        request_id, self._next_id = self._next_id, self._next_id + 1
        parts = request_frame(message, request_id, deadline)
        length = sum(len(part) for part in parts) - HEADER.size
        if length > self._frame_limit:
            raise VecdError(
                ErrorCode.FRAME_TOO_LONG, f"the request is {length} bytes, the daemon takes {self._frame_limit}"
            )
        self._waiting[request_id] = message.KIND
        until = None if timeout is None else time.monotonic() + timeout + GRACE_SECONDS
        try:
            self._send_all(parts, until)
        except BaseException:
            # Half a frame may be on its way: nothing sensible can follow it.
            self.close()
            raise
        return request_id

    def wait(self, request_id: int, timeout: float | None = None) -> Any:
        """The reply to `request_id` as its message; raises the `VecdError` of an error reply."""
        until = None if timeout is None else time.monotonic() + timeout + GRACE_SECONDS
        while request_id not in self._replies:
            if self.closed:
                raise VecdError(ErrorCode.CONNECTION_LOST, f"the connection to {self.path} has ended")
            try:
                self._poll(select.POLLIN, until)
                self._receive()
            except BaseException:  # a timeout, a lost connection, Ctrl-C
                self.abandon(request_id)
                raise
        header, body = self._replies.pop(request_id)
        try:
            return decode_reply(header, body)
        except VecdError:
            if header.status == 0:
                self.close()  # a daemon whose reply cannot be read cannot be trusted with the next one
            raise

    def abandon(self, request_id: int) -> None:
        """Forgets a request: its reply is thrown away when it comes."""
        if self._waiting.pop(request_id, None) is not None:
            self._abandoned.add(request_id)
        self._replies.pop(request_id, None)

    def _poll(self, events: int, until: float | None) -> int:
        poller = select.poll()
        poller.register(self._socket, events)
        left = None if until is None else max(0.0, until - time.monotonic()) * 1000
        ready = poller.poll(left)
        if not ready:
            raise VecdError(ErrorCode.DEADLINE_EXCEEDED, f"no answer from {self.path} within the timeout")
        return ready[0][1]

    def _send_all(self, parts: list[Any], until: float | None) -> None:
        if sum(len(part) for part in parts) <= SCRATCH_BYTES:
            parts = [b"".join(parts)]
        for part in parts:
            view = memoryview(part).cast("B")
            while view:
                try:
                    view = view[self._socket.send(view) :]
                except BlockingIOError:
                    if self._poll(select.POLLIN | select.POLLOUT, until) & select.POLLIN:
                        self._receive()
                except OSError as error:
                    self._drain_before_loss()
                    raise self._lost(error) from None

    def _drain_before_loss(self) -> None:
        """A daemon that closes says why first; read that, so that `wait` can tell it."""
        try:
            while True:
                self._receive()
        except (VecdError, OSError):
            pass

    def _lost(self, error: OSError | None) -> VecdError:
        self.close()
        for header, body in self._replies.values():
            if header.request_id == 0 and header.status:
                try:
                    decode_reply(header, body)
                except VecdError as reason:
                    return reason
        detail = f" ({error.strerror})" if error and error.strerror else ""
        return VecdError(
            ErrorCode.CONNECTION_LOST, f"the connection to {self.path} ended before the answer came{detail}"
        )

    def _receive(self) -> None:
        """One read from the socket; whole frames go to `_replies`."""
        into = self._scratch if self._body is None else memoryview(self._body)[self._body_filled :]
        try:
            count = self._socket.recv_into(into)
        except BlockingIOError:
            return
        except OSError as error:
            raise self._lost(error) from None
        if count == 0:
            raise self._lost(None)
        try:
            if self._body is None:
                self._pending += memoryview(self._scratch)[:count]
                self._cut_frames()
            else:
                self._body_filled += count
                self._finish_body()
        except VecdError:
            self.close()
            raise

    def _cut_frames(self) -> None:
        offset = 0
        pending = self._pending
        while len(pending) - offset >= HEADER.size:
            header = Header.decode(memoryview(pending)[offset : offset + HEADER.size], self._frame_limit)
            end = offset + HEADER.size + header.body_length
            if end <= len(pending):
                self._accept(header, bytes(memoryview(pending)[offset + HEADER.size : end]))
                offset = end
            elif header.body_length > SCRATCH_BYTES:
                body = bytearray(header.body_length)
                have = len(pending) - offset - HEADER.size
                body[:have] = memoryview(pending)[offset + HEADER.size :]
                self._body, self._body_header, self._body_filled = body, header, have
                offset = len(pending)
            else:
                break
        self._pending = pending[offset:]

    def _finish_body(self) -> None:
        body, header = self._body, self._body_header
        if body is not None and header is not None and self._body_filled == len(body):
            self._body = self._body_header = None
            self._accept(header, body)

    def _accept(self, header: Header, body: bytes | bytearray) -> None:
        request_id = header.request_id
        if request_id in self._abandoned:
            self._abandoned.discard(request_id)
            return
        kind = self._waiting.pop(request_id, None)
        if request_id == 0 and header.status:
            self._replies[0] = (header, body)  # the daemon's last word before it closes
        elif kind is None:
            raise malformed(f"the daemon answered request {request_id}, which was not asked")
        elif header.kind != kind | REPLY_BIT:
            raise malformed(f"the daemon answered kind {kind} with kind 0x{header.kind:04x}")
        else:
            self._replies[request_id] = (header, body)
