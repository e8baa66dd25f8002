# AP-10K at 512 px, animals of 54 species with the same 17 keypoints, learned and
# evaluated as one; and an HRNet-W32.
_base_ = ['coco_w32.py']

tag_codec = dict(
    decode_keypoint_order=[2, 0, 1, 3, 4, 5, 8, 11, 14, 6, 9, 12, 15, 7, 10, 13, 16]
)

data_root = 'data/ap10k/'
data = dict(
    data_root=data_root,
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
