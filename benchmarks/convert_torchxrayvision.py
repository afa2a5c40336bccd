"""Convert the weights of a torchxrayvision DenseNet-121 once, from its pickle to a safetensors state of ours.

Run it apart, in an environment of your own that has torchxrayvision, and only on weights whose source you trust: the
library's files are pickles, which can run code when they are opened. The studio never opens them.

    python benchmarks/convert_torchxrayvision.py densenet121-res224-all OUT.safetensors

Then `--backbone densenet121:OUT.safetensors` names it: one input channel, 224 x 224 pixels, values -1024 to 1024 (which
the file says itself), 1,024 features. The outputs' names are written into the file, too.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

# Beside the network's own tensors the library keeps thresholds of its outputs.
EXTRAS = ("op_threshs",)
PREPARATION = {"size": [224, 224], "mode": "bilinear", "mean": [0.5], "sd": [1 / 2048]}


def converted(state: Mapping[str, Any]) -> dict[str, Any]:
    """Return the tensors of the library's state under our names; thresholds and upsampling are left out.

    Raises:
        ValueError: what is left does not fit a DenseNet-121.
    """
    from clinsynth.evaluation.backbones.states import fitted, renamed

    kept = {
        renamed(name): tensor.contiguous()
        for name, tensor in state.items()
        if name not in EXTRAS and not name.startswith("upsample")
    }
    fitted("densenet121", kept)
    return kept


def main() -> None:
    """Read the library's weights by name and write the state."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", help="of the weights, such as densenet121-res224-all")
    parser.add_argument("out", type=Path, help="file to write, .safetensors")
    given = parser.parse_args()
    import torchxrayvision
    from safetensors.torch import save_file

    network = torchxrayvision.models.DenseNet(weights=given.name)
    metadata = {
        "preparation": json.dumps(PREPARATION),
        "source": f"torchxrayvision {given.name}",
        "outputs": json.dumps(list(network.pathologies)),
    }
    save_file(converted(network.state_dict()), given.out, metadata=metadata)
    print(f"{given.out}: DenseNet-121, {len(network.pathologies)} outputs")


if __name__ == "__main__":
    main()
