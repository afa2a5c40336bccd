"""What is learned: averaged weights, fixed validation, clipping, precision, turns, and a gradient step of one's own."""

import json
import math
from pathlib import Path

import pytest
import torch
from accelerate.tracking import LOGGER_TYPE_TO_CLASS, GeneralTracker
from clinsynth.generators.training import Phase, gradient_step
from clinsynth.generators.training.average import Average
from clinsynth.generators.training.draws import of_validation
from safetensors.torch import load_file
from training_toy import (
    N_VALIDATION,
    TOYS,
    D,
    ToyDenoiser,
    ToyExamples,
    ToyGan,
    end_state,
    mlp,
    same,
    toy_config,
    toy_fit,
    weights,
)


def lines(run: Path) -> list[dict]:
    return [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]


def saved(run: Path, kind: str, step: int, name: str = "denoiser") -> dict[str, torch.Tensor]:
    return load_file(run / "checkpoints" / f"step-{step:06d}" / f"{kind}-{name}.safetensors")


def test_the_average_is_the_recursion(tmp_path):
    run = tmp_path / "run"
    toy_fit(run, steps=6, checkpoint_every=1, keep_checkpoints=6, ema_decay=0.3)
    mean = ToyDenoiser().networks["denoiser"].state_dict()
    for t in range(6):
        now, decay = saved(run, "network", t + 1), min(0.3, (1 + t) / (10 + t))
        mean = {key: decay * mean[key] + (1 - decay) * now[key] for key in now}
        found = saved(run, "average", t + 1)
        assert all(torch.allclose(found[key], mean[key], atol=1e-6) for key in mean)
        assert not all(torch.allclose(found[key], now[key], atol=1e-6) for key in mean)


def test_the_average_is_what_comes_out(tmp_path):
    trainee = ToyDenoiser()
    report = toy_fit(tmp_path / "run", trainee)
    average, model = saved(tmp_path / "run", "average", 20), load_file(report.model / "denoiser.safetensors")
    step, drawn = trainee.grids[-1]
    assert step == 20 and [step for step, _ in trainee.grids] == [10, 20]
    for key, mean in average.items():
        assert torch.equal(model[key], mean) and torch.equal(drawn[f"denoiser.{key}"], mean)


def test_without_a_decay_the_last_weights_come_out(tmp_path):
    toy_fit(tmp_path / "run", ema_decay=None)
    last, model = saved(tmp_path / "run", "network", 20), load_file(tmp_path / "run" / "model" / "denoiser.safetensors")
    assert all(torch.equal(last[key], model[key]) for key in last)


def test_the_validation_loss_is_of_the_average_and_of_fixed_draws(tmp_path):
    report = toy_fit(tmp_path / "run", validate_every=7, steps=20)
    held, trainee = ToyExamples(N_VALIDATION, "held out", 2), ToyDenoiser()
    rows = torch.arange(N_VALIDATION).numpy()

    def loss(tensors):
        trainee.networks["denoiser"].load_state_dict(tensors)
        draws = of_validation(5, rows, torch.device("cpu"))
        return float(trainee.loss(trainee.networks, held.batch(rows), draws).mean().detach())

    assert report.validation_loss["denoise"] == pytest.approx(loss(saved(tmp_path / "run", "average", 20)), rel=1e-5)
    assert report.validation_loss["denoise"] != pytest.approx(loss(saved(tmp_path / "run", "network", 20)), rel=1e-3)
    logged = {line["step"]: line["validation_loss"] for line in lines(tmp_path / "run") if "validation_loss" in line}
    assert list(logged) == [7, 14, 20] and logged[20] == report.validation_loss


def test_weights_that_hardly_move_validate_alike_every_time(tmp_path):
    toy_fit(tmp_path / "run", learning_rate=1e-12, weight_decay=0.0, validate_every=2)
    losses = [line["validation_loss"]["denoise"] for line in lines(tmp_path / "run") if "validation_loss" in line]
    assert len(losses) == 10 and max(losses) - min(losses) < 1e-6


@pytest.mark.parametrize("toy", ["denoiser", "dropout"])
def test_it_learns(toy, tmp_path):
    report = toy_fit(tmp_path / "run", toy, steps=400, log_every=40, validate_every=400, checkpoint_every=400)
    losses = [line["loss"]["denoise"] for line in lines(tmp_path / "run")]
    assert losses[-1] < 0.7 * losses[0] and report.loss["denoise"] == losses[-1]
    assert report.validation_loss["denoise"] < 0.85 * losses[0]


