"""The crossbar: against a plain network, against ideal wires, with non-linear cells, written."""

import contextlib
import io
import warnings
from collections.abc import Callable

import numpy as np
import pytest
import scipy.sparse
import scipy.sparse.linalg
from hypothesis import given, settings
from hypothesis import strategies as st

from docs.figures import crossbar_reading
from labctl.errors import BadInput
from sim_backend.array import DeviceArray
from sim_backend.crossbar import Drive, Ohmic, Wires, read_matrix, scheme, solve
from sim_backend.crossings import Gated, InSeries, Selector, one_selector, one_transistor, tabulate
from sim_backend.devices import Stream, family

KERNELS = pytest.mark.parametrize("path", ["numba", "numpy"])


def network(g: np.ndarray, drive: Drive, wires: Wires) -> np.ndarray:
    """Return the voltages over the cells from one sparse system of all nodes."""
    count, columns = g.size, g.shape[1]
    word = np.arange(count).reshape(g.shape)
    bit = word + count
    joins = [
        (word, bit, g),
        (word[:, :-1], word[:, 1:], np.full(word[:, 1:].shape, 1 / wires.word)),
        (bit[:-1], bit[1:], np.full(bit[1:].shape, 1 / wires.bit)),
    ]
    a, b, c = (np.concatenate([np.ravel(join[k]) for join in joins]) for k in range(3))
    into, ground = np.zeros(2 * count), np.zeros(2 * count)
    for nodes, volts, ohms in (
        (word[:, 0], drive.words, wires.word + wires.driver),
        (bit[-1], drive.bits, wires.bit + wires.sense),
    ):
        driven = np.isfinite(volts)
        ground[nodes[driven]] += 1 / ohms
        into[nodes[driven]] += volts[driven] / ohms
    every = np.arange(2 * count)
    entries = np.concatenate([c, c, -c, -c, ground])
    places = np.concatenate([a, b, a, b, every]), np.concatenate([a, b, b, a, every])
    matrix = scipy.sparse.csc_matrix((entries, places), shape=(2 * count, 2 * count))
    factors = scipy.sparse.linalg.splu(matrix)
    nodes = factors.solve(into)
    # good wires between poor cells cost a plain solution eight digits: refine it
    exact = scipy.sparse.coo_matrix(matrix)
    for _ in range(3):
        left = into.astype(np.longdouble)
        np.subtract.at(left, exact.row, exact.data.astype(np.longdouble) * nodes[exact.col])
        nodes = nodes + factors.solve(left.astype(float))
    return (nodes[:count] - nodes[count:]).reshape(-1, columns)


@KERNELS
@settings(max_examples=30, deadline=None)
@given(
    shape=st.tuples(st.integers(1, 9), st.integers(1, 9)),
    seed=st.integers(0, 2**32),
    size=st.floats(-6, -2),
    wires=st.tuples(*[st.floats(0.1, 100)] * 2, *[st.floats(0, 1e4)] * 2),
)
def test_it_is_the_plain_network(path, shape, seed, size, wires) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LABCTL_KERNELS", path)
        random = np.random.default_rng(seed)
        g = random.uniform(0.05, 1.0, shape) * 10**size
        drive = Drive(random.uniform(-1, 1, shape[0]), random.uniform(-1, 1, shape[1]))
        if shape[0] > 1:
            drive.words[0] = np.nan  # floats
        found = solve(g, drive, Wires(*wires))
        largest = np.max(np.abs(np.nan_to_num(np.concatenate([drive.words, drive.bits]))))
        np.testing.assert_allclose(
            found.v, network(g, drive, Wires(*wires)), rtol=0, atol=1e-9 * largest
        )
        assert found.error <= 1e-11 * largest


