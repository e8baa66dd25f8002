# HigherHRNet with person centers, HRNet-W32 at 512 px on COCO: the detector that
# centergroup_w32.py starts from, --cfg-options load_from=CHECKPOINT.
_base_ = ['higherhrnet_w32.py']

model = dict(head=dict(with_center=True))
