# HigherHRNet with HRNet-W48 at 640 px on CrowdPose, trained on trainval, tested on
# test.
_base_ = [
    '_base_/crowdpose_w48.py',
    '_base_/method_higherhrnet.py',
    '_base_/schedule_300e_crowdpose.py',
]

model = dict(
    backbone=_base_.backbone, head=dict(**_base_.sizes, decoder=_base_.tag_codec)
)
train_dataloader = dict(batch_size=24)
default_hooks = dict(checkpoint=dict(save_best='crowdpose/AP'))
