"""Everything that a step changes: weights, their average, the optimisers and the step count.

Weights that are held still are the trainee's own: a checkpoint has their hash instead of them. Its files hold whole
tensors, whether one process had them or each a share: any number of processes goes on from them.
"""

from __future__ import annotations

import copy
import hashlib
import json
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
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
from .sharding import Sharding, check_shardable, cut_up, put_away
from .shares import gathered, share_of
from .trainee import Networks, Phase, Trainee

_STATE = "state.json"


class TrainingState:
    """A run's state, on this process's device.

    Attributes:
        step: steps done.
        networks: the networks being trained, without the wrapping for many processes; under FSDP those that move hold
            shares of their weights.
        average: their average over the steps.
        optimisers: one per phase.
        window: sums for the next line of the log.
    """

    def __init__(
        self, accelerator: Accelerator, trainee: Trainee, config: TrainingConfig, sharding: Sharding | None = None
    ) -> None:
        """Start at the trainee's weights, which stay as they are.

        Raises:
            ValueError: `sharding` cannot cut the networks.
        """
        self.step = 0
        self.window = Window()
        self._accelerator, self._sharding = accelerator, sharding
        modules: dict[str, nn.Module] = copy.deepcopy(dict(trainee.networks))
        mover = {name for phase in trainee.phases for name in phase.networks}
        moving = {name for name in mover if any(p.requires_grad for p in modules[name].parameters())}
        for name, module in modules.items():
            module.train()
            if sharding is None or name not in moving:  # what is cut up need not fit a device whole
                module.to(accelerator.device)
        if accelerator.num_processes > 1:
            _agree(modules, accelerator.device)
        # Before Accelerate patches `forward`: a copy made after that would run the original's weights.
        self.average = Average(modules, config.ema_decay)
        self._still = {name: _names_held_still(net) for name, net in modules.items()}
        self._still_sha256 = {name: _sha256(modules[name], still) for name, still in self._still.items() if still}
        self._wrapped = _wrapped(accelerator, modules, moving if sharding is None else set())
        self.networks = {name: accelerator.unwrap_model(net) for name, net in self._wrapped.items()}
        if sharding is not None:
            self._cut_up(sharding, {name: modules[name] for name in modules if name in moving}, len(trainee.phases))
        self._moved = {name: [p for p in net.parameters() if p.requires_grad] for name, net in self.networks.items()}
        self.optimisers: dict[str, Any] = {
            phase.name: accelerator.prepare_optimizer(self._optimiser(phase, config)) for phase in trainee.phases
        }

    def _cut_up(self, sharding: Sharding, networks: dict[str, nn.Module], phases: int) -> None:
        check_shardable(networks, sharding)
        for network in networks.values():
            cut_up(network, sharding, phases)
        self.average.share(networks, self._accelerator.device)

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

    def put_away(self) -> None:
        """Drop whole weights that a phase has left lying, after its optimiser has moved their shares."""
        if self._sharding is not None:
            put_away(self.networks.values())

    @contextmanager
    def averaged(self, everywhere: bool) -> Iterator[Networks]:
        """Yield the averaged networks; every process must enter.

        Args:
            everywhere: whether all processes call them, or the main one alone.
        """
        with self.average.whole(everywhere or self._accelerator.is_main_process) as networks:
            yield networks

    def content(self) -> dict[str, Any]:
        """Return what a checkpoint's files hold by their names; every process must ask, the main one gets it whole."""
        files: dict[str, Any] = {}
        for kind, networks in (("network", self.networks), ("average", self.average.networks)):
            for name, network in networks.items():
                state = network.state_dict()
                files[f"{kind}-{name}.safetensors"] = {k: state[k] for k in state if k not in self._still[name]}
        files |= {f"optimiser-{name}.pt": optimiser.state_dict() for name, optimiser in self.optimisers.items()}
        whole: dict[str, Any] = gathered(files, self._accelerator.is_main_process)
        return whole

    def write(self, folder: Path, content: Mapping[str, Any]) -> None:
        """Write the state's files into an empty folder, in the main process."""
        for name, value in content.items():
            if name.endswith(".pt"):
                torch.save(value, folder / name)
            else:
                save_file({k: v.detach().cpu().contiguous().clone() for k, v in value.items()}, folder / name)
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


def _agree(networks: Mapping[str, nn.Module], device: torch.device) -> None:
    """Give all processes the main one's weights and buffers; wrapping does it for moved parameters alone."""
    for network in networks.values():
        for tensor in network.state_dict().values():
            tensor.copy_(broadcast(tensor.to(device)))


def _wrapped(accelerator: Accelerator, networks: Mapping[str, nn.Module], parallel: set[str]) -> dict[str, Any]:
    """Return networks in the precision asked for, those named in `parallel` wrapped for many processes."""
    with warnings.catch_warnings():  # torch 2.13 gives `broadcast_buffers` another name, which older ones lack
        warnings.filterwarnings("ignore", message="`broadcast_buffers`", category=FutureWarning)
        return {
            name: accelerator.prepare_model(network, device_placement=False, evaluation_mode=name not in parallel)
            for name, network in networks.items()
        }


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


def _fill(network: nn.Module, path: Path, without: frozenset[str]) -> None:
    """Fill a network; a file may lack the weights in `without`."""
    try:
        have = network.state_dict()
        given = {k: share_of(value, have[k]) if k in have else value for k, value in load_file(path).items()}
        found = network.load_state_dict(given, strict=False)
        lacking = sorted(set(found.missing_keys) - without) + found.unexpected_keys
        if lacking:
            raise RuntimeError(f"{lacking[0]} is missing or too much")
    except (OSError, RuntimeError) as error:
        raise ValueError(f"{path} does not fit the network: {str(error).splitlines()[-1].strip()}") from error


def _resume(optimiser: Any, path: Path) -> None:
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        parameters = [p for group in optimiser.param_groups for p in group["params"]]
        for i, moments in state["state"].items():
            moments |= {k: share_of(v, parameters[i]) for k, v in moments.items() if isinstance(v, torch.Tensor)}
        optimiser.load_state_dict(state)
    except (OSError, RuntimeError, ValueError, TypeError, LookupError, EOFError, UnpicklingError) as error:
        raise ValueError(f"{path} is no state of the optimiser ({type(error).__name__})") from error
