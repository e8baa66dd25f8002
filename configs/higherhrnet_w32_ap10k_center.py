# HigherHRNet with centers, HRNet-W32 at 512 px on AP-10K: the detector that
# centergroup_w32_ap10k.py starts from, --cfg-options load_from=CHECKPOINT.
_base_ = [
    '_base_/ap10k_w32.py',
    '_base_/method_higherhrnet.py',
    '_base_/schedule_300e_ap10k.py',
]

model = dict(
    backbone=_base_.backbone,
    head=dict(**_base_.sizes, with_center=True, decoder=_base_.tag_codec),
)
train_dataloader = dict(batch_size=24)
