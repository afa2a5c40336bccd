"""A tiny generator to train, made data, and a command line that trains it in a process that can be killed."""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
from pathlib import Path

import numpy as np
import torch
from clinsynth.generators.training import Phase, TrainingConfig, fit, gradient_step
from safetensors.torch import load_file, save_file
from torch import nn

N_TRAIN, N_VALIDATION, D = 23, 9, 3


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class ToyExamples:
    """Points on a bent sheet, three numbers each, one or two rows per patient."""

    def __init__(self, n: int, patient: str, seed: int) -> None:
        source = np.random.default_rng(seed)
        u = source.normal(size=(n, 2))
        self._x = np.stack([u[:, 0], u[:, 1], np.sin(u).sum(1)], 1).astype(np.float32)
        self._c = u[:, :1].astype(np.float32)
        self.patients = [f"{patient}-{i // 2}" for i in range(n)]
        self.asked: list[int] = []

    def __len__(self) -> int:
        return len(self._x)

    def batch(self, rows):
        self.asked += rows.tolist()
        return {"x": torch.from_numpy(self._x[rows]), "c": torch.from_numpy(self._c[rows])}


def mlp(n_in: int, n_out: int, seed: int, dropout: float = 0.0) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        layers = [nn.Linear(n_in, 16), nn.SiLU(), nn.Dropout(dropout), nn.Linear(16, n_out)]
        return nn.Sequential(*layers)


class ToyDenoiser:
    """Predicts noise from a noised point, its noise level and a condition."""

    def __init__(self, dropout: float = 0.0) -> None:
        self.networks = {"denoiser": mlp(D + 2, D, 1, dropout)}
        self.phases = (Phase("denoise", ("denoiser",), self.loss),)
        self.grids: list[tuple[int, dict[str, torch.Tensor]]] = []

    def loss(self, networks, batch, draws):
        t = draws.uniform("t", (1,))
        eps = draws.normal("eps", (D,))
        xt = torch.sqrt(1 - t) * batch["x"] + torch.sqrt(t) * eps
        return (networks["denoiser"](torch.cat([xt, t, batch["c"]], 1)) - eps).square().mean(1)

    def sample_grid(self, networks, folder, step):
        self.grids.append((step, weights(networks)))
        (folder / f"step-{step:06d}.png").write_bytes(b"a picture")

    def save_pretrained(self, folder, networks):
        folder.mkdir()
        for name, network in networks.items():
            save_file(network.state_dict(), folder / f"{name}.safetensors")


