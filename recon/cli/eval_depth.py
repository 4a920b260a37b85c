"""``recon eval-depth``: how good depth maps are, row by row."""

from pathlib import Path
from typing import Annotated, Any

import typer

from recon.cli import console, options
from recon.cli.depth_comparison import (
    DATASETS,
    UPSAMPLINGS,
    Truth,
    networks,
    prediction_folders,
    require_different_rows,
    upsamplings,
)
from recon.cli.outputs import require_place
from recon.errors import UsageError

TRUTH, COMPARE, COUNT, OUTPUT = "What is true", "What is compared", "How it counts", "Output"


def _option(help_text: str, panel: str, default: str | bool = False, *names: str) -> Any:
    return typer.Option(*names, help=help_text, show_default=default, rich_help_panel=panel)


def eval_depth(
    predictions: Annotated[Path | None, typer.Argument(help="Folder of depth maps.", show_default=False)] = None,
    truth: Annotated[Path | None, typer.Argument(help="Folder of true ones, equal stems.", show_default=False)] = None,
    capture: Annotated[Path | None, _option("A capture, with --truth.", TRUTH)] = None,
    truth_folder: Annotated[
        Path | None, _option("Its better depth, named by frame number: 000012.png.", TRUTH, False, "--truth")
    ] = None,
    dataset: Annotated[str | None, _option(f"{', '.join(DATASETS)}, with --root.", TRUTH)] = None,
    root: Annotated[Path | None, _option("Folder of the dataset.", TRUTH)] = None,
    split: Annotated[
        str | None,
        _option("Validation or Training; of scannetpp a list in ROOT/splits, or paper.", TRUTH, "Validation, all"),
    ] = None,
    factor: Annotated[int | None, _option("Of arkitscenes: 2, 4 or 8 times upsampled.", TRUTH, "4")] = None,
    max_frames: Annotated[int | None, typer.Option(min=1, help="At most so many.", rich_help_panel=TRUTH)] = None,
    more_predictions: Annotated[
        list[Path] | None, _option("Depth maps in files; may be repeated.", COMPARE, False, "--predictions")
    ] = None,
    upsample: Annotated[
        list[str] | None, _option(f"The prompt itself: none or {', '.join(UPSAMPLINGS)}.", COMPARE, "all where known")
    ] = None,
    model: Annotated[list[str] | None, _option("Network of ours or file; may be repeated.", COMPARE)] = None,
    baseline: Annotated[
        list[str] | None, _option("Depth network of transformers: NAME or NAME=disparity; may be repeated.", COMPARE)
    ] = None,
    paper: Annotated[bool, _option("Also the paper's own numbers for this data.", COMPARE, False, "--paper")] = False,
    device: options.Device = None,
    engine: options.Engine = None,
    precision: options.Precision = None,
    resolution: options.Resolution = None,
    min_confidence: Annotated[int | None, _option("Of prompts: 0, 1 or 2.", options.DEPTH, "1")] = None,
    resize: Annotated[
        str | None, _option("nearest or bilinear: files of another size than the truth's.", COUNT, "refused")
    ] = None,
    unknown: Annotated[
        str | None,
        _option("Pixels without prediction: skip, or zero: a depth of 0.", COUNT, "skip, zero in arkitscenes"),
    ] = None,
    min_depth: Annotated[
        float | None, _option("Metres that the truth exceeds.", COUNT, "0; arkitscenes 0.01, scannetpp 0.05")
    ] = None,
    max_depth: Annotated[
        float | None, _option("Metres that the truth is below.", COUNT, "no limit; scannetpp 5")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Draws what aligns baselines.", rich_help_panel=COUNT)] = 0,
    csv_file: Annotated[Path | None, _option("Table to write, a line a row.", OUTPUT, False, "--csv")] = None,
    frames_csv: Annotated[Path | None, _option("Table to write, a line a row and image.", OUTPUT)] = None,
    pictures: Annotated[Path | None, _option("Folder for image, prompt, depth, truth, error.", OUTPUT)] = None,
    picture_count: Annotated[
        int, typer.Option(min=1, help="So many images in the folder and the report.", rich_help_panel=OUTPUT)
    ] = 8,
    report: Annotated[Path | None, _option("Page with all of it, .html to write.", OUTPUT)] = None,
    overwrite: options.Overwrite = False,
    verbose: options.Verbose = False,
    quiet: options.Quiet = False,
    as_json: options.Json = False,
) -> None:
    """Compare depth maps with the truth.

    recon eval-depth predicted/ truth/
    recon eval-depth --capture scan.zip --truth laser/ --model vits
    recon eval-depth --dataset arkitscenes --root upsampling/ --factor 4 --model vits --paper
    """
    given = {
        "device": device, "engine": engine, "precision": precision, "resolution": resolution,
        "min_confidence": min_confidence,
    }  # fmt: skip
    settings = options.settings_from(None, given)
    if predictions is not None and truth is None:
        raise UsageError(f"{predictions}: what is true is not given; give its folder after it")
    true = Truth(truth, capture, truth_folder, dataset, root, split, factor)
    if (model or baseline) and not true.has_prompts:
        raise UsageError("two folders of depth have no pictures to predict from; give --capture or --dataset")
    for path, suffix in ((csv_file, ".csv"), (frames_csv, ".csv"), (report, ".html")):
        require_place(path, suffix, overwrite)
    if pictures is not None and pictures.is_dir() and any(pictures.iterdir()) and not overwrite:
        raise UsageError(f"{pictures}: not empty; give --overwrite or another --pictures")

    from recon.cli import depth_tables  # OpenCV and what loads depth
    from recon.evaluation.evaluate_depth import evaluate_depth
    from recon.report.evaluation import depth_evaluation_report
    from recon.report.html import write_report

    silent = quiet or as_json
    counting = true.counting(min_depth, max_depth, unknown)
    with console.verbose_log(verbose), console.downloads(silent), true.open() as source:
        folders = [*([predictions] if predictions else []), *(more_predictions or [])]
        methods = [
            *prediction_folders(folders, source, resize),
            *upsamplings(upsample, true.has_prompts),
            *(networks(model or [], baseline or [], settings, seed) if model or baseline else []),
        ]
        if not methods:
            raise UsageError("nothing to compare; give --model, --baseline, --predictions or --upsample")
        require_different_rows(methods)
        look = depth_tables.Pictures(picture_count, counting, pictures, for_report=report is not None)
        with console.progress(silent) as tell:
            result = evaluate_depth(source, methods, counting, max_frames, tell, look)
    printed = depth_tables.paper_rows_for(dataset, factor) if paper else []
    if paper and not printed:
        result.notes.append("the paper has no numbers for this data")
    summary = depth_tables.summary(result, printed)
    if csv_file is not None:
        depth_tables.write_csv(csv_file, summary)
    if frames_csv is not None:
        depth_tables.write_frames_csv(frames_csv, result)
    if report is not None:
        shown = {
            "truth": str(truth or truth_folder or root), "capture": capture, "data set": dataset, "split": split,
            "factor": factor, "files of another size": resize, "at most": max_frames, "seed": seed,
        }  # fmt: skip
        chosen = {name: str(value) for name, value in (shown | given).items() if value is not None}
        write_report(report, depth_evaluation_report(result, look.kept, chosen, printed))
    if as_json:
        console.print_json(summary)
    elif not quiet:
        depth_tables.print_scores(summary)
