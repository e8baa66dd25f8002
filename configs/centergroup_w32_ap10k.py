# CenterGroup with HRNet-W32 at 512 px on AP-10K. It starts from the detector of
# higherhrnet_w32_ap10k_center.py, --cfg-options load_from=CHECKPOINT.
# A recipe without a result: the paper has no animals, and nobody has trained it so far.
#
# As many epochs as the paper's for CrowdPose, about 300, of 7,010 images in iterations
# of 132, to the thousand; the rate falls where it does in schedule_27k.py.
_base_ = [
    '_base_/ap10k_w32.py',
    '_base_/method_centergroup.py',
    '_base_/schedule_27k.py',
]

model = dict(backbone=_base_.backbone, head=dict(**_base_.sizes, decoder=_base_.codec))
train_dataloader = dict(batch_size=33)

iterations = [
    1000 * round(300 * part * 7010 / 132 / 1000) for part in (10 / 27, 20 / 27, 1)
]
train_cfg = dict(max_iters=iterations[2])
_base_.param_scheduler[1].update(end=iterations[2], milestones=iterations[:2])
