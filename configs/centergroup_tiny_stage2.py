# The second of the two stages of the paper, on the synthetic crowd: the grouping learns
# on top of a trained detector, higherhrnet_tiny_center.py, which goes on slowly, its
# batch norms frozen. `tools/train_two_stage.py` runs both.
_base_ = ['centergroup_tiny.py']

model = dict(freeze_detector_bn=True)

max_iters = 600
train_cfg = dict(max_iters=max_iters, val_interval=max_iters)
optim_wrapper = dict(
    optimizer=dict(lr=2e-3),
    paramwise_cfg=dict(
        custom_keys={
            'backbone': dict(lr_mult=1 / 30),
            'neck': dict(lr_mult=1 / 30),
            'detector': dict(lr_mult=1 / 30),
        }
    ),
)
_base_.param_scheduler[0].update(end=50)
_base_.param_scheduler[1].update(begin=50, end=max_iters, T_max=max_iters - 50)