def test_no_clip_and_a_tight_clip(tmp_path):
    norms = {}
    for clip in (None, 1e-3):
        run = tmp_path / str(clip)
        toy_fit(run, clip_norm=clip, steps=1, log_every=1)
        norms[clip] = lines(run)[0]["grad_norm"]["denoise"]
        state = torch.load(run / "checkpoints" / "step-000001" / "optimiser-denoise.pt", weights_only=True)["state"]
        first = torch.cat(
            [moments["exp_avg"].flatten() for moments in state.values()]
        ).norm()  # a tenth of the gradient
        expected = norms[clip] if clip is None else clip
        assert float(first) == pytest.approx(0.1 * expected, rel=1e-3)
    assert norms[None] == pytest.approx(norms[1e-3]) and norms[None] > 1e-2  # the logged norm is the one before


def test_the_rate_warms_up(tmp_path):
    toy_fit(tmp_path / "run", log_every=1, warmup_steps=4, steps=6)
    rates = [line["learning_rate"] for line in lines(tmp_path / "run")]
    assert rates == pytest.approx([0.0025, 0.005, 0.0075, 0.01, 0.01, 0.01])


def test_the_rate_falls_as_a_cosine_where_that_is_asked():
    config = toy_config(schedule="cosine", warmup_steps=4, steps=24)
    rates = [config.rate(step) / config.learning_rate for step in range(25)]
    assert rates[:5] == pytest.approx([0.25, 0.5, 0.75, 1.0, 1.0])
    assert rates[4:] == pytest.approx([0.5 * (1 + math.cos(math.pi * k / 20)) for k in range(21)])


def test_weights_that_are_held_still_are_in_no_checkpoint_and_are_not_copied(tmp_path):
    toy_fit(tmp_path / "whole", "encoded")
    toy_fit(tmp_path / "halted", "encoded", steps=9)
    toy_fit(tmp_path / "halted", "encoded")
    assert same(tmp_path / "whole", tmp_path / "halted")
    assert not saved(tmp_path / "whole", "network", 20, "encoder")
    changed = TOYS["encoded"]()
    with torch.no_grad():
        changed.networks["encoder"][0].weight.add_(1.0)
    with pytest.raises(ValueError, match="the weights of encoder that are held still are not those"):
        toy_fit(tmp_path / "halted", changed, steps=30)
    modules = TOYS["encoded"]().networks
    average = Average(modules, 0.9).networks
    assert average["encoder"][0].weight.data_ptr() == modules["encoder"][0].weight.data_ptr()
    assert average["denoiser"][0].weight.data_ptr() != modules["denoiser"][0].weight.data_ptr()


@pytest.mark.parametrize("toy", ["denoiser", "gan"])
def test_bf16_trains_near_full_precision_and_resumes(toy, tmp_path):
    toy_fit(tmp_path / "full", toy)
    toy_fit(tmp_path / "half", toy, mixed_precision="bf16")
    toy_fit(tmp_path / "again", toy, mixed_precision="bf16", steps=9)
    toy_fit(tmp_path / "again", toy, mixed_precision="bf16")
    assert not same(tmp_path / "full", tmp_path / "half") and same(tmp_path / "half", tmp_path / "again")
    assert same(tmp_path / "full", tmp_path / "half", within=0.1)
    assert all(v.dtype != torch.bfloat16 for v in end_state(tmp_path / "half").values())


def test_bf16_reaches_the_networks_and_not_the_average(tmp_path):
    seen = set()

    class Watched(ToyDenoiser):
        def loss(self, networks, batch, draws):
            network = networks["denoiser"]
            hook = network[0].register_forward_hook(lambda m, i, out: seen.add((network.training, out.dtype)))
            value = super().loss(networks, batch, draws)
            hook.remove()
            return value

    toy_fit(tmp_path / "run", Watched(), mixed_precision="bf16", steps=2)
    assert seen == {(True, torch.bfloat16), (False, torch.float32)}


def test_fp16_without_a_gpu_is_refused(tmp_path):
    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    with pytest.raises(ValueError, match="fp16 needs a GPU"):
        toy_fit(tmp_path / "run", mixed_precision="fp16")