@KERNELS
@pytest.mark.parametrize("shape", [(1, 1), (5, 9), (16, 16), (24, 7)])
def test_it_agrees_with_badcrossbar(path, shape, monkeypatch) -> None:
    """To 1e-9, every cell's current and every bit line's; skipped where it is not installed."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # at what it imports
        badcrossbar = pytest.importorskip("badcrossbar")
    monkeypatch.setenv("LABCTL_KERNELS", path)
    random = np.random.default_rng(6)
    g, words = random.uniform(1e-5, 1e-3, shape), random.uniform(-1, 1, shape[0])
    with warnings.catch_warnings(), contextlib.redirect_stderr(io.StringIO()):
        warnings.simplefilter("ignore")
        theirs = badcrossbar.compute(words[:, np.newaxis], 1 / g, 1.7).currents
    found = solve(g, Drive(words, np.zeros(shape[1])), Wires(1.7, 1.7))
    largest = np.max(np.abs(theirs.device))
    np.testing.assert_allclose(found.i, theirs.device, rtol=1e-9, atol=1e-9 * largest)
    np.testing.assert_allclose(found.bits, np.ravel(theirs.output), rtol=1e-9, atol=1e-9 * largest)


def test_without_resistance_every_cell_sees_what_is_applied() -> None:
    g = np.random.default_rng(2).uniform(1e-6, 1e-4, (16, 12))
    drive = Drive(np.linspace(0.1, 1, 16), np.linspace(0, -0.3, 12))
    found = solve(g, drive)
    np.testing.assert_allclose(found.v, drive.words[:, None] - drive.bits, rtol=1e-9)
    np.testing.assert_allclose(found.bits, np.sum(g * found.v, axis=0), rtol=1e-8)
    np.testing.assert_allclose(found.words, np.sum(g * found.v, axis=1), rtol=1e-8)
    assert found.power == pytest.approx(np.sum(g * found.v**2))


@pytest.mark.parametrize("size", [1e-4, 2e-3])
def test_large_conductances_are_no_trouble(size: float) -> None:
    random = np.random.default_rng(3)
    g = random.uniform(0.1, 1, (64, 64)) * size
    drive = Drive(random.uniform(0, 1, 64), np.zeros(64))
    found = solve(g, drive, Wires(1.0, 1.0))
    np.testing.assert_allclose(found.v, network(g, drive, Wires(1.0, 1.0)), atol=1e-11)
    assert found.iterations < 25


def test_kept_factors_are_the_solution_for_any_vector() -> None:
    random = np.random.default_rng(4)
    g, wires = random.uniform(1e-5, 1e-4, (20, 15)), Wires(2.0, 2.0, 50.0, 10.0)
    matrix = read_matrix(g, wires)
    for _ in range(5):
        words = random.uniform(-1, 1, 20)
        currents = solve(g, Drive(words, np.zeros(15)), wires).bits
        np.testing.assert_allclose(words @ matrix, currents, rtol=1e-9, atol=1e-15)
    np.testing.assert_array_equal(read_matrix(g, wires, [3])[0], matrix[3])


def test_sneak_currents_read_through_floating_lines() -> None:
    """Four cells, two lines floating: three cells in series beside the selected one."""
    g = np.array([[1e-6, 1e-3], [1e-3, 1e-3]])
    found = solve(g, scheme("floating", 0.2, 0, 0, (2, 2)))
    assert found.bits[0] == pytest.approx(0.2 * (1e-6 + 1e-3 / 3), rel=1e-6)
    grounded = solve(g, scheme("grounded", 0.2, 0, 0, (2, 2)))
    assert grounded.bits[0] == pytest.approx(0.2 * 1e-6, rel=1e-6)


@pytest.mark.parametrize(("name", "most"), [("V/2", 0.5), ("V/3", 1 / 3), ("grounded", 1.0)])
def test_schemes_bound_what_unselected_cells_see(name: str, most: float) -> None:
    found = solve(np.full((8, 6), 1e-6), scheme(name, 3.0, 2, 4, (8, 6)))
    v = np.abs(found.v)
    assert v[2, 4] == pytest.approx(3.0, rel=1e-6)
    v[2, 4] = 0
    assert np.max(v) == pytest.approx(3.0 * most, rel=1e-6)


def violations(found, law: Callable, drive: Drive, wires: Wires) -> np.ndarray:
    """Return the current that is left over at every node, by Kirchhoff's law node by node."""
    word, bit = found.word_nodes, found.bit_nodes
    rows, columns = word.shape
    through, _ = law(word - bit)
    left = []
    for i in range(rows):
        for j in range(columns):
            before = word[i, j - 1] if j else drive.words[i]
            series = wires.word + (0.0 if j else wires.driver)
            after = (word[i, j + 1] - word[i, j]) / wires.word if j + 1 < columns else 0.0
            left.append((before - word[i, j]) / series + after - through[i, j])
            above = (bit[i - 1, j] - bit[i, j]) / wires.bit if i else 0.0
            below = bit[i + 1, j] if i + 1 < rows else drive.bits[j]
            end = wires.bit + (0.0 if i + 1 < rows else wires.sense)
            left.append(above + (below - bit[i, j]) / end + through[i, j])
    return np.array(left)


