"""models: what generators there are, told without what it takes to run them."""

import json
import os
import subprocess
import sys

_LIST = """
import json, sys
from clinsynth.app import jobs
told = [jobs.describe_model(name) for name in ("ecg", "ecg-diffusion")]
print(json.dumps({"names": [entry["name"] for entry in told], "torch": "torch" in sys.modules}))
"""


def test_ecg_generators_are_described_without_torch():
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    said = subprocess.run([sys.executable, "-c", _LIST], env=env, capture_output=True, text=True, check=True)
    assert json.loads(said.stdout) == {"names": ["ecg", "ecg-diffusion"], "torch": False}
