# The baseline of centergroup_tiny.py: the same backbone, heatmaps, data and schedule,
# keypoints regressed from the center.
_base_ = [
    '_base_/crowd_tiny.py',
    '_base_/method_centernet.py',
    '_base_/schedule_tiny.py',
]

model = dict(
    channels_last=True,
    backbone=_base_.backbone,
    head=dict(
        **_base_.sizes,
        decoder=_base_.codec,
        detector=dict(num_blocks=1),
        heatmap_loss=dict(loss_weight=500.0),
        offset_weight=0.5,
        box_weight=0.05,
        hidden_channels=64,
    ),
)
