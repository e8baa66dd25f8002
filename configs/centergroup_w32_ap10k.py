# CenterGroup with HRNet-W32 at 512 px on AP-10K: animals of 54 species with the same 17
# keypoints, learned and evaluated as one. It starts from the detector of
# higherhrnet_w32_ap10k_center.py, --cfg-options load_from=CHECKPOINT.
# A recipe without a result: the paper has no animals, and nobody has trained it so far.
#
# As many epochs as the paper's for CrowdPose, about 300: of 7,010 images 16,000
# iterations of 132.
_base_ = ['centergroup_w32.py']

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

train_cfg = dict(max_iters=16000)
param_scheduler = [
    dict(type='LinearLR', begin=0, end=1000, start_factor=0.001, by_epoch=False),
    dict(
        type='MultiStepLR',
        begin=0,
        end=16000,
        milestones=[6000, 12000],
        gamma=0.1,
        by_epoch=False,
    ),
]
