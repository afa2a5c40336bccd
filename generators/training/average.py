"""The average of the weights over the steps: what is validated, sampled from and saved."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import torch
from torch import Tensor, nn

from .shares import local, made_whole, take_shares
from .trainee import Networks


class Average:
    """Copies of networks that follow them as an exponential moving average; buffers are copied.

    Parameters that are held still are not copied: both have the same. Where processes hold shares of the networks'
    weights they hold the same shares of the average.

    Attributes:
        networks: the averaged networks, in evaluation mode and without gradients; call them as `whole` yields them.
    """

    def __init__(self, networks: dict[str, nn.Module], decay: float | None) -> None:
        """Start at the networks' weights; without a decay the copies are the networks' latest weights."""
        self.networks: dict[str, nn.Module] = copy.deepcopy(networks)
        for name, network in self.networks.items():
            network.eval().requires_grad_(False)
            for mean, now in zip(network.parameters(), networks[name].parameters(), strict=True):
                if not now.requires_grad:
                    mean.data = now.data  # what is held still needs no memory of its own
        self._decay = decay
        # To look for them at every step costs as much as small steps do.
        self._pairs: tuple[list[Tensor], list[Tensor]] | None = None
        self._holders: list[tuple[nn.Module, nn.Module, str]] = []

    def decay(self, t: int) -> float:
        """Return the share of the past that step t (from 0) keeps: min(decay, (1 + t) / (10 + t))."""
        return 0.0 if self._decay is None else min(self._decay, (1 + t) / (10 + t))

    @torch.no_grad()
    def follow(self, networks: Networks, t: int) -> None:
        """Take in the weights after step t, counted from 0; `networks` are the same at every call."""
        if self._pairs is None:
            pairs = list(self._parameters(networks))
            self._pairs = [mean for mean, _ in pairs], [now for _, now in pairs]
            self._holders = list(self._buffers(networks))
        if self._pairs[0]:
            torch._foreach_lerp_(*self._pairs, 1 - self.decay(t))
        for holder, of, name in self._holders:
            holder.get_buffer(name).copy_(of.get_buffer(name))

    def share(self, networks: Networks, device: torch.device) -> None:
        """Keep shares of the weights of `networks`, which have been cut up since they were copied."""
        for name, network in networks.items():
            take_shares(self.networks[name], network, device)

    @contextmanager
    def whole(self, keep: bool) -> Iterator[Networks]:
        """Yield the averaged networks with whole weights; every process must enter.

        Args:
            keep: whether this process calls them; else it only hands over its shares.
        """
        with ExitStack() as stack:
            for network in self.networks.values():
                stack.enter_context(made_whole(network, keep))
            yield self.networks

    def _buffers(self, networks: Networks) -> Iterator[tuple[nn.Module, nn.Module, str]]:
        """Yield the modules that hold a buffer: a module may put another tensor in its place."""
        for name, network in self.networks.items():
            for mean, now in zip(network.modules(), networks[name].modules(), strict=True):
                yield from ((mean, now, key) for key, _ in mean.named_buffers(recurse=False))

    def _parameters(self, networks: Networks) -> Iterator[tuple[Tensor, Tensor]]:
        seen: set[int] = set()
        for name, network in self.networks.items():
            for mean, now in zip(network.parameters(), networks[name].parameters(), strict=True):
                mine, new = local(mean), local(now)
                if id(mean) not in seen and mine.data_ptr() != new.data_ptr():  # networks may share parameters
                    seen.add(id(mean))
                    yield mine, new
