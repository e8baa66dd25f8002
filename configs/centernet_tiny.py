# The baseline of centergroup_tiny.py: the same backbone, heatmaps, data and schedule,
# joints regressed from the center.
_base_ = ['centergroup_tiny.py']

model = dict(
    _delete_=True,
    type='BatchedPoseEstimator',
    channels_last=True,
    data_preprocessor={{_base_.model.data_preprocessor}},
    backbone={{_base_.model.backbone}},
    head=dict(
        type='CenterNetHead',
        in_channels=16,
        num_keypoints=17,
        decoder={{_base_.model.head.decoder}},
        detector=dict(num_blocks=1),
        heatmap_loss=dict(type='KeypointMSELoss', loss_weight=500.0),
        offset_weight=0.5,
        box_weight=0.05,
        hidden_channels=64,
        min_peak_score=0.1,
        box_margin=0.1,
    ),
    test_cfg=dict(flip_test=True, multiscale_test=False, score_thr=0.0),
)
