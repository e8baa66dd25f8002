# The baseline of centergroup_tiny.py: the same backbone, heatmaps, data and schedule,
# grouped by associative embedding.
_base_ = [
    '_base_/crowd_tiny.py',
    '_base_/method_higherhrnet.py',
    '_base_/schedule_tiny.py',
]

model = dict(
    channels_last=True,
    backbone=_base_.backbone,
    head=dict(
        **_base_.sizes,
        detector=dict(num_blocks=1),
        # 500 times the loss of higherhrnet_w32.py: Adam takes no notice, but heatmaps
        # weigh as much as in centergroup_tiny.py.
        heatmap_loss=dict(loss_weight=500.0),
        # From scratch and in so few iterations the usual weights, half as much for
        # pushing people apart as for pulling a person's tags together, leave all tags
        # at one value, where pushing has no gradient.
        tag_loss=dict(loss_weight=1.0, push_loss_factor=2.0),
        decoder=_base_.tag_codec,
    ),
)
