"""``recon train``: train a prompted depth network by a recipe."""

import os
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Any

import typer

from recon.cli import console, options
from recon.errors import ResourceError, UsageError

if TYPE_CHECKING:
    from train.jobs import Request
    from train.run import Job, Outcome
    from train.watch import Pace

EXIT_INTERRUPTED = 130
DEVICES = ("auto", "cpu", "cuda", "mps")
STRATEGIES = ("auto", "ddp", "fsdp")
DATA, MACHINE = "Data", "Machine"


def train(
    recipe: Annotated[str | None, typer.Option(help="By name; see --list.", show_default="lite")] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="Folder of the run; one that is there goes on.", show_default="run"),
    ] = None,
    data: Annotated[
        list[str] | None,
        typer.Option(help="KIND=PATH to learn from; repeat for a mixture.", show_default=False, rich_help_panel=DATA),
    ] = None,
    weight: Annotated[
        list[float] | None,
        typer.Option(help="Share of each --data, in any unit.", show_default="its size", rich_help_panel=DATA),
    ] = None,
    validate: Annotated[
        list[str] | None,
        typer.Option(help="KIND=PATH to validate on, kept apart.", show_default=False, rich_help_panel=DATA),
    ] = None,
    assign: Annotated[
        list[str] | None,
        typer.Option("--set", help="key=value of the recipe, such as optimisation.rate=1e-4.", show_default=False),
    ] = None,
    steps: Annotated[int | None, typer.Option(help="In all.", show_default="the recipe's")] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Of weights and data.", show_default="0")] = None,
    time_limit: Annotated[
        float | None, typer.Option(min=0.0, max=1e6, help="Minutes after which the state is written and the run stops.")
    ] = None,
    save_every: Annotated[float, typer.Option(min=0.0, help="Minutes between two states.")] = 5.0,
    validate_every: Annotated[
        int, typer.Option(min=1, help="Steps between two validations.", rich_help_panel=DATA)
    ] = 2000,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.", rich_help_panel=MACHINE)] = "auto",
    devices: Annotated[int, typer.Option(min=1, help="On each node.", rich_help_panel=MACHINE)] = 1,
    nodes: Annotated[int, typer.Option(min=1, help="Machines, under torchrun or SLURM.", rich_help_panel=MACHINE)] = 1,
    strategy: Annotated[
        str, typer.Option(help="auto, ddp, or fsdp: parts of the network on each device.", rich_help_panel=MACHINE)
    ] = "auto",
    workers: Annotated[
        int | None,
        typer.Option(
            min=0, help="Processes that make batches.", show_default="on a CPU 1, else up to 8", rich_help_panel=MACHINE
        ),
    ] = None,
    list_recipes: Annotated[
        bool, typer.Option("--list", help="Print the recipes, or with --recipe the keys of one, and stop.")
    ] = False,
    smoke: Annotated[bool, typer.Option("--smoke", help="A minute on made pictures, to see that it learns.")] = False,
    verbose: options.Verbose = False,
    quiet: options.Quiet = False,
    as_json: options.Json = False,
) -> None:
    """Train a prompted depth network.

    recon train --data triples=made --out run
    recon train --recipe paper-vits --data hypersim=DIR --data arkitscenes=DIR --devices 8
    recon train --out run --time-limit 55
    recon train --recipe lite --list
    """
    for name, value, known in (("device", device, DEVICES), ("strategy", strategy, STRATEGIES)):
        if value not in known:
            raise UsageError(f"--{name} is {value}; it must be {', '.join(known)}")
    _require_lightning()
    from train.jobs import Request
    from train.watch import Pace

    request = Request(
        recipe, tuple(assign or ()), tuple(data or ()), tuple(weight or ()), tuple(validate or ()), steps, seed
    )
    if list_recipes:
        _print_recipes(request, as_json)
        return
    silent = quiet or as_json or _rank() > 0
    machine = {
        "device": device, "devices": devices, "nodes": nodes, "strategy": strategy, "minutes": time_limit,
        "workers": workers,
    }  # fmt: skip
    with ExitStack() as stack:
        stack.enter_context(console.verbose_log(verbose))
        if out is None:
            out = Path(stack.enter_context(TemporaryDirectory())) if smoke else Path("run")
        if _rank() == 0:
            stack.enter_context(console.log_file(out / "log.txt"))
        job = _job(request, out, smoke, Pace(60 * save_every, validation_steps=validate_every), machine)
        outcome = _run(job, (lambda kind, values: None) if silent else _tell)
    if _rank() == 0:
        _report(job, outcome, smoke, quiet, as_json)


