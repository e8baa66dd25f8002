# HigherHRNet's 300 epochs of CrowdPose's 12,000 images of trainval.
_base_ = ['schedule_300e.py']

iterations = [round(e * 12000 / 192) for e in (200, 260, 300)]
train_cfg = dict(max_iters=iterations[2], val_interval=1250)
_base_.param_scheduler[1].update(end=iterations[2], milestones=iterations[:2])
