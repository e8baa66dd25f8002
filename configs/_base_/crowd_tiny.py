# The synthetic crowd of tools/make_crowd.py at 192 px, and an HRNet narrow enough to
# learn it on two CPU cores.
_base_ = ['coco_w32.py']

input_size = (192, 192)
# Windows and numbers of candidates fit the small images.
codec = dict(input_size=input_size, num_candidates=12, num_centers=12, center_kernel=7)
tag_codec = dict(
    input_size=input_size,
    heatmap_size=input_size,
    decode_topk=12,
    decode_max_instances=12,
)
sizes = dict(in_channels=16)
backbone = dict(
    extra=dict(
        stage1=dict(num_blocks=(1,), num_channels=(16,)),
        stage2=dict(num_blocks=(1, 1), num_channels=(16, 32)),
        stage3=dict(num_modules=1, num_blocks=(1, 1, 1), num_channels=(16, 32, 64)),
        stage4=dict(
            num_modules=1, num_blocks=(1, 1, 1, 1), num_channels=(16, 32, 64, 128)
        ),
    ),
    init_cfg=None,
)

data_root = 'data/crowd/'
train_pipeline, val_pipeline = _base_.train_pipeline, _base_.val_pipeline
train_pipeline[1].update(
    input_size=input_size, scale_factor=(0.9, 1.1), shift_factor=0.05, rotate_factor=0
)
train_pipeline[3].encoder.update(codec)
val_pipeline[1].input_size = input_size
train_dataloader = dict(
    batch_size=8,
    num_workers=0,
    persistent_workers=False,
    pin_memory=False,
    dataset=dict(
        data_root=data_root,
        ann_file='annotations/train.json',
        data_prefix=dict(img='train/'),
        pipeline=train_pipeline,
    ),
)
val_dataloader = dict(
    batch_size=8,
    num_workers=0,
    persistent_workers=False,
    dataset=dict(
        data_root=data_root,
        ann_file='annotations/val.json',
        data_prefix=dict(img='val/'),
        pipeline=val_pipeline,
    ),
)
test_dataloader = val_dataloader
