"""Keyed numbers: arrays, compiled code and the table."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labctl.kernels import kernels
from sim_backend.devices.stream import TABLE_BITS, Stream, absorbed, normals_at, uniforms_at

parts = st.integers(0, 2**63)


@given(seed=st.integers(0, 2**70), key=st.lists(parts, min_size=1, max_size=4))
def test_words_can_be_taken_in_part_by_part(seed: int, key: list[int]) -> None:
    stream = Stream(seed)
    words = stream.words(*key[:-1])
    assert uniforms_at(absorbed(words, np.array(key[-1], np.uint64))) == stream.uniform(*key)
    assert float(normals_at(absorbed(words, np.array(key[-1], np.uint64)))) == pytest.approx(
        stream.normal(*key), rel=1e-13, abs=1e-15
    )


@given(seed=st.integers(0, 2**64), key=st.lists(parts, max_size=4))
def test_compiled_numbers_are_those_of_the_stream(seed: int, key: list[int]) -> None:
    compiled = kernels("sim_backend.devices.kernels.random")
    assert compiled is not None
    stream, keys = Stream(seed), np.array([key], np.uint64).reshape(1, -1)
    start = np.uint64(stream.start)
    assert compiled.uniforms(start, keys)[0] == stream.uniform(*key)
    assert compiled.normals(start, keys)[0] == pytest.approx(
        stream.normal(*key), rel=1e-13, abs=1e-15
    )


def test_uniform_numbers_stay_inside() -> None:
    words = np.arange(2**16, dtype=np.uint64)
    found = uniforms_at(words)
    assert found.min() > 0
    assert found.max() < 1
    counts = np.histogram(found, 64, (0, 1))[0]
    assert ((counts - 1024) ** 2 / 1024).sum() < 120  # chi2 with 63 degrees: 1e-5


@given(seed=st.integers(0, 2**64), device=st.integers(0, 2**40), event=parts)
def test_a_table_is_looked_up_by_key(seed: int, device: int, event: int) -> None:
    stream = Stream(seed, table=True)
    row = stream.normals(device + np.arange(4), event)
    assert row.tolist() == [stream.normal(device + k, event) for k in range(4)]
    assert stream.uniform(device, event) == Stream(seed).uniform(device, event)


def test_the_table_is_normal() -> None:
    stream = Stream(1, table=True)
    rows = stream.normals(np.arange(1000), np.arange(300)[:, None])
    assert rows.mean() == pytest.approx(0.0, abs=0.01)
    assert rows.std() == pytest.approx(1.0, abs=0.01)
    assert np.abs(np.corrcoef(rows[:6]) - np.eye(6)).max() < 0.15
    whole = Stream(3, table=True).normals(np.arange(2**TABLE_BITS))
    assert whole.std() == pytest.approx(1.0, abs=0.003)
    assert stream.normal() == float(stream.normals())


def test_what_the_table_costs() -> None:
    """The caveat: the next device is one place on in the same sequence, at another event."""
    stream = Stream(1, table=True)
    one = stream.normals(np.arange(2**TABLE_BITS), 0)
    two = stream.normals(np.arange(2**TABLE_BITS), 1)
    shift = int(np.flatnonzero(one == two[0])[0])
    assert np.array_equal(np.roll(one, -shift), two)
    exact = [Stream(1).normals(np.arange(2000), event) for event in (0, 1)]
    assert not np.intersect1d(*exact).size