def test_a_phase_moves_its_own_networks_only(tmp_path):
    class CriticAlone(ToyGan):
        def __init__(self):
            super().__init__()
            self.phases = self.phases[:1]

    before, trainee = weights(ToyGan().networks), CriticAlone()
    toy_fit(tmp_path / "run", trainee, steps=3)
    after = {name: saved(tmp_path / "run", "network", 3, name) for name in ("generator", "critic")}
    assert all(torch.equal(after["generator"][k], before[f"generator.{k}"]) for k in after["generator"])
    assert not any(torch.equal(after["critic"][k], before[f"critic.{k}"]) for k in after["critic"] if "2" not in k[:1])


def test_the_other_networks_get_no_gradient_in_a_turn(tmp_path):
    def watching(accelerator, phase, networks, optimiser, micro_batches, config):
        values = gradient_step(accelerator, phase, networks, optimiser, micro_batches, config)
        for name, network in networks.items():
            moves = name in phase.networks
            assert all(p.requires_grad == moves for p in network.parameters())
        return values

    toy_fit(tmp_path / "run", "gan", gradient_step=watching, steps=2)


def test_the_trainees_own_networks_stay_as_they_are(tmp_path):
    trainee = ToyDenoiser()
    before = weights(trainee.networks)
    toy_fit(tmp_path / "one", trainee, mixed_precision="bf16", steps=3)
    after = weights(trainee.networks)
    assert all(torch.equal(before[key], after[key]) for key in before)
    assert trainee.networks["denoiser"].forward.__func__ is torch.nn.Sequential.forward
    toy_fit(tmp_path / "two", trainee, mixed_precision="bf16", steps=3)
    assert same(tmp_path / "one", tmp_path / "two")


def test_the_gradient_step_can_be_replaced(tmp_path):
    """A step of one's own: gradients of single examples, each clipped, as private training takes them."""
    seen = []

    def each_clipped(accelerator, phase, networks, optimiser, micro_batches, config):
        parameters = [p for group in optimiser.param_groups for p in group["params"]]
        sums, total = [torch.zeros_like(p) for p in parameters], 0.0
        for micro in micro_batches:
            losses = phase.loss(networks, micro.batch, micro.draws)
            total += float(losses.detach().sum())
            for loss in losses:
                gradient = torch.autograd.grad(loss, parameters, retain_graph=True)
                norm = torch.cat([g.flatten() for g in gradient]).norm()
                for kept, g in zip(sums, gradient, strict=True):
                    kept += g * min(1.0, 0.5 / float(norm))
        for parameter, kept in zip(parameters, sums, strict=True):
            parameter.grad = kept / config.batch_size
        optimiser.step()
        seen.append(len(micro_batches))
        return {"loss": total / config.batch_size, "clipped_to": 0.5}

    toy_fit(tmp_path / "run", gradient_step=each_clipped, accumulation=2)
    assert seen == [2] * 20 and lines(tmp_path / "run")[0]["clipped_to"] == {"denoise": 0.5}
    toy_fit(tmp_path / "again", gradient_step=each_clipped, accumulation=2, steps=11)
    toy_fit(tmp_path / "again", gradient_step=each_clipped, accumulation=2)
    assert same(tmp_path / "run", tmp_path / "again")
    toy_fit(tmp_path / "plain", accumulation=2)
    assert not same(tmp_path / "run", tmp_path / "plain", within=1e-4)


def test_divergence_is_told_and_never_kept(tmp_path):
    class Bursting(ToyDenoiser):
        def loss(self, networks, batch, draws):
            value = super().loss(networks, batch, draws)
            return value * math.nan if networks["denoiser"].training and next(self.count) == 12 else value

    trainee = Bursting()
    trainee.count = iter(range(100))
    with pytest.raises(ValueError, match="training diverged at step 13: loss of phase 'denoise' is nan"):
        toy_fit(tmp_path / "run", trainee)
    assert [p.name for p in (tmp_path / "run" / "checkpoints").iterdir()] == ["step-000010"]


def test_a_loss_that_is_not_one_number_per_example_is_refused(tmp_path):
    class Mean(ToyDenoiser):
        def loss(self, networks, batch, draws):
            return super().loss(networks, batch, draws).mean()

    with pytest.raises(ValueError, match=r"phase 'denoise' has shape \(\); it should be \(8,\)"):
        toy_fit(tmp_path / "run", Mean())


