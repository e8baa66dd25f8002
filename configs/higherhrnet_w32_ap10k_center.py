# HigherHRNet with centers, HRNet-W32 at 512 px on AP-10K: the detector that
# centergroup_w32_ap10k.py starts from, --cfg-options load_from=CHECKPOINT.
#
# The schedule is that of higherhrnet_w32.py, 300 epochs with a tenth of the rate at 200
# and 260: of 7,010 images these are 11,000 iterations.
_base_ = ['higherhrnet_w32_center.py']

# From head and trunk outwards.
decode_keypoint_order = [2, 0, 1, 3, 4, 5, 8, 11, 14, 6, 9, 12, 15, 7, 10, 13, 16]
model = dict(head=dict(decoder=dict(decode_keypoint_order=decode_keypoint_order)))

data = dict(
    data_root='data/ap10k/',
    data_prefix=dict(img='data/'),
    metainfo=dict(from_file='configs/_base_/datasets/ap10k.py'),
    merge_categories=True,
)
train_dataloader = dict(
    dataset=dict(**data, ann_file='annotations/ap10k-train-split1.json')
)
val_dataloader = dict(
    dataset=dict(**data, ann_file='annotations/ap10k-val-split1.json')
)
test_dataloader = dict(
    dataset=dict(**data, ann_file='annotations/ap10k-test-split1.json')
)

train_cfg = dict(max_iters=11000, val_interval=1000)
param_scheduler = [
    dict(type='LinearLR', begin=0, end=500, start_factor=0.001, by_epoch=False),
    dict(
        type='MultiStepLR',
        begin=0,
        end=11000,
        milestones=[7300, 9500],
        gamma=0.1,
        by_epoch=False,
    ),
]
