"""Everything that a step changes: weights, their average, the optimisers and the step count.

Weights that are held still are the trainee's own: a checkpoint has their hash instead of them.
"""

from __future__ import annotations

import copy
import hashlib
import json
import warnings
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.utils import broadcast
from safetensors.torch import load_file, save_file
from torch import nn

from .average import Average
from .config import TrainingConfig
from .metrics import Window
from .trainee import Networks, Phase, Trainee

_STATE = "state.json"


class TrainingState:
    """A run's state, on this process's device.

    Attributes:
        step: steps done.
        networks: the networks being trained, without the wrapping for many processes.
        average: their average over the steps.
        optimisers: one per phase.
        window: sums for the next line of the log.
    """

    def __init__(self, accelerator: Accelerator, trainee: Trainee, config: TrainingConfig) -> None:
        """Start at the trainee's weights, which stay as they are."""
        self.step = 0
        self.window = Window()
        self._accelerator = accelerator
        modules: dict[str, nn.Module] = copy.deepcopy(dict(trainee.networks))
        for module in modules.values():
            module.to(accelerator.device).train()
        # Before Accelerate patches `forward`: a copy made after that would run the original's weights.
        self.average = Average(modules, config.ema_decay)
        self._moved = {name: [p for p in net.parameters() if p.requires_grad] for name, net in modules.items()}
        self._still = {name: _names_held_still(net) for name, net in modules.items()}
        moving = {name for phase in trainee.phases for name in phase.networks if self._moved[name]}
        with warnings.catch_warnings():  # torch 2.13 gives `broadcast_buffers` another name, which older ones lack
            warnings.filterwarnings("ignore", message="`broadcast_buffers`", category=FutureWarning)
            self._wrapped = {
                name: accelerator.prepare_model(net, evaluation_mode=name not in moving)
                for name, net in modules.items()
            }
        self.optimisers: dict[str, Any] = {
            phase.name: accelerator.prepare_optimizer(self._optimiser(phase, config)) for phase in trainee.phases
        }
        self.networks = {name: accelerator.unwrap_model(net) for name, net in self._wrapped.items()}
        if accelerator.num_processes > 1:
            self._share()
        self.average.start_at(self.networks)
        self._still_sha256 = {name: _sha256(self.networks[name], still) for name, still in self._still.items() if still}

    def _share(self) -> None:
        """Give all processes the main one's weights and buffers; wrapping does it for moved parameters alone."""
        for network in self.networks.values():
            for tensor in network.state_dict().values():
                broadcast(tensor)

    def _optimiser(self, phase: Phase, config: TrainingConfig) -> torch.optim.AdamW:
        parameters = {id(p): p for name in phase.networks for p in self._moved[name]}
        decay = config.weight_decay
        return torch.optim.AdamW(parameters.values(), config.learning_rate, config.betas, weight_decay=decay)

    def turn(self, phase: Phase) -> Networks:
        """Return the networks for one phase: its own are wrapped and can move, all others are held still."""
        for parameters in self._moved.values():
            for parameter in parameters:
                parameter.requires_grad_(False)
        for name in phase.networks:
            for parameter in self._moved[name]:
                parameter.requires_grad_(True)
        return {name: (self._wrapped if name in phase.networks else self.networks)[name] for name in self.networks}

    def write(self, folder: Path) -> None:
        """Write the state's files into an empty folder."""
        for kind, networks in (("network", self.networks), ("average", self.average.networks)):
            for name, network in networks.items():
                save_file(_tensors(network, self._still[name]), folder / f"{kind}-{name}.safetensors")
        for name, optimiser in self.optimisers.items():
            torch.save(optimiser.state_dict(), folder / f"optimiser-{name}.pt")
        scaler = self._accelerator.scaler
        state = {
            "step": self.step,
            "window": self.window.state(),
            "scaler": None if scaler is None else scaler.state_dict(),
            "held_still_sha256": self._still_sha256,
        }
        (folder / _STATE).write_text(json.dumps(state, indent=1) + "\n", encoding="utf-8")

    def read(self, folder: Path) -> None:
        """Take the state from a checkpoint that was verified.

        Raises:
            ValueError: a file does not fit the networks or the optimisers, or weights that are held still have changed.
        """
        state = json.loads((folder / _STATE).read_text(encoding="utf-8"))
        for name, digest in state.get("held_still_sha256", {}).items():  # older checkpoints have the weights themselves
            if self._still_sha256.get(name) != digest:
                raise ValueError(
                    f"{folder}: the weights of {name} that are held still are not those of the run's start"
                )
        for kind, networks in (("network", self.networks), ("average", self.average.networks)):
            for name, network in networks.items():
                _fill(network, folder / f"{kind}-{name}.safetensors", self._still[name])
        for name, optimiser in self.optimisers.items():
            _resume(optimiser, folder / f"optimiser-{name}.pt")
        self.step = int(state["step"])
        self.window = Window(**state["window"])
        if self._accelerator.scaler is not None and state["scaler"]:
            self._accelerator.scaler.load_state_dict(state["scaler"])


def _names_held_still(network: nn.Module) -> frozenset[str]:
    parameters = network.named_parameters(remove_duplicate=False)
    return frozenset(name for name, value in parameters if not value.requires_grad)


def _sha256(network: nn.Module, names: frozenset[str]) -> str:
    digest, state = hashlib.sha256(), network.state_dict()
    for name in sorted(names):
        value = state[name].detach().cpu().contiguous()
        digest.update(json.dumps([name, str(value.dtype), list(value.shape)]).encode())
        digest.update(value.view(torch.uint8).numpy() if value.ndim else value.reshape(1).view(torch.uint8).numpy())
    return digest.hexdigest()


def _tensors(network: nn.Module, without: frozenset[str]) -> dict[str, torch.Tensor]:
    state = network.state_dict()
    return {name: state[name].detach().cpu().contiguous().clone() for name in state if name not in without}


def _fill(network: nn.Module, path: Path, without: frozenset[str]) -> None:
    """Fill a network; a file may lack the weights in `without`."""
    try:
        found = network.load_state_dict(load_file(path), strict=False)
        lacking = sorted(set(found.missing_keys) - without) + found.unexpected_keys
        if lacking:
            raise RuntimeError(f"{lacking[0]} is missing or too much")
    except (OSError, RuntimeError) as error:
        raise ValueError(f"{path} does not fit the network: {str(error).splitlines()[-1].strip()}") from error


def _resume(optimiser: Any, path: Path) -> None:
    try:
        optimiser.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
    except (OSError, RuntimeError, ValueError, KeyError, EOFError, UnpicklingError) as error:
        raise ValueError(f"{path} is no state of the optimiser ({type(error).__name__})") from error
