"""What callers hand in is made into what goes on the wire, or refused with what would be right."""

import numpy as np
import pytest

from vecd import BadInput, ErrorCode
from vecd.arrays import as_float32, as_ids, as_vectors, for_wire
from vecd.wire import Element


def rows(array):
    return for_wire(as_vectors(array, "vectors", (2,)), "vectors")


def test_float32_goes_out_without_a_copy():
    array = np.arange(6, dtype=np.float32).reshape(3, 2)
    element, sent = rows(array)
    assert element is Element.F32 and np.shares_memory(array, sent)


def test_float16_stays_float16():
    array = np.array([[1.5, -0.25]], dtype=np.float16)
    element, sent = rows(array)
    assert element is Element.F16 and sent.dtype == np.dtype("<f2") and (sent == array).all()


@pytest.mark.parametrize("dtype", [">f4", ">f2", ">f8", "<f8"])
def test_byte_order_and_float64_are_converted(dtype):
    array = np.array([[1.5, -2.0], [0.25, 8.0]], dtype=dtype)
    _, sent = rows(array)
    assert sent.dtype.str in ("<f4", "<f2") and (sent == array.astype("<f8")).all()


@pytest.mark.parametrize("dtype", ["<f4", "<f2", "<f8"])
def test_fortran_order_and_strides_are_converted(dtype):
    plain = np.arange(12, dtype=dtype).reshape(3, 4)
    for array in (np.asfortranarray(plain), np.repeat(np.repeat(plain, 2, 0), 2, 1)[::2, ::2]):
        _, sent = rows(array)
        assert sent.flags.c_contiguous and (sent == plain).all()


def test_lists_of_floats_are_accepted():
    assert rows([[1.0, 2.0], [3.0, 4.0]])[1].tolist() == [[1, 2], [3, 4]]


def test_a_float64_that_does_not_fit_is_named_with_its_row_and_component():
    array = np.ones((4, 3))
    array[2, 1] = 1e300
    with pytest.raises(BadInput, match="row 102, component 1.*1e\\+300") as caught:
        as_float32(array, "vectors", first_row=100)
    assert caught.value.code is ErrorCode.VALUE_NOT_FINITE


def test_nan_and_inf_are_left_to_the_daemon():
    sent = as_float32(np.array([[np.nan, np.inf]]), "vectors")
    assert np.isnan(sent[0, 0]) and np.isinf(sent[0, 1])


@pytest.mark.parametrize("dtype", [np.int32, np.uint8, np.bool_, np.complex64])
def test_other_element_types_are_refused_with_the_right_ones(dtype):
    with pytest.raises(BadInput, match="expected float32, float16 or float64"):
        rows(np.ones((2, 2), dtype=dtype))


@pytest.mark.parametrize("shape", [(), (3,), (2, 3, 4)])
def test_other_shapes_are_refused_with_the_right_one(shape):
    with pytest.raises(BadInput, match=r"expected \(n, d\)"):
        rows(np.zeros(shape, dtype=np.float32))


def test_dimensions_out_of_range_are_refused():
    for dimension in (0, 4097):
        with pytest.raises(BadInput, match="1 to 4096"):
            rows(np.zeros((1, dimension), dtype=np.float32))


def test_ragged_rows_are_refused():
    with pytest.raises(ValueError):
        rows(np.array([[1.0], [1.0, 2.0]], dtype=object))


@pytest.mark.parametrize("dtype", ["u1", "<i4", "<i8", ">u8", "<u8"])
def test_ids_of_every_integer_type_become_uint64(dtype):
    ids = as_ids(np.array([3, 1, 2], dtype=dtype))
    assert ids.dtype == np.dtype("<u8") and ids.tolist() == [3, 1, 2]


def test_ids_use_all_64_bits():
    assert as_ids([0, 2**64 - 1, 2**63]).tolist() == [0, 2**64 - 1, 2**63]
    assert as_ids(range(3)).tolist() == [0, 1, 2]


@pytest.mark.parametrize("ids", [[-1], [2**64], [1.0], [True], ["1", 1], np.array([-1]), np.array([1.0]), np.ones((2, 1), int)])
def test_other_ids_are_refused(ids):
    with pytest.raises(BadInput):
        as_ids(ids)
