"""A run learns, keeps to its recipe, and leaves what it promises."""

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from small_runs import Steps, small_job
from torch import nn

import promptda
from promptda.network import Architecture
from recon.errors import UsageError, WeightsError
from train import checkpoints, starting
from train.averaging import Average
from train.checkpoints import State
from train.journal import sheet
from train.lightning_module import Training, parameter_groups, rate_share, without_prompt
from train.recipes.assignments import changed
from train.recipes.catalogue import recipe_named
from train.recipes.recipe import Optimisation
from train.run import order, train
from train.smoke import MadeBoxes, require_learning, smoke_job
from train.validation import score, summary
from train.watch import Pace, Record


def test_a_run_learns_and_leaves_its_folder(tmp_path: Path) -> None:
    job = small_job(tmp_path, "steps=25", "optimisation.rate=0.01", "optimisation.average=0", "optimisation.ramp=0")
    job = replace(job, held_out=job.data, pace=Pace(log_steps=1, validation_steps=20, validation_pictures=2))
    outcome = train(job)
    assert (outcome.step, outcome.reason) == (25, None)
    require_learning(outcome.record)
    told = json.loads((tmp_path / "metrics.json").read_text())
    assert told["step"] == 25
    assert [row["step"] for row in told["history"]] == list(range(1, 26))
    assert [row["step"] for row in told["validation"]] == [20, 25]
    assert {"l1", "rmse", "abs_rel", "d0.5", "edge_f", "l1_ratio", "prompt_l1"} <= set(told["validation"][-1])
    assert told["recipe"]["optimisation.rate"] == 0.01
    assert any((tmp_path / "tensorboard").iterdir())
    batch = order(job, job.data, is_held_out=True).batch(0)
    network = promptda.load(tmp_path / "weights.safetensors")
    with torch.no_grad():
        assert network(batch.image, batch.prompt, batch.trust).depth.shape == batch.target.shape


def test_what_is_delivered_is_the_average(tmp_path: Path) -> None:
    train(small_job(tmp_path, "steps=3", "optimisation.average=0.9"))
    state = _state(tmp_path)
    delivered = promptda.load(tmp_path / "weights.safetensors").state_dict()
    for name, tensor in delivered.items():
        assert torch.equal(tensor, state.tensors[f"average/{name}"])
    assert any(not torch.equal(tensor, state.tensors[f"weights/{name}"]) for name, tensor in delivered.items())


def test_the_average_follows_its_formula() -> None:
    network = nn.Linear(1, 1, bias=False)
    average = Average(network, decay=0.5)
    expected = network.weight.item()
    for step in range(1, 30):
        with torch.no_grad():
            network.weight.fill_(float(step))
        average.update(step)
        decay = min(0.5, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay) * step
    with average.in_place():
        assert network.weight.item() == pytest.approx(expected, rel=1e-5)
    assert network.weight.item() == 29


@pytest.mark.parametrize("schedule", ["constant", "cosine"])
def test_rates_rise_and_fall_as_told(schedule: str) -> None:
    settings = Optimisation(schedule=schedule, ramp=10)  # type: ignore[arg-type]
    shares = [rate_share(step, 100, settings) for step in range(100)]
    assert shares[0] == pytest.approx(0.1)
    assert shares[9] == pytest.approx(1.0 if schedule == "constant" else (1 + math.cos(math.pi * 0.09)) / 2)
    assert max(shares) <= 1
    if schedule == "cosine":
        assert shares[50] == pytest.approx(0.5)
        assert shares[-1] < 0.001
    else:
        assert shares[-1] == 1


def test_encoder_and_all_else_are_trained_at_their_own_rates() -> None:
    network = starting.start(changed(recipe_named("lite"), ["foundation=none", "architecture.width=3"]), 0)
    encoder, rest = parameter_groups(network, Optimisation(encoder_rate=1e-6, rate=1e-3))
    assert (encoder["lr"], rest["lr"]) == (1e-6, 1e-3)
    assert {id(p) for p in encoder["params"]} == {id(p) for p in network.encoder.parameters()}
    assert {id(p) for p in (*encoder["params"], *rest["params"])} == {id(p) for p in network.parameters()}


def test_the_warm_up_trains_without_the_prompt_and_what_follows_with_it(tmp_path: Path) -> None:
    recipe = replace(recipe_named("paper-vits"), architecture=Architecture("lite0", 4))
    small = changed(
        recipe,
        ["foundation=none", "pictures.shapes=[[32, 32, 8, 8]]", "pictures.simulation=naive", "warm_up=2", "steps=2"],
    )
    network = starting.start(small, 0)
    for is_warm_up, moves in ((True, False), (False, True)):
        training = Training(network, small, is_warm_up, 0, lambda *place: [])
        assert all(p.requires_grad is moves for p in network.prompting.parameters())
        assert (training.first, training.last) == ((0, 2) if is_warm_up else (2, 4))
    start = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    job = small_job(tmp_path, recipe=small, minutes=0.0)
    for step in (1, 2, 3):
        assert train(job).step == step
        weights = {
            name.removeprefix("weights/"): tensor
            for name, tensor in _state(tmp_path).tensors.items()
            if name.startswith("weights/")
        }
        moved = {name.split(".")[0] for name in weights if not torch.equal(weights[name], start[name])}
        assert {"encoder", "decoder", "head"} <= moved
        assert ("prompting" in moved) is (step > 2)


def _state(out: Path) -> State:
    state = checkpoints.read(out / "state")
    assert state is not None
    return state


