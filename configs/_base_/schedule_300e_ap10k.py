# HigherHRNet's 300 epochs of AP-10K's 7,010 images, to the hundred.
_base_ = ['schedule_300e.py']

iterations = [100 * round(e * 7010 / 192 / 100) for e in (200, 260, 300)]
train_cfg = dict(max_iters=iterations[2], val_interval=1000)
_base_.param_scheduler[1].update(end=iterations[2], milestones=iterations[:2])
