"""The error table of the package is Formats/errors.tsv."""

import pickle

from conftest import FORMATS
from vecd import BadInput, ErrorCode, VecdError


def table() -> list[list[str]]:
    lines = (FORMATS / "errors.tsv").read_text().splitlines()
    assert lines[0].split("\t") == ["code", "name", "retryable", "exit", "since", "meaning"]
    return [line.split("\t") for line in lines[1:] if line]


def test_codes_and_names_are_those_of_errors_tsv():
    assert {int(row[0]): row[1] for row in table()} == {int(code): code.label for code in ErrorCode}


def test_retryable_and_exit_status_are_those_of_errors_tsv():
    for code, _, retryable, exit_status, *_ in table():
        known = ErrorCode(int(code))
        assert known.retryable == (retryable == "yes"), known
        assert known.exit_status == int(exit_status), known


def test_a_code_of_a_newer_daemon_is_kept_as_a_number():
    error = VecdError(7777, "something new")
    assert error.code == 7777 and not error.retryable and str(error) == "error-7777: something new"
    assert error.exit_status == 70


def test_a_code_of_a_newer_daemon_is_treated_by_its_class():
    assert VecdError(3999, "busy in a new way").retryable and VecdError(3999, "").exit_status == 75
    assert all(code.retryable for code in ErrorCode if code // 1000 == 3)
    assert not VecdError(4999, "").retryable and VecdError(4999, "").exit_status == 74


def test_errors_survive_pickling():
    error = pickle.loads(pickle.dumps(BadInput(ErrorCode.DIMENSION_MISMATCH, "x")))
    assert isinstance(error, BadInput) and isinstance(error, ValueError)
    assert error.code is ErrorCode.DIMENSION_MISMATCH and error.message == "x"
