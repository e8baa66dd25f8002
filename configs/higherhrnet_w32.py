# HigherHRNet with HRNet-W32 at 512 px on COCO, grouped by associative embedding.
_base_ = [
    '_base_/coco_w32.py',
    '_base_/method_higherhrnet.py',
    '_base_/schedule_300e.py',
]

model = dict(
    backbone=_base_.backbone, head=dict(**_base_.sizes, decoder=_base_.tag_codec)
)
train_dataloader = dict(batch_size=24)
