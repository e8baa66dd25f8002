# SPDX-License-Identifier: Apache-2.0
"""A web page that finds people in a picture or before a webcam."""

from typing import TYPE_CHECKING

import numpy as np

from ..runtime import DEMO_MODEL, PoseModel, draw_poses

if TYPE_CHECKING:
    import gradio

INSTALL = 'pip install "centergroup_mm[demo]"'


def make_page(model: PoseModel) -> 'gradio.Blocks':
    """The page of a model, ready to be launched.

    Raises:
        ImportError: If gradio is not installed.
    """
    try:
        import gradio
    except ModuleNotFoundError as error:
        raise ImportError(f'The web page needs gradio: {INSTALL}') from error

    def find(picture: np.ndarray | None, score_thr: float, keypoint_thr: float):
        if picture is None:
            return None, []
        image = np.ascontiguousarray(picture[..., ::-1])
        try:
            poses = model(image, score_thr)
        except ValueError as error:
            raise gradio.Error(str(error), print_exception=False) from error
        drawn = draw_poses(image, poses, keypoint_thr)
        return np.ascontiguousarray(drawn[..., ::-1]), poses.to_coco()

    known = model.description
    with gradio.Blocks(title='CenterGroup') as page:
        gradio.Markdown(
            f'# Poses of people\n{model.path.name}: {known.method}, '
            f'{len(known.keypoint_names)} keypoint types, {known.dataset or "unknown"}.'
            + ' It knows drawn people only.'
            * (model.path == DEMO_MODEL)
        )
        with gradio.Row():
            picture = gradio.Image(
                sources=['upload', 'webcam', 'clipboard'], type='numpy', label='Picture'
            )
            drawn = gradio.Image(type='numpy', label='Poses', interactive=False)
        score_thr = gradio.Slider(0, 1, 0.3, step=0.01, label='Least score of a person')
        keypoint_thr = gradio.Slider(
            0, 1, 0.3, step=0.01, label='Least score of a keypoint that is drawn'
        )
        found = gradio.JSON(label='Poses in COCO format')
        inputs, outputs = [picture, score_thr, keypoint_thr], [drawn, found]
        for element in inputs:
            element.change(find, inputs, outputs, api_name=False)
        gradio.Button('Find people').click(find, inputs, outputs, api_name='predict')
    return page
