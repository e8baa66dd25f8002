# CenterNet ("Objects as Points") on HigherHRNet's heatmaps, as compared with in the
# paper's section 4.1: keypoints are regressed from the center.
_base_ = ['method.py']

model = dict(
    type='BatchedPoseEstimator',
    head=dict(
        type='CenterNetHead',
        offset_weight=1e-3,
        box_weight=1e-4,
        hidden_channels=256,
        min_peak_score=0.1,
        box_margin=0.1,
    ),
)