def _job(request: "Request", out: Path, smoke: bool, pace: "Pace", machine: dict[str, Any]) -> "Job":
    from train import jobs
    from train.smoke import smoke_job

    if smoke:
        return smoke_job(jobs.recipe_of(request), out, request.seed or 0, **machine)
    return jobs.job_of(request, out, pace, **machine)


def _run(job: "Job", tell: Callable[[str, Mapping[str, float]], None]) -> "Outcome":
    from recon.memory import available_memory
    from train.memory import require_memory
    from train.run import require_device
    from train.run import train as run_training

    require_device(job)
    parts = job.devices * job.nodes if job.strategy == "fsdp" else 1
    require_memory(job.recipe, job.device, available_memory(), parts)
    return run_training(job, tell)


def _report(job: "Job", outcome: "Outcome", smoke: bool, quiet: bool, as_json: bool) -> None:
    from train.smoke import require_learning

    summary = {
        "out": str(job.out), "recipe": job.recipe.name, "step": outcome.step, "steps": job.recipe.total_steps,
        "ended": outcome.reason or "finished", "seconds": round(outcome.record.seconds, 1),
        "loss": outcome.record.history[-1]["loss"] if outcome.record.history else None,
        "validation": outcome.record.validation[-1] if outcome.record.validation else None,
    }  # fmt: skip
    if as_json:
        console.print_json(summary)
    elif not quiet:
        told = {
            name: value for name, value in summary.items() if value is not None and name not in ("out", "validation")
        }
        console.print_table(
            str(job.out), [*told.items(), *([] if smoke else [("weights", job.out / "weights.safetensors")])]
        )
    if outcome.reason is not None:
        if not quiet:
            console.err.print(
                f"{outcome.reason} at step {outcome.step}; recon train --out {job.out} goes on from there", markup=False
            )
        if outcome.reason == "interrupted":
            raise typer.Exit(EXIT_INTERRUPTED)
    elif smoke:
        require_learning(outcome.record)


def _tell(kind: str, values: Mapping[str, float]) -> None:
    if kind == "step":
        rate = values["steps_per_second"]
        left = (values["steps"] - values["step"]) / max(rate, 1e-9)
        console.err.print(
            f"step {values['step']:,.0f} of {values['steps']:,.0f}: loss {values['loss']:.4f}, "
            f"{rate:.2g} steps/s, {_duration(left)} left"
        )
    elif kind == "validation" and "l1" in values:
        edges = f", edge F {values['edge_f']:.3f} ({values['prompt_edge_f']:.3f})" if "edge_f" in values else ""
        console.err.print(
            f"validation after {values['step']:,.0f}: L1 {values['l1']:.4f} m ({values['prompt_l1']:.4f} m of the "
            f"prompt enlarged){edges}"
        )


def _duration(seconds: float) -> str:
    minutes = round(seconds / 60)
    return f"{minutes // 60} h {minutes % 60:02d} min" if minutes >= 60 else f"{minutes} min"


def _print_recipes(request: "Request", as_json: bool) -> None:
    from train.jobs import recipe_of
    from train.recipes.assignments import plain
    from train.recipes.catalogue import RECIPES

    if request.recipe is not None:
        values = plain(recipe_of(request))
        if as_json:
            console.print_json(values)
        else:
            console.print_table(request.recipe, [(key, value) for key, value in values.items() if key != "name"])
    elif as_json:
        console.print_json({"recipes": [{"name": recipe.name, "about": recipe.about} for recipe in RECIPES]})
    else:
        console.print_table("recipes", [(recipe.name, recipe.about) for recipe in RECIPES])


def _rank() -> int:
    """Of this process among those that a launcher has started; only the first one speaks."""
    return int(os.environ.get("RANK") or os.environ.get("SLURM_PROCID") or os.environ.get("LOCAL_RANK") or 0)


def _require_lightning() -> None:
    from importlib.util import find_spec

    if find_spec("lightning") is None:
        raise ResourceError("lightning is not installed; install promptda-recon[train]")