class Block(nn.Module):
    """A residual block whose parameters do not divide by two."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.inner = nn.Sequential(nn.Linear(width, 2 * width), nn.SiLU(), nn.Linear(2 * width, width))

    def forward(self, x):
        return x + self.inner(self.norm(x))


class ToyBlocks(ToyDenoiser):
    """Denoises by several blocks after an encoder that partly moves and a frozen one; the processes start apart."""

    def __init__(self) -> None:
        super().__init__()
        rank = int(os.environ.get("RANK", "0"))
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(1 + rank)
            blocks = nn.ModuleList([Block(15) for _ in range(3)])
            denoiser = nn.Sequential(nn.Linear(D + 3, 15), nn.Sequential(*blocks), nn.Linear(15, D))
        encoder, frozen = mlp(1, 1, 2 + rank), mlp(1, 1, 3 + rank).requires_grad_(False)
        encoder[0].requires_grad_(False)
        encoder.register_buffer("scale", torch.tensor(2.0), persistent=False)
        self.networks = {"denoiser": denoiser, "encoder": encoder, "frozen": frozen}
        self.phases = (Phase("denoise", ("denoiser", "encoder"), self.loss),)

    def loss(self, networks, batch, draws):
        c = torch.cat([networks["encoder"](batch["c"]), networks["frozen"](batch["c"])], 1)
        return super().loss(networks, batch | {"c": c}, draws)


class ToyGan(ToyDenoiser):
    """A generator and a critic in turn, the critic with a gradient penalty at the real points."""

    def __init__(self) -> None:
        self.networks = {"generator": mlp(3, D, 1), "critic": mlp(D + 1, 1, 2)}
        self.phases = (
            Phase("critic", ("critic",), self.critic_loss),
            Phase("generator", ("generator",), self.generator_loss),
        )
        self.grids = []

    def critic_loss(self, networks, batch, draws):
        real = batch["x"].clone().requires_grad_()
        score = networks["critic"](torch.cat([real, batch["c"]], 1))
        fake = self.fake(networks, batch, draws).detach()
        other = networks["critic"](torch.cat([fake, batch["c"]], 1))
        (slope,) = torch.autograd.grad(score.sum(), real, create_graph=True)
        return (nn.functional.softplus(-score) + nn.functional.softplus(other))[:, 0] + slope.square().sum(1)

    def generator_loss(self, networks, batch, draws):
        fake = self.fake(networks, batch, draws)
        return nn.functional.softplus(-networks["critic"](torch.cat([fake, batch["c"]], 1)))[:, 0]

    def fake(self, networks, batch, draws):
        return networks["generator"](torch.cat([draws.normal("z", (2,)), batch["c"]], 1))


class ToyEncoded(ToyDenoiser):
    """Denoises after a frozen encoder; every process but the first starts with other weights."""

    def __init__(self) -> None:
        super().__init__()
        rank = int(os.environ.get("RANK", "0"))
        self.networks = {"denoiser": mlp(D + 2, D, 1 + rank), "encoder": mlp(1, 1, 2 + rank).requires_grad_(False)}

    def loss(self, networks, batch, draws):
        return super().loss(networks, batch | {"c": networks["encoder"](batch["c"])}, draws)


TOYS = {
    "denoiser": ToyDenoiser,
    "dropout": lambda: ToyDenoiser(0.3),
    "gan": ToyGan,
    "encoded": ToyEncoded,
    "blocks": ToyBlocks,
}


def toy_config(**changes) -> TrainingConfig:
    settings = dict(
        seed=5, steps=20, batch_size=8, learning_rate=1e-2, warmup_steps=4, weight_decay=1e-2, ema_decay=0.9
    )
    settings |= dict(log_every=3, validate_every=10, sample_every=10, checkpoint_every=10)
    return TrainingConfig.model_validate(settings | changes)


def toy_fit(run: Path, toy="denoiser", validate=True, model_config=None, **options):
    """Train a toy; settings of TrainingConfig and arguments of `fit` as keywords."""
    arguments = ("resume", "gradient_step", "stop", "on_log")
    trainee = TOYS[toy]() if isinstance(toy, str) else toy
    train = options.pop("train", None) or ToyExamples(N_TRAIN, "train", 1)
    validation = ToyExamples(N_VALIDATION, "held out", 2) if validate else None
    config = toy_config(**{k: v for k, v in options.items() if k not in arguments})
    given = {k: v for k, v in options.items() if k in arguments}
    return fit(trainee, train, validation, config, Path(run), model_config=model_config or {"width": 16}, **given)


def weights(networks) -> dict[str, torch.Tensor]:
    return {f"{n}.{k}": v.detach().clone() for n, net in networks.items() for k, v in net.state_dict().items()}


def end_state(run: Path) -> dict[str, torch.Tensor]:
    """Everything in the newest checkpoint, flat: weights, average and optimisers; and the model."""
    newest = sorted(path for path in (Path(run) / "checkpoints").iterdir())[-1]
    found = {}
    for path in [*newest.glob("*.safetensors"), *(Path(run) / "model").glob("*.safetensors")]:
        found |= {f"{path.parent.name}/{path.name}/{k}": v for k, v in load_file(path).items()}
    for path in newest.glob("*.pt"):
        for i, moments in torch.load(path, weights_only=True)["state"].items():
            found |= {f"{path.name}/{i}/{k}": v for k, v in moments.items()}
    assert any("optimiser" in key for key in found) and any("average" in key for key in found)
    return found


def same(a: Path, b: Path, within: float = 0.0) -> bool:
    """Whether two runs ended in the same state, bit for bit or within a tolerance."""
    one, two = end_state(a), end_state(b)
    assert one.keys() == two.keys()
    if within:
        return all(torch.allclose(one[k], two[k], rtol=0, atol=within) for k in one if not k.startswith("optimiser"))
    return all(torch.equal(one[k], two[k]) for k in one)


def killed_at_step(step: int):
    """A gradient step that ends its process, as a kill does, at the given call."""
    calls = []

    def step_or_die(*arguments):
        calls.append(1)
        if len(calls) > step:
            os.kill(os.getpid(), signal.SIGKILL)
        return gradient_step(*arguments)

    return step_or_die


def kill_at_event(number: int) -> None:
    """Kill this process at the given step of writing checkpoints; the steps are counted on standard output."""
    from clinsynth.generators.training import steps

    real, passed = steps.Disk, []

    def event(stage, path):
        passed.append(stage)
        print(stage, path.name, flush=True)
        if len(passed) == number:
            os.kill(os.getpid(), signal.SIGKILL)

    steps.Disk = lambda: real(event)


def numbers_held(state) -> dict[str, int]:
    """How many numbers of the moving weights, gradients, moments and averages this process has in memory."""

    def count(tensors) -> int:
        parts = [t.to_local() if hasattr(t, "to_local") else t for t in tensors if t is not None and t.ndim]
        stores = {s.data_ptr(): s.nbytes() // 4 for s in (part.untyped_storage() for part in parts)}
        return sum(stores.values())

    moving = {name: [p for p in net.parameters() if p.requires_grad] for name, net in state.networks.items()}
    means = [
        mean
        for name, net in state.average.networks.items()
        for mean, now in zip(net.parameters(), state.networks[name].parameters(), strict=True)
        if now.requires_grad
    ]
    weights = [p for parameters in moving.values() for p in parameters]
    moments = [m for o in state.optimisers.values() for of in o.state_dict()["state"].values() for m in of.values()]
    return {
        "weights": count(weights),
        "gradients": count(p.grad for p in weights),
        "moments": count(moments),
        "averages": count(means),
    }


def write_numbers_held() -> None:
    """Let each process write beside a run, after every step, what it holds."""
    from clinsynth.generators.training.state import TrainingState

    real = TrainingState.put_away

    def put_away(state) -> None:
        real(state)
        run = state._accelerator.project_dir
        Path(f"{run}-held-{os.environ['RANK']}.json").write_text(json.dumps(numbers_held(state)))

    TrainingState.put_away = put_away


def fit_each(folder: Path, cases: list[dict]) -> None:
    """Train one run after another in these processes, each as its environment says; a refusal goes into a file."""
    write_numbers_held()
    for case in cases:
        case = dict(case)
        name, environment = case.pop("name"), case.pop("environment")
        for key in [key for key in os.environ if key.startswith(("FSDP_", "ACCELERATE_USE_FSDP"))]:
            del os.environ[key]
        os.environ.update(environment)
        try:
            toy_fit(folder / name, **case)
        except ValueError as error:
            (folder / f"{name}-refused-{os.environ['RANK']}").write_text(str(error))


if __name__ == "__main__":
    options = json.loads(sys.argv[2])
    if isinstance(options, list):
        fit_each(Path(sys.argv[1]), options)
        sys.exit()
    if die := options.pop("die_at_step", None):
        options["gradient_step"] = killed_at_step(die)
    if event := options.pop("die_at_event", None):
        kill_at_event(event)
    toy_fit(Path(sys.argv[1]), **options)
