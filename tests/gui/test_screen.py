"""The program on a real X server, where there is one to be had."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtGui import QImage

SCREEN = Path(__file__).with_name("screen.py")


@pytest.fixture
def display() -> Iterator[str]:
    """Return the display of an X server of its own."""
    program = shutil.which("Xvfb")
    if program is None:
        pytest.skip("there is no Xvfb; the package xvfb brings it")
    read, write = os.pipe()
    server = subprocess.Popen(
        [program, "-displayfd", str(write), "-screen", "0", "1400x900x24", "-nolisten", "tcp"],
        pass_fds=(write,),
        stderr=subprocess.DEVNULL,
    )
    os.close(write)
    with os.fdopen(read) as pipe:
        number = pipe.readline().strip()
    try:
        if not number:
            pytest.skip("Xvfb does not start here")
        yield f":{number}"
    finally:
        server.terminate()
        server.wait()


def test_a_run_on_an_x_server(display: str, tmp_path: Path) -> None:
    surroundings = {
        **os.environ,
        "DISPLAY": display,
        "QT_QPA_PLATFORM": "xcb",
        "XDG_CONFIG_HOME": str(tmp_path),
    }
    asks = "from PySide6.QtGui import QGuiApplication; QGuiApplication([])"
    probe = subprocess.run(
        [sys.executable, "-c", asks], env=surroundings, capture_output=True, text=True
    )
    if probe.returncode:
        pytest.skip(f"Qt finds no X libraries here: {probe.stderr.strip().splitlines()[0]}")
    picture = tmp_path / "screen.png"
    done = subprocess.run(
        [sys.executable, str(SCREEN), "--out", str(picture)],
        env=surroundings,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split()[0] == "xcb"
    assert done.stdout.split()[-1] == "done"
    image = QImage(str(picture))
    assert (image.width(), image.height()) == (1280, 800)
    seen = {image.pixel(x, y) for x in range(0, 1280, 7) for y in range(0, 800, 7)}
    assert len(seen) > 20  # a window with plots, not an empty screen
