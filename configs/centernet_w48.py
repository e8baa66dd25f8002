# CenterNet with HRNet-W48 at 640 px on COCO. The rest is as in centernet_w32.py.
_base_ = ['higherhrnet_w48.py']

model = dict(
    _delete_=True,
    type='BatchedPoseEstimator',
    data_preprocessor={{_base_.model.data_preprocessor}},
    backbone={{_base_.model.backbone}},
    head=dict(
        type='CenterNetHead',
        in_channels=48,
        num_keypoints=17,
        decoder={{_base_.codec}},
        detector=dict(num_blocks=4),
        heatmap_loss=dict(type='KeypointMSELoss', loss_weight=1.0),
        offset_weight=1e-3,
        box_weight=1e-4,
        hidden_channels=256,
        min_peak_score=0.1,
        box_margin=0.1,
    ),
    test_cfg=dict(flip_test=True, multiscale_test=False, score_thr=0.0),
)
