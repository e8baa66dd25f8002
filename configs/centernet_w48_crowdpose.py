# CenterNet with HRNet-W48 at 640 px on CrowdPose; like centernet_w32.py otherwise.
_base_ = [
    '_base_/crowdpose_w48.py',
    '_base_/method_centernet.py',
    '_base_/schedule_300e_crowdpose.py',
]

model = dict(backbone=_base_.backbone, head=dict(**_base_.sizes, decoder=_base_.codec))
train_dataloader = dict(batch_size=24)
default_hooks = dict(checkpoint=dict(save_best='crowdpose/AP'))
