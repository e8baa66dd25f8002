# HigherHRNet's schedule on COCO: 300 epochs of the 64,115 images with people, 24 on
# each of 8 GPUs (192), a tenth of the rate at 200 and at 260 epochs; in iterations, to
# the thousand. Single precision: with mixed precision associative embedding may diverge
# (supplementary 3.1).
_base_ = ['runtime.py']

iterations = [1000 * round(e * 64115 / 192 / 1000) for e in (200, 260, 300)]
train_cfg = dict(type='IterBasedTrainLoop', max_iters=iterations[2], val_interval=5000)
optim_wrapper = dict(type='OptimWrapper', optimizer=dict(type='Adam', lr=1.5e-3))
param_scheduler = [
    dict(type='LinearLR', begin=0, end=500, start_factor=0.001, by_epoch=False),
    dict(
        type='MultiStepLR',
        begin=0,
        end=iterations[2],
        milestones=iterations[:2],
        gamma=0.1,
        by_epoch=False,
    ),
]
auto_scale_lr = dict(base_batch_size=192)
