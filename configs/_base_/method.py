# What all methods share. Configs add the backbone, sizes and codec of their data.
model = dict(
    data_preprocessor=dict(
        type='MultiScaleDataPreprocessor',
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        bgr_to_rgb=True,
    ),
    head=dict(
        detector=dict(num_blocks=4),
        heatmap_loss=dict(type='KeypointMSELoss', loss_weight=1.0),
    ),
    test_cfg=dict(flip_test=True, multiscale_test=False, score_thr=0.0),
)
