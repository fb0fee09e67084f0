"""Directories of simulated boards that nobody keeps."""

import os
import tempfile
from pathlib import Path

import pytest

from devsession.simulator import scratch


def test_a_directory_swept_before_it_was_locked_is_made_anew(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    locked = scratch._lock
    made: list[Path] = []

    def lock(path: Path) -> int | None:
        descriptor = locked(path)
        made.append(path)
        if len(made) == 1:
            # Another process that starts a board sweeps at this moment.
            os.rmdir(path)
        return descriptor

    monkeypatch.setattr(scratch, "_lock", lock)
    # That nothing stays open sees the fixture for descriptors.
    directory = scratch.Scratch()
    assert directory.path == made[1] != made[0]
    assert directory.path.is_dir()
    directory.remove()
    assert not list(tmp_path.iterdir())
