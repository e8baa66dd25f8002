# CenterNet ("Objects as Points") with HRNet-W32 at 512 px on COCO, a baseline of the
# paper. Data and schedule are those of the other baseline, HigherHRNet, with which it
# is compared.
#
# `load_from` may be a detector with centers (higherhrnet_w32_center.py), as for
# CenterGroup.
_base_ = ['_base_/coco_w32.py', '_base_/method_centernet.py', '_base_/schedule_300e.py']

model = dict(backbone=_base_.backbone, head=dict(**_base_.sizes, decoder=_base_.codec))
train_dataloader = dict(batch_size=24)