@KERNELS
@pytest.mark.parametrize("seed", range(4))
def test_kirchhoffs_law_holds_with_cells_that_are_not_ohmic(path, seed, monkeypatch) -> None:
    monkeypatch.setenv("LABCTL_KERNELS", path)
    random = np.random.default_rng(seed)
    g = random.uniform(1e-6, 1e-3, (7, 9))
    cells = InSeries(Selector(1e-7, 0.12), Ohmic(g))
    drive = Drive(random.uniform(-2, 2, 7), random.uniform(-1, 1, 9))
    wires = Wires(3.0, 5.0, 100.0, 20.0)
    found = solve(cells, drive, wires)
    left = violations(found, cells.conductance, drive, wires)
    assert np.max(np.abs(left)) < 1e-9 * np.max(np.abs(found.i))
    assert found.error < 1e-11
    v_first = found.v - cells.share(found.v)
    np.testing.assert_allclose(Selector(1e-7, 0.12).conductance(v_first)[0], found.i, rtol=1e-6)


def test_a_selector_keeps_sneak_currents_out() -> None:
    """Read error of a high-resistance cell among low ones, with and without a selector."""
    g = np.full((16, 16), 1e-3)
    g[5, 5] = 1e-6
    plain = solve(g, scheme("V/2", 1.0, 5, 5, g.shape), Wires(1.0, 1.0))
    guarded = solve(
        InSeries(Selector(1e-8, 0.1), Ohmic(g)), scheme("V/2", 1.0, 5, 5, g.shape), Wires(1.0, 1.0)
    )
    error = [abs(found.bits[5] / found.i[5, 5] - 1) for found in (plain, guarded)]
    assert error[0] > 100
    assert error[1] < 0.05 * error[0]


def test_the_error_of_a_read_grows_with_the_array() -> None:
    """S2.9: against size, pattern, scheme, and what guards the cells."""
    found = crossbar_reading.measure((4, 16, 64))
    for name in ("floating", "V/2", "V/3"):
        assert np.all(np.diff(found[f"passive, {name}"]) > 0), name
        assert np.all(np.diff(np.abs(found[f"1T1R, {name}"])) > 0), name
    # V/2 without wires: every other cell of the column adds half its current
    ratio = crossbar_reading.LOW / crossbar_reading.HIGH
    assert found["passive, V/2"][0] == pytest.approx(3 * 0.5 * ratio, rel=0.01)
    assert found["passive, V/2, even chance"][2] < 0.7 * found["passive, V/2"][2]
    assert np.all(np.abs(found["passive, grounded"]) < found["passive, V/3"])
    assert found["passive, V/2, 64 x 64"] > 100
    assert 0 < found["1S1R, V/2, 64 x 64"] < 0.1
    assert -0.2 < found["1T1R, V/2, 64 x 64"] < 0  # the wires' share
    assert set(crossbar_reading.TARGETS) <= set(found)
    assert crossbar_reading.draw(found).axes


def test_a_transistor_cuts_the_other_rows_off_and_limits_the_current() -> None:
    access = one_transistor(1e-3, 5e-5)
    drive = scheme("V/2", 1.0, 1, 2, (4, 4))
    cells = access(Ohmic(np.full((4, 4), 1e-3)), drive)
    found = solve(cells, drive)
    assert found.i[1, 2] == pytest.approx(5e-5, rel=0.01)
    assert np.max(np.abs(np.delete(found.i, 1, axis=0))) < 1e-11
    everything = access(Ohmic(np.full((4, 4), 1e-3)), Drive(drive.words, drive.bits))
    assert isinstance(everything.first, Gated)
    assert np.all(everything.first.rows)


