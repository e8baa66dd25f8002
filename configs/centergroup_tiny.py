# A CenterGroup small enough to learn on two CPU cores, on the synthetic crowd. Detector
# and grouping are trained together from scratch, hence the large weight of the
# heatmaps: without a trained detector there is little to group, and the gradients of
# the grouping would drown theirs.
_base_ = [
    '_base_/crowd_tiny.py',
    '_base_/method_centergroup.py',
    '_base_/schedule_tiny.py',
]

model = dict(
    freeze_detector_bn=False,
    channels_last=True,
    backbone=_base_.backbone,
    head=dict(
        **_base_.sizes,
        decoder=_base_.codec,
        detector=dict(num_blocks=1),
        heatmap_loss=dict(loss_weight=500.0),
        tokenizer=dict(num_blocks=1),
        grouping=dict(
            embed_dims=48, head_dims=32, feedforward_channels=192, dropout=0.0
        ),
    ),
)
