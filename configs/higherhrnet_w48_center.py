# HigherHRNet with person centers, HRNet-W48 at 640 px on COCO: the detector that
# centergroup_w48.py starts from, --cfg-options load_from=CHECKPOINT.
_base_ = ['higherhrnet_w48.py']

model = dict(head=dict(with_center=True))
