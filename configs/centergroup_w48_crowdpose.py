# CenterGroup with HRNet-W48 at 640 px on CrowdPose, as in the paper: trained on
# trainval, tested on test.
_base_ = [
    '_base_/crowdpose_w48.py',
    '_base_/method_centergroup.py',
    '_base_/schedule_27k.py',
]

model = dict(backbone=_base_.backbone, head=dict(**_base_.sizes, decoder=_base_.codec))
train_dataloader = dict(batch_size=33)
default_hooks = dict(checkpoint=dict(save_best='crowdpose/AP'))