def test_a_table_is_the_model() -> None:
    model = family("ftj").load("", {"conductance": 4e-4})
    state = model.fresh(6, Stream(1), spread=True)
    table = tabulate(model, state, (2, 3), 1.0)
    for v in (-1.0, -0.37, 0.0, 0.05, 0.81, 1.0):
        i, g = table.conductance(np.full((2, 3), v))
        exact = model.current(state, {"top": v})[0].reshape(2, 3)
        np.testing.assert_allclose(i, exact, rtol=2e-3, atol=1e-9)
        assert np.all(g > 0)
    with pytest.raises(BadInput, match="6 devices were put into a crossbar of 3 x 3"):
        tabulate(model, state, (3, 3), 1.0)


def test_writing_a_cell_is_what_the_cell_alone_sees_and_disturbs_its_neighbours() -> None:
    model = family("ftj").load("", {"conductance": 2e-4})
    array = DeviceArray(model, (3, 3), stream=Stream(1), spread=False)
    before = array.conductances
    array.write(scheme("V/2", 1.0, 1, 1, (3, 3)), 1e-4)
    after = array.conductances
    for cell, v in ((4, 1.0), (3, 0.5), (1, 0.5), (0, 0.0)):
        alone = model.fresh(1, Stream(1), spread=False, first=cell)
        model.advance(alone, {"top": v}, 1e-4, 300.0, Stream(1))
        assert after.flat[cell] == pytest.approx(float(model.conductance(alone)[0]), rel=1e-6)
    assert after[1, 1] > after[1, 0] > before[1, 0]
    thirds = DeviceArray(model, (3, 3), stream=Stream(1), spread=False)
    thirds.write(scheme("V/3", 1.0, 1, 1, (3, 3)), 1e-4)
    assert before[1, 0] < thirds.conductances[1, 0] < after[1, 0]
    relaxed = after[1, 1]
    array.rest(10.0)
    assert array.conductances[1, 1] < relaxed


def test_wires_take_their_share_of_a_write() -> None:
    """Farther cells are written less; the same cell behind more wire the less."""
    model = family("ftj").load("", {"conductance": 1.2e-3})
    changes = []
    for ohm in (0.0, 20.0, 60.0):
        array = DeviceArray(model, (4, 4), Wires(ohm, ohm), Stream(1), spread=False)
        before = array.conductances
        array.write(scheme("V/2", 1.2, 3, 3, (4, 4)), 1e-4)
        changes.append(float(array.conductances[3, 3] / before[3, 3]))
    assert changes[0] > changes[1] > changes[2] > 1


def test_a_selector_spares_half_selected_cells() -> None:
    model = family("ftj").load("", {"conductance": 2e-4})
    disturbed = []
    for access in (None, one_selector(Selector(1e-8, 0.07))):
        array = DeviceArray(model, (3, 3), stream=Stream(1), spread=False, access=access)
        array.write(scheme("V/2", 1.6, 0, 0, (3, 3)), 1e-4)
        g = array.conductances / 2e-4 - 1
        disturbed.append(g[0, 1] / g[0, 0])
    assert 0 <= disturbed[1] < 0.2 * disturbed[0]


def test_what_cannot_be_is_refused() -> None:
    g = np.ones((2, 3))
    with pytest.raises(BadInput, match="cannot be negative"):
        solve(g, Drive(np.ones(2), np.zeros(3)), Wires(-1.0))
    with pytest.raises(BadInput, match="every line of the crossbar floats"):
        solve(g, Drive(np.full(2, np.nan), np.full(3, np.nan)))
    with pytest.raises(BadInput, match="2 x 3 cells were given for 3 word and 3 bit lines"):
        solve(g, Drive(np.ones(3), np.zeros(3)))
    with pytest.raises(BadInput, match='the scheme "V/4"'):
        scheme("V/4", 1.0, 0, 0, (2, 2))
    with pytest.raises(BadInput, match="the cell 2, 0"):
        scheme("V/2", 1.0, 2, 0, (2, 2))
