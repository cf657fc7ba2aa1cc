"""Error codes of vecd. The table is Formats/errors.tsv; a test holds the two equal."""

from __future__ import annotations

from enum import IntEnum


class ErrorCode(IntEnum):
    """What went wrong, as a number that never changes its meaning."""

    INVALID_ARGUMENT = 1001
    DIMENSION_MISMATCH = 1002
    VALUE_NOT_FINITE = 1003
    NORM_OUT_OF_RANGE = 1004
    DUPLICATE_ID = 1005
    LIMIT_EXCEEDED = 1006
    MALFORMED_FRAME = 1007
    FRAME_TOO_LONG = 1008
    UNSUPPORTED_VERSION = 1009
    NOT_AVAILABLE = 1010
    MALFORMED_FILE = 1011
    FILE_NOT_FOUND = 1012
    COLLECTION_NOT_FOUND = 2001
    COLLECTION_EXISTS = 2002
    GENERATION_NOT_FOUND = 2003
    GENERATION_STATE = 2004
    LIVE_GENERATION_CHANGED = 2005
    NO_LIVE_GENERATION = 2006
    NO_PREVIOUS_GENERATION = 2007
    ID_EXISTS = 2008
    INGEST_NOT_FOUND = 2009
    BUSY = 2010
    STORE_IN_USE = 2011
    MODEL_MISMATCH = 2012
    PUBLISH_REFUSED = 2013
    OVERLOADED = 3001
    DEADLINE_EXCEEDED = 3002
    SHUTTING_DOWN = 3003
    SEGMENT_DAMAGED = 4001
    MANIFEST_DAMAGED = 4002
    COLLECTION_FENCED = 4003
    UNSUPPORTED_FORMAT = 4004
    IO_ERROR = 5001
    STORAGE_FULL = 5002
    PERMISSION_DENIED = 5003
    CANNOT_CREATE = 5004
    NOT_REACHABLE = 5005
    CONNECTION_LOST = 5006
    OUTCOME_UNKNOWN = 5007
    INTERNAL_DEFECT = 9001

    @property
    def label(self) -> str:
        """The name as messages and documents write it, e.g. `collection-not-found`."""
        return self.name.lower().replace("_", "-")

    @property
    def retryable(self) -> bool:
        """Whether the same request may succeed a moment later."""
        return self in _RETRYABLE

    @property
    def exit_status(self) -> int:
        """What a command line program should exit with (sysexits)."""
        return _EXIT_STATUS[self]


_RETRYABLE = frozenset(
    {
        ErrorCode.BUSY,
        ErrorCode.STORE_IN_USE,
        ErrorCode.OVERLOADED,
        ErrorCode.DEADLINE_EXCEEDED,
        ErrorCode.SHUTTING_DOWN,
        ErrorCode.NOT_REACHABLE,
        ErrorCode.CONNECTION_LOST,
        ErrorCode.OUTCOME_UNKNOWN,
    }
)

_EXIT_STATUS = {
    ErrorCode.INVALID_ARGUMENT: 64,
    ErrorCode.DIMENSION_MISMATCH: 65,
    ErrorCode.VALUE_NOT_FINITE: 65,
    ErrorCode.NORM_OUT_OF_RANGE: 65,
    ErrorCode.DUPLICATE_ID: 65,
    ErrorCode.LIMIT_EXCEEDED: 64,
    ErrorCode.MALFORMED_FRAME: 76,
    ErrorCode.FRAME_TOO_LONG: 76,
    ErrorCode.UNSUPPORTED_VERSION: 76,
    ErrorCode.NOT_AVAILABLE: 64,
    ErrorCode.MALFORMED_FILE: 65,
    ErrorCode.FILE_NOT_FOUND: 66,
    ErrorCode.COLLECTION_NOT_FOUND: 66,
    ErrorCode.COLLECTION_EXISTS: 73,
    ErrorCode.GENERATION_NOT_FOUND: 66,
    ErrorCode.GENERATION_STATE: 65,
    ErrorCode.LIVE_GENERATION_CHANGED: 65,
    ErrorCode.NO_LIVE_GENERATION: 66,
    ErrorCode.NO_PREVIOUS_GENERATION: 66,
    ErrorCode.ID_EXISTS: 65,
    ErrorCode.INGEST_NOT_FOUND: 65,
    ErrorCode.BUSY: 75,
    ErrorCode.STORE_IN_USE: 75,
    ErrorCode.MODEL_MISMATCH: 65,
    ErrorCode.PUBLISH_REFUSED: 65,
    ErrorCode.OVERLOADED: 75,
    ErrorCode.DEADLINE_EXCEEDED: 75,
    ErrorCode.SHUTTING_DOWN: 75,
    ErrorCode.SEGMENT_DAMAGED: 74,
    ErrorCode.MANIFEST_DAMAGED: 74,
    ErrorCode.COLLECTION_FENCED: 74,
    ErrorCode.UNSUPPORTED_FORMAT: 65,
    ErrorCode.IO_ERROR: 74,
    ErrorCode.STORAGE_FULL: 74,
    ErrorCode.PERMISSION_DENIED: 77,
    ErrorCode.CANNOT_CREATE: 73,
    ErrorCode.NOT_REACHABLE: 69,
    ErrorCode.CONNECTION_LOST: 75,
    ErrorCode.OUTCOME_UNKNOWN: 75,
    ErrorCode.INTERNAL_DEFECT: 70,
}

# Of codes that are not known: bad requests, states, "try again", damage, the system.
_CLASS_STATUS = {1: 64, 2: 65, 3: 75, 4: 74, 5: 74}


class VecdError(Exception):
    """A request that failed: `code` says what kind of failure, `message` what, where, and what would be right.

    `code` is an `ErrorCode`, or a plain int when a newer daemon uses a code this client does not know; that is then
    treated by its class, code // 1000.
    """

    def __init__(self, code: int, message: str) -> None:
        self.code: ErrorCode | int
        try:
            self.code = ErrorCode(code)
        except ValueError:
            self.code = code
        self.message = message
        super().__init__(message)

    @property
    def label(self) -> str:
        return self.code.label if isinstance(self.code, ErrorCode) else f"error-{int(self.code)}"

    @property
    def retryable(self) -> bool:
        return self.code.retryable if isinstance(self.code, ErrorCode) else self.code // 1000 == 3

    @property
    def exit_status(self) -> int:
        return self.code.exit_status if isinstance(self.code, ErrorCode) else _CLASS_STATUS.get(self.code // 1000, 70)

    def __str__(self) -> str:
        return f"{self.label}: {self.message}"

    def __reduce__(self) -> tuple[object, ...]:
        return (type(self), (int(self.code), self.message))


class BadInput(VecdError, ValueError):
    """Something the caller passed that cannot be sent; nothing went to the daemon."""
