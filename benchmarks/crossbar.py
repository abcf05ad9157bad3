"""Crossbars with resistive wires, against badcrossbar and a sparse direct solver.

``python benchmarks/crossbar.py [--quick] [--json]``; `tasks.py bench-env` makes an environment in
which the peers are installed (badcrossbar asks for cairo, which only its drawings need: without it,
install it with ``pip install --no-deps badcrossbar pathvalidate tqdm``). Every solution is compared
with the peer's before a time counts: an answer that differs by more than 1e-11 ends the benchmark.
"""

from __future__ import annotations

import contextlib
import io
import logging
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.sparse
import scipy.sparse.linalg
from comparison import Case, Comparison, Party, arguments
from numpy.typing import NDArray

from sim_backend.crossbar import Drive, Ohmic, Wires, read_matrix, solve
from sim_backend.crossings import InSeries, Selector

PACKAGES = ("labctl", "badcrossbar", "numpy", "scipy", "numba")
AGREEMENT = 1e-11
WIRE = 1.0  # Ohm a segment
Array = NDArray[np.float64]


def problem(size: int) -> tuple[Array, Array]:
    """Return conductances of 10 to 100 uS and word-line voltages up to 1 V."""
    random = np.random.default_rng(size)
    return random.uniform(1e-5, 1e-4, (size, size)), random.uniform(0, 1, size)


def ours(g: Array, words: Array, turns: int) -> tuple[Party, Array]:
    """Return our party, and our bit-line currents."""
    drive, wires = Drive(words, np.zeros(g.shape[1])), Wires(WIRE, WIRE)

    def party() -> float:
        begin = time.perf_counter()
        for _ in range(turns):
            solve(g, drive, wires)
        return turns / (time.perf_counter() - begin)

    return party, solve(g, drive, wires).bits


def badcrossbar_party(g: Array, words: Array) -> tuple[Party, Array]:
    """Return badcrossbar's party, and its bit-line currents."""
    import badcrossbar  # type: ignore[import-not-found]

    logging.getLogger().setLevel(logging.ERROR)
    resistances, voltages = 1 / g, words[:, None]

    def answer() -> Any:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            return badcrossbar.compute(voltages, resistances, WIRE)

    def party() -> float:
        begin = time.perf_counter()
        answer()
        return 1 / (time.perf_counter() - begin)

    return party, np.ravel(answer().currents.output)


def network(g: Array) -> tuple[scipy.sparse.csc_matrix, Array]:
    """Return the matrix of all nodes, and the currents for one volt on each word line."""
    count = g.size
    word = np.arange(count).reshape(g.shape)
    bit = word + count
    joins = (
        (word, bit, g),
        (word[:, :-1], word[:, 1:], np.full(word[:, 1:].shape, 1 / WIRE)),
        (bit[:-1], bit[1:], np.full(bit[1:].shape, 1 / WIRE)),
    )
    a, b, c = (np.concatenate([np.ravel(join[k]) for join in joins]) for k in range(3))
    ground = np.zeros(2 * count)
    ground[word[:, 0]] = ground[bit[-1]] = 1 / WIRE
    every = np.arange(2 * count)
    matrix = scipy.sparse.csc_matrix(
        (
            np.concatenate([c, c, -c, -c, ground]),
            (np.concatenate([a, b, a, b, every]), np.concatenate([a, b, b, a, every])),
        )
    )
    into = np.zeros((2 * count, len(g)))
    into[word[:, 0], np.arange(len(g))] = 1 / WIRE
    return matrix, into


def sparse_party(g: Array, words: Array) -> tuple[Party, Array]:
    """Return the party of a sparse factorisation, matrix and factors made anew."""

    def answer() -> Array:
        matrix, into = network(g)
        nodes = scipy.sparse.linalg.splu(matrix).solve(into @ words)
        last: Array = nodes[-g.shape[1] :] / WIRE
        return last

    def party() -> float:
        begin = time.perf_counter()
        answer()
        return 1 / (time.perf_counter() - begin)

    return party, answer()


def kept_party(g: Array, vectors: int) -> Party:
    """Return the party of a sparse factorisation that is kept for many vectors."""
    matrix, into = network(g)
    factors = scipy.sparse.linalg.splu(matrix)
    words = np.random.default_rng(0).uniform(0, 1, (len(g), vectors))

    def party() -> float:
        begin = time.perf_counter()
        for k in range(vectors):
            factors.solve(into @ words[:, k])
        return vectors / (time.perf_counter() - begin)

    return party


def our_vectors(g: Array, vectors: int) -> Party:
    """Return our party for many read vectors, the making of the factors included."""
    words = np.random.default_rng(0).uniform(0, 1, (vectors, len(g)))

    def party() -> float:
        begin = time.perf_counter()
        matrix = read_matrix(g, Wires(WIRE, WIRE))
        words @ matrix
        return vectors / (time.perf_counter() - begin)

    return party


def with_selectors(g: Array, words: Array, turns: int) -> Party:
    """Return our party for cells behind a selector: the law is not linear."""
    cells = InSeries(Selector(1e-8, 0.1), Ohmic(g))
    drive, wires = Drive(words, np.zeros(g.shape[1])), Wires(WIRE, WIRE)

    def party() -> float:
        begin = time.perf_counter()
        for _ in range(turns):
            solve(cells, drive, wires)
        return turns / (time.perf_counter() - begin)

    return party


def present(
    makers: dict[str, Callable[[], tuple[Party, Array]]], expected: Array
) -> tuple[dict[str, Party], dict[str, str]]:
    """Make the peers' parties and compare their answers with ours.

    Raises
    ------
    SystemExit
        An answer differs.
    """
    peers: dict[str, Party] = {}
    absent: dict[str, str] = {}
    for name, make in makers.items():
        try:
            peers[name], answer = make()
        except ImportError as error:
            absent[name] = f"not installed: {error}"
            continue
        worst = float(np.max(np.abs(answer / expected - 1)))
        if not worst <= AGREEMENT:
            raise SystemExit(f"{name} answers differently: {worst:.2g} of a current")
    return peers, absent


def main() -> None:
    """Measure every case and print the figures."""
    asked = arguments(__doc__ or "")
    comparison = Comparison("crossbar", PACKAGES, rounds=1 if asked.quick else 5)
    for size in (64, 128):
        g, words = problem(size)
        party, expected = ours(g, words, 3 if asked.quick else 20)
        peers, absent = present(
            {
                "badcrossbar": lambda g=g, words=words: badcrossbar_party(g, words),
                "sparse LU": lambda g=g, words=words: sparse_party(g, words),
            },
            expected,
        )
        goal = {"badcrossbar": 80.0} if size == 128 else {}
        case = Case(f"{size} x {size}, one vector", "solutions a second", goal)
        comparison.measure(case, party, peers, absent)
    g, words = problem(128)
    vectors = 100_000 if asked.quick else 1_000_000
    comparison.measure(
        Case(f"128 x 128, {vectors} read vectors", "vectors a second", {"sparse LU, kept": 10.0}),
        our_vectors(g, vectors),
        {"sparse LU, kept": kept_party(g, 50)},
        {},
    )
    comparison.measure(
        Case("128 x 128 with selectors, one vector", "solutions a second", {}),
        with_selectors(g, words, 1 if asked.quick else 3),
        {},
        {},
    )
    comparison.print(asked.json)


if __name__ == "__main__":
    main()
