# What two CPU cores do within a quarter of an hour.
_base_ = ['runtime.py']

# What the rate is meant for; tools/schedule.py fits it to other batches.
total_batch = 8
max_iters = 2000
train_cfg = dict(type='IterBasedTrainLoop', max_iters=max_iters, val_interval=max_iters)
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='Adam', lr=3e-3),
    clip_grad=dict(max_norm=5, norm_type=2),
)
param_scheduler = [
    dict(type='LinearLR', begin=0, end=100, start_factor=0.01, by_epoch=False),
    dict(
        type='CosineAnnealingLR',
        begin=100,
        end=max_iters,
        T_max=max_iters - 100,
        eta_min_ratio=0.01,
        by_epoch=False,
    ),
]
default_hooks = dict(
    logger=dict(interval=20),
    checkpoint=dict(interval=500, max_keep_ckpts=1),
    # progress/iter_N.jpg: the most crowded held-out images, while the training runs.
    progress_pictures=dict(
        type='ProgressPicturesHook', iterations=[1, 50, 100, 200, 400, 800, 1200, 1600]
    ),
)