def test_without_its_prompt_the_network_knows_the_median_alone(tmp_path: Path) -> None:
    job = small_job(tmp_path, "prompted=false")
    batch = order(job, job.data, is_held_out=True).batch(0)
    training = Training(starting.start(job.recipe, 0).eval(), job.recipe, False, 0, lambda *place: [])
    shuffled = replace(batch, prompt=batch.prompt.flip(-1, -2), trust=batch.trust.flip(-1, -2))
    with torch.no_grad():
        assert torch.equal(training.predict(batch).depth, training.predict(shuffled).depth)
        seen = replace(job.recipe, prompted=True)
        sighted = Training(training.network, seen, False, 0, lambda *place: [])
        assert not torch.equal(sighted.predict(batch).depth, sighted.predict(shuffled).depth)
    medians = without_prompt(batch).prompt.flatten(1)
    assert (medians == medians[:, :1]).all()


def test_batch_statistics_of_a_pretrained_encoder_stay(tmp_path: Path) -> None:
    network = starting.start(changed(recipe_named("lite"), ["foundation=none", "architecture.width=3"]), 0)
    for foundation, trains in (("imagenet", False), (None, True)):
        recipe = replace(recipe_named("lite"), architecture=network.architecture, foundation=foundation)
        training = Training(network, recipe, False, 0, lambda *place: [])
        assert network.encoder.training is trains
        training.eval()
        training.train()
        assert network.encoder.training is trains
        assert network.head.training
        assert all(parameter.requires_grad for parameter in network.encoder.parameters())


def test_the_same_seed_starts_with_the_same_weights() -> None:
    recipe = changed(recipe_named("lite"), ["foundation=none", "architecture.width=3"])
    before = torch.get_rng_state()
    first, again, other = (starting.start(recipe, seed).state_dict() for seed in (1, 1, 2))
    assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert any(not torch.equal(first[name], other[name]) for name in first)


def test_a_run_may_start_from_a_network_of_ours(tmp_path: Path) -> None:
    recipe = changed(recipe_named("lite"), ["foundation=none", "architecture.width=3"])
    network = starting.start(recipe, 5)
    path = tmp_path / "weights.safetensors"
    promptda.save(network, path)
    started = starting.start(replace(recipe, foundation=str(path)), 0).state_dict()
    assert all(torch.equal(started[name], tensor) for name, tensor in network.state_dict().items())
    with pytest.raises(WeightsError, match=r"holds LiteArchitecture.*width=3.*--set"):
        starting.start(replace(recipe_named("lite"), foundation=str(path)), 0)
    with pytest.raises(WeightsError, match="nowhere.safetensors: neither a file"):
        starting.start(replace(recipe, foundation=str(tmp_path / "nowhere.safetensors")), 0)


def test_an_infinite_loss_ends_the_run_with_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(
        UsageError, match=r"step \d+: the (loss is nan|gradients are not finite).*lower optimisation.rate"
    ):
        train(small_job(tmp_path, "steps=40", "optimisation.rate=1e30", "optimisation.clip=1e30"))


def test_scores_of_the_truth_are_perfect_and_of_the_prompt_its_own(tmp_path: Path) -> None:
    from promptda.network import Prediction

    job = small_job(tmp_path)
    batch = order(job, job.data, is_held_out=True).batch(0)
    perfect = summary(score(lambda b: Prediction(b.target), [batch], torch.device("cpu")))
    assert (perfect["pictures"], perfect["l1"], perfect["d0.5"], perfect["edge_f"]) == (2, 0, 1, 1)
    assert perfect["l1_ratio"] == 0
    assert perfect["share_worse"] == 0
    assert perfect["prompt_l1"] > 0
    assert summary([]) == {}


def test_the_picture_shows_the_error_where_it_is(tmp_path: Path) -> None:
    from promptda.network import Prediction

    job = small_job(tmp_path)
    batch = order(job, job.data, is_held_out=True).batch(0)
    drawn = sheet(batch, Prediction(batch.target))
    height, width = batch.target.shape[-2:]
    assert drawn.shape == (2 * height, 4 * width, 3)
    assert (drawn[height:, 2 * width : 3 * width] == 0).all()  # the truth has no error
    assert drawn[height:, width : 2 * width].max() == 1  # the prompt has some
    np.testing.assert_array_equal(drawn[:height, 2 * width : 3 * width], drawn[:height, 3 * width :])


def test_made_boxes_are_boxes_before_a_wall() -> None:
    sample = MadeBoxes(seed=1).sample(2)
    assert np.array_equal(sample.depth, MadeBoxes(seed=1).sample(2).depth)
    assert not np.array_equal(sample.depth, MadeBoxes(seed=2).sample(2).depth)
    assert 0.9 < sample.depth.min() < 2.4 < sample.depth.max() < 6


@pytest.mark.parametrize("name", ["lite", "paper-vits"])
def test_a_smoke_run_is_small(name: str, tmp_path: Path) -> None:
    job = smoke_job(recipe_named(name), tmp_path, seed=0)
    assert job.recipe.foundation is None
    assert job.recipe.total_steps < 100
    assert max(job.recipe.pictures.shapes[0]) <= 128


def test_a_loss_that_does_not_fall_is_told() -> None:
    from recon.errors import ResourceError

    record = Record({}, history=[{"step": float(step), "loss": 1.0} for step in range(8)])
    with pytest.raises(ResourceError, match="did not fall"):
        require_learning(record)


def test_the_data_of_the_tests_differ() -> None:
    assert not np.array_equal(Steps().sample(0).depth, Steps().sample(1).depth)
