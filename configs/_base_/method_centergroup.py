# CenterGroup, as in the paper.
_base_ = ['method.py']

model = dict(
    type='CenterGroup',
    freeze_detector_bn=True,
    head=dict(
        type='CenterGroupHead',
        tokenizer=dict(num_blocks=2, shared_cnn=True),
        grouping=dict(
            embed_dims=128,
            head_dims=64,
            num_layers=3,
            num_heads=4,
            feedforward_channels=512,
            dropout=0.1,
            encoder_skip=False,
            group_before_encoder=False,
        ),
        assigner=dict(type='HungarianCenterAssigner', deviation=0.15, max_cost=0.5),
        heatmap_loss=dict(loss_weight=10.0),
        grouping_loss=dict(
            type='GroupingLoss',
            center_weight=1.0,
            visibility_weight=1.0,
            location_weight=0.02,
            oks_gate=None,
        ),
        score=dict(min_keypoints=0),
    ),
)