def test_trainees_that_do_not_fit_together_are_refused(tmp_path):
    loss = ToyDenoiser().loss
    cases = {
        "no network; there are: denoiser": (Phase("denoise", ("unet",), loss),),
        "no parameter": (Phase("denoise", (), loss),),
        "different names": (Phase("a", ("denoiser",), loss), Phase("a", ("denoiser",), loss)),
        "lower snake case": (Phase("../a", ("denoiser",), loss),),
        "phases": (),
    }
    for said, phases in cases.items():
        trainee = ToyDenoiser()
        trainee.phases = phases
        with pytest.raises(ValueError, match=said):
            toy_fit(tmp_path / "run", trainee)
    assert not (tmp_path / "run").exists()


def test_patients_on_both_sides_and_empty_data_are_refused(tmp_path):
    with pytest.raises(ValueError, match="5 patients are in both.*'held out-0' is one.*split by patient"):
        toy_fit(tmp_path / "run", train=ToyExamples(30, "held out", 1))
    with pytest.raises(ValueError, match="training data have no rows"):
        toy_fit(tmp_path / "run", train=Empty(1, "a", 1))
    nameless = ToyExamples(9, "a", 1)
    nameless.patients = ["a"]
    with pytest.raises(ValueError, match="1 patients for 9 rows"):
        toy_fit(tmp_path / "run", train=nameless)


class Empty(ToyExamples):
    def __len__(self):
        return 0

    def __bool__(self):
        return True


def test_it_trains_without_validation_data(tmp_path):
    report = toy_fit(tmp_path / "run", validate=False, steps=3)
    assert report.validation_loss == {} and report.model.is_dir()
    assert not any("validation_loss" in line for line in lines(tmp_path / "run"))


def test_networks_may_share_parameters_and_hold_buffers(tmp_path):
    class Tied(ToyDenoiser):
        def __init__(self):
            super().__init__()
            second = mlp(D + 2, D, 2)
            second[0] = self.networks["denoiser"][0]
            second.register_buffer("seen", torch.zeros(()))
            self.networks = self.networks | {"second": second}
            self.phases = (Phase("denoise", ("denoiser", "second"), self.both),)

        def both(self, networks, batch, draws):
            if networks["second"].training:
                networks["second"].seen += 1
            return self.loss(networks, batch, draws) + self.loss({"denoiser": networks["second"]}, batch, draws)

    toy_fit(tmp_path / "run", Tied())
    toy_fit(tmp_path / "again", Tied(), steps=7)
    toy_fit(tmp_path / "again", Tied())
    assert same(tmp_path / "run", tmp_path / "again")
    assert saved(tmp_path / "run", "average", 20, "second")["seen"] == 20
    one, two = (saved(tmp_path / "run", "network", 20, name)["0.weight"] for name in ("denoiser", "second"))
    assert torch.equal(one, two)


def test_a_tracker_is_told_and_closed(tmp_path, monkeypatch):
    told = []

    class Notes(GeneralTracker):
        name = "notes"
        requires_logging_directory = False
        main_process_only = True

        def __init__(self, run_name, **options):
            super().__init__()
            told.append(run_name)

        @property
        def tracker(self):
            return self

        def store_init_configuration(self, values):
            told.append(values)

        def log(self, values, step=None, **options):
            told.append((step, values))

        def finish(self):
            told.append("finished")

    monkeypatch.setitem(LOGGER_TYPE_TO_CLASS, "notes", Notes)
    toy_fit(tmp_path / "run", trackers=("notes",), steps=6)
    name, settings, first, second, end = told
    assert name == "clinsynth" and settings["learning_rate"] == 0.01 and end == "finished"
    assert first[0] == 3 and first[1]["loss/denoise"] == lines(tmp_path / "run")[0]["loss"]["denoise"]
    assert second[0] == 6 and "validation_loss/denoise" in second[1]


def test_an_unknown_tracker_is_refused_before_anything_is_written(tmp_path):
    with pytest.raises(ValueError, match="trackers: 'weights_and_biasses' is not installed or not known"):
        toy_fit(tmp_path / "run", trackers=("weights_and_biasses",))
    assert not (tmp_path / "run").exists()


def test_the_caller_is_told_every_line(tmp_path):
    told = []
    toy_fit(tmp_path / "run", on_log=told.append)
    assert told == lines(tmp_path / "run")
