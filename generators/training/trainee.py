"""What a learned generator hands to the training loop."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

from torch import Tensor, nn

from .draws import Draws

Networks = Mapping[str, nn.Module]
Loss = Callable[[Networks, dict[str, Tensor], Draws], Tensor]

_NAME = re.compile(r"[a-z0-9_]+")


@dataclass(frozen=True)
class Phase:
    """One optimiser and what it minimises; adversarial networks have two, which take turns on the same batch.

    Attributes:
        name: lower snake case, unique among the phases.
        networks: names of the networks whose parameters it moves; those of all others are held still.
        loss: maps (networks, batch, draws) to a loss per example, (b,). It calls the networks and takes nothing else
            from them, for in several processes they are wrapped or hold shares; its random numbers come from the
            draws alone.
            Layers that mix examples (batch norm) would see a process's share only: use others.
    """

    name: str
    networks: tuple[str, ...]
    loss: Loss


@runtime_checkable
class Trainee(Protocol):
    """A generator to be.

    Attributes:
        networks: modules by name, in their initial state. Training works on copies of them.
        phases: what each step does, in turn.
    """

    @property
    def networks(self) -> dict[str, nn.Module]:
        """Return the networks by name."""
        ...

    @property
    def phases(self) -> tuple[Phase, ...]:
        """Return the phases in their order."""
        ...

    def sample_grid(self, networks: Networks, folder: Path, step: int) -> None:
        """Draw a fixed grid of conditions with the averaged networks and write it as `folder/step-NNNNNN.png`."""
        ...

    def save_pretrained(self, folder: Path, networks: Networks) -> None:
        """Write the generator with the averaged networks into a new folder, weights as safetensors."""
        ...


def check_trainee(trainee: Trainee) -> None:
    """Refuse a trainee whose names do not fit together.

    Raises:
        ValueError: a name that cannot be a file's, a name twice, an unknown network, or nothing to move.
    """
    names = [phase.name for phase in trainee.phases]
    if not names or len(set(names)) < len(names):
        raise ValueError(f"a trainee needs phases with different names; it has {names}")
    for name in (*names, *trainee.networks):
        if not _NAME.fullmatch(name):
            raise ValueError(f"the name {name!r} of a phase or network is not lower snake case")
    for phase in trainee.phases:
        if missing := set(phase.networks) - set(trainee.networks):
            have = ", ".join(sorted(trainee.networks))
            raise ValueError(f"phase {phase.name!r} moves {min(missing)!r}, which is no network; there are: {have}")
        if not any(p.requires_grad for name in phase.networks for p in trainee.networks[name].parameters()):
            raise ValueError(f"phase {phase.name!r} has no parameter to move")
