"""What ``recon eval-depth`` compares with what, from its options."""

import contextlib
import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from recon.errors import UsageError
from recon.settings import Settings

if TYPE_CHECKING:
    from recon.evaluation.depth_methods import DepthMethod
    from recon.evaluation.depth_samples import DepthSource
    from recon.evaluation.depth_scores import Counting

DATASETS = ("arkitscenes", "scannetpp", "triples")
UPSAMPLINGS = ("bilinear", "nearest", "joint-bilateral")
RESIZES = ("nearest", "bilinear")
UNKNOWN = ("skip", "zero")
GIVES = ("depth", "disparity")


@dataclass(frozen=True)
class Truth:
    """Where the truth is: in one of three ways, which the options must agree on."""

    folder: Path | None
    capture: Path | None
    of_capture: Path | None
    dataset: str | None
    root: Path | None
    split: str | None
    factor: int | None

    def __post_init__(self) -> None:
        if sum(way is not None for way in (self.folder, self.capture, self.dataset)) != 1:
            raise UsageError("give two folders, PREDICTED TRUTH, or --capture with --truth, or --dataset with --root")
        if (self.capture is None) != (self.of_capture is None):
            raise UsageError("--capture and --truth go together")
        if (self.dataset is None) != (self.root is None):
            raise UsageError("--dataset and --root go together")
        _require("dataset", self.dataset, DATASETS)
        if self.split is not None and self.dataset not in ("arkitscenes", "scannetpp"):
            raise UsageError("--split goes with --dataset arkitscenes or scannetpp")
        if self.factor is not None and self.dataset != "arkitscenes":
            raise UsageError("--factor goes with --dataset arkitscenes")

    @property
    def has_prompts(self) -> bool:
        """Whether there are pictures and prompts too."""
        return self.folder is None

    @contextlib.contextmanager
    def open(self) -> Iterator["DepthSource"]:
        """The samples; a capture is open within the block."""
        from recon.evaluation.arkitscenes import FACTOR, SPLITS, ARKitScenes
        from recon.evaluation.capture_truth import CaptureTruth
        from recon.evaluation.depth_pairs import Triples, TrueDepthFolder
        from recon.evaluation.scannetpp import ScanNetPlusPlus

        if self.folder is not None:
            yield TrueDepthFolder(self.folder)
        elif self.capture is not None and self.of_capture is not None:
            import recon

            with recon.open_capture(self.capture) as opened:
                yield CaptureTruth(opened, self.of_capture)
        elif self.root is not None and self.dataset == "triples":
            yield Triples(self.root)
        elif self.root is not None and self.dataset == "scannetpp":
            yield ScanNetPlusPlus(self.root, self.split)
        elif self.root is not None:
            yield ARKitScenes(self.root, self.split or SPLITS[0], FACTOR if self.factor is None else self.factor)

    def counting(self, min_depth: float | None, max_depth: float | None, unknown: str | None) -> "Counting":
        """The data set's rule with what was asked for in its place."""
        from recon.evaluation import arkitscenes, scannetpp
        from recon.evaluation.depth_scores import Counting

        _require("unknown", unknown, UNKNOWN)
        usual = {"arkitscenes": arkitscenes.COUNTING, "scannetpp": scannetpp.COUNTING}.get(
            self.dataset or "", Counting()
        )
        counting = Counting(
            usual.min_depth if min_depth is None else min_depth,
            usual.max_depth if max_depth is None else max_depth,
            usual.unknown_is_zero if unknown is None else unknown == "zero",
        )
        if not (counting.min_depth >= 0 and (counting.max_depth is None or counting.max_depth > counting.min_depth)):
            raise UsageError(
                f"min-depth is {counting.min_depth:g} and max-depth {counting.max_depth} m; "
                "they must be at least 0 and rise"
            )
        return counting


def prediction_folders(folders: list[Path], source: "DepthSource", resize: str | None) -> list["DepthMethod"]:
    """Depth maps in files; what belongs to no truth is added to the source's notes."""
    from recon.evaluation import depth_methods

    _require("resize", resize, RESIZES)
    methods: list[DepthMethod] = []
    for folder in folders:
        method = depth_methods.PredictionFolder(folder, None if resize is None else depth_methods.RESIZES[resize])
        without_truth = len(method.names - set(source.names))
        if without_truth:
            source.notes.append(f"{folder}: {without_truth} depth maps without a truth of their name")
        methods.append(method)
    return methods


def upsamplings(ways: list[str] | None, has_prompts: bool) -> list["DepthMethod"]:
    """The prompt itself, in the ways asked for or in all."""
    from recon.evaluation.depth_methods import UpsampledPrompt

    for way in ways or []:
        _require("upsample", way, (*UPSAMPLINGS, "none"))
    wanted = [way for way in dict.fromkeys(UPSAMPLINGS if ways is None else ways) if way != "none"]
    if not has_prompts:
        if ways is not None and wanted:
            raise UsageError("two folders of depth have no prompt to upsample; give --capture or --dataset")
        return []
    return [UpsampledPrompt(way) for way in wanted]


def networks(models: list[str], baselines: list[str], settings: Settings, seed: int) -> list["DepthMethod"]:
    """Networks of ours by name or file, and those of transformers by name or folder."""
    from recon.depth.predictor import Predictor
    from recon.depth.torch_engine import torch_device
    from recon.evaluation.baselines import TransformersNetwork
    from recon.evaluation.depth_methods import MonocularBaseline, PromptedNetwork

    methods: list[DepthMethod] = []
    for name in models:
        predictor = Predictor.load(dataclasses.replace(settings, model=name))
        confidence = predictor.prompt_confidence if settings.min_confidence is None else settings.min_confidence
        methods.append(PromptedNetwork(name, predictor, confidence))
    for text in baselines:
        name, _, gives = text.partition("=")
        _require(f"baseline {name}", gives or None, GIVES)
        network = TransformersNetwork(name, gives or None, str(torch_device(settings.device)))  # type: ignore[arg-type]
        methods.append(MonocularBaseline(name, network, seed))
    return methods


def require_different_rows(methods: list["DepthMethod"]) -> None:
    """Refuses what was given twice, for rows are told apart by name."""
    names = [name for method in methods for name in method.rows]
    for name in names:
        if names.count(name) > 1:
            raise UsageError(f"{name}: given twice; leave out one of them")


def _require(name: str, value: str | None, allowed: tuple[str, ...]) -> None:
    if value is not None and value not in allowed:
        raise UsageError(f"{name} is {value}; it must be {' or '.join(allowed)}")
