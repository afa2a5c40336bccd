"""Threads of array libraries: as the recipe says inside, as they were outside."""

import os
import subprocess
import sys

import pytest
from clinsynth.generators.storage.threads import limited_threads
from threadpoolctl import threadpool_info

_COUNT = """
import numba, torch
from clinsynth.generators.storage.threads import limited_threads
torch.set_num_threads(5)
for threads in (1, 2, 1):
    with limited_threads(threads):
        print(torch.get_num_threads(), end=" ")
    print(torch.get_num_threads(), end=" ")
"""


def test_torch_gets_back_what_it_had_though_numba_starts_inside():
    env = {k: v for k, v in os.environ.items() if not k.endswith("_NUM_THREADS")}
    env["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
    said = subprocess.run([sys.executable, "-c", _COUNT], env=env, capture_output=True, text=True, check=True)
    assert said.stdout.split() == ["1", "5", "2", "5", "1", "5"]


def test_blas_gets_back_what_it_had_also_after_a_failure():
    def counts():
        return {pool["filepath"]: pool["num_threads"] for pool in threadpool_info()}

    before = counts()
    with pytest.raises(RuntimeError), limited_threads(1):
        assert set(counts().values()) <= {1}
        raise RuntimeError
    assert {path: count for path, count in counts().items() if path in before} == before
