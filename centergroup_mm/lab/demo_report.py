# SPDX-License-Identifier: Apache-2.0
"""The page that the demonstration ends with."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from mmengine.config import Config
from mmpose.apis import inference_bottomup, init_model

from ..coco import ImageTruth, Truth
from ..visualization import (
    comparison_tiles,
    draw_attention,
    read_training_log,
    style_from_meta,
)
from ..visualization.comparison import TITLES
from .report import (
    curves_section,
    error_sections,
    pictures_section,
    precision_section,
)
from .report.data import data_of_config, write_report

METRICS = {'coco/AP': 'AP', 'coco/AP .5': 'AP50', 'coco/AP .75': 'AP75'}
METRICS |= {'coco/AR': 'AR'}
# Crowded images whose attention is shown.
ATTENTION_IMAGES = 2
ATTENTION = {
    'all connections': ('pairs', 'centers'),
    'connections over 0.5': ('attention', 'centers'),
    'poses': ('poses',),
}
PICTURE_SIZE = 448


def write_demo_report(
    folder: Path,
    config: Config,
    checkpoint: Path,
    metrics: dict[str, dict[str, float]],
    results: Path,
    crowded: Truth,
    predictions: Sequence[Sequence[dict]],
) -> Path:
    """Write report.html and report.json.

    Args:
        folder (Path): Of the training, with its logs, and of the report.
        config (Config): Of the model and its test data.
        checkpoint (Path): The model.
        metrics (dict[str, dict[str, float]]): CocoMetric's, by way of grouping.
        results (Path): The results file of the model.
        crowded (Truth): The images to be shown.
        predictions (Sequence[Sequence[dict]]): Their poses, of an inferencer.

    Returns:
        Path: The page.
    """
    data = data_of_config(config)
    errors = data.report(results)
    values = {
        way: {name: found[key] for key, name in METRICS.items()}
        for way, found in metrics.items()
    }
    most = list(crowded.images.values())[:ATTENTION_IMAGES]
    sections = [
        precision_section(
            values,
            list(METRICS.values()),
            'One model: its candidates are grouped by attention, by attention as '
            'CenterGroup+ reads it, or by taking the nearest of every type: of all, or '
            'of those that score at least 0.3.',
        ),
        curves_section(read_training_log(folder)),
        pictures_section(
            'The most crowded held-out images',
            f'Left to right: {"; ".join(TITLES)}. Rings are occluded keypoints. No '
            'selection but by crowding.',
            comparison_tiles(data.image_folder, crowded, predictions),
            TITLES,
            compact=True,
        ),
        pictures_section(
            'Attention of the most crowded',
            'What each person’s center (diamond) attends to, as opaque as the '
            'attention; only what has more than half of it; and the poses that follow.',
            attention_pictures(config, checkpoint, data.image_folder, most),
            list(ATTENTION),
        ),
        *error_sections(errors, data.image_folder, data.skeleton),
    ]
    page, _ = write_report(
        folder,
        'CenterGroup on a synthetic crowd',
        f'{checkpoint}, tested on {data.truth.ann_file}.',
        sections,
        errors.numbers | dict(grouping=values),
    )
    return page


def attention_pictures(
    config: Config, checkpoint: Path, folder: Path, images: Sequence[ImageTruth]
) -> list[tuple[list[np.ndarray], str]]:
    """Per image the pictures that ``ATTENTION`` names, and its file's name."""
    config = config.copy()
    config.model.test_cfg.output_attention = True
    model = init_model(config, str(checkpoint), device='cpu')
    style = style_from_meta(model.dataset_meta)
    rows = []
    for image in images:
        path = str(folder / image.file_name)
        (sample,) = inference_bottomup(model, path)
        pictures = [
            draw_attention(
                cv2.imread(path),
                sample,
                layers,
                style,
                score_thr=config.model.test_cfg.score_thr,
                fade=0.0 if layers == ('poses',) else 0.5,
                min_size=PICTURE_SIZE,
            )
            for layers in ATTENTION.values()
        ]
        rows.append((pictures, f'{image.file_name}, {len(image)} people'))
    return rows
