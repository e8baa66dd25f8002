# Supplementary 3.1: 27,000 iterations, batch 130, Adam, 1e-5 for the pretrained
# detector and 3e-4 for the new layers, warm-up over 1,000, a tenth of both at
# 10,000 and 20,000, mixed precision. 33 images on each of 4 GPUs (132) stand for the
# 130. The gradient norm is clipped to 1, as in the authors' code.
#
# GPUs  samples_per_gpu  accumulative_counts  iterations  milestones (thousands)
#    1               33                    4      108,000  40, 80 (warm-up 4)
#    2               33                    2       54,000  20, 40 (warm-up 2)
#    4               33                    1       27,000  10, 20 (warm-up 1)
#    8               17                    1       27,000  10, 20 (warm-up 1)
# Iterations count batches, so accumulation stretches the schedule. With another total
# batch only the new layers' rate changes, in proportion: see README, and
# tools/schedule.py, which prints the options. There is no auto_scale_lr, so that the
# host refuses --auto-scale-lr, which scales both rates.
#
# On a CPU: --cfg-options optim_wrapper.type=OptimWrapper
_base_ = ['runtime.py']

# What the rates are meant for; tools/schedule.py fits them to other batches.
total_batch = 130
train_cfg = dict(type='IterBasedTrainLoop', max_iters=27000, val_interval=1000)
optim_wrapper = dict(
    type='AmpOptimWrapper',
    optimizer=dict(type='Adam', lr=3e-4),
    paramwise_cfg=dict(
        custom_keys={
            # Parts of names. Without dots they can be overridden on the command line.
            'backbone': dict(lr_mult=1 / 30),
            'neck': dict(lr_mult=1 / 30),
            'detector': dict(lr_mult=1 / 30),
        }
    ),
    clip_grad=dict(max_norm=1, norm_type=2),
)
param_scheduler = [
    dict(type='LinearLR', begin=0, end=1000, start_factor=0.001, by_epoch=False),
    dict(
        type='MultiStepLR',
        begin=0,
        end=27000,
        milestones=[10000, 20000],
        gamma=0.1,
        by_epoch=False,
    ),
]
