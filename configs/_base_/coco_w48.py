# COCO at 640 px and an HRNet-W48.
_base_ = ['coco_w32.py']

input_size = (640, 640)
codec = dict(input_size=input_size)
tag_codec = dict(input_size=input_size, heatmap_size=input_size)
sizes = dict(in_channels=48)
backbone = dict(
    extra=dict(
        stage2=dict(num_channels=(48, 96)),
        stage3=dict(num_channels=(48, 96, 192)),
        stage4=dict(num_channels=(48, 96, 192, 384)),
    ),
    init_cfg=dict(
        checkpoint='https://download.openmmlab.com/mmpose/'
        'pretrain_models/hrnet_w48-8ef0771d.pth'
    ),
)

train_pipeline, val_pipeline = _base_.train_pipeline, _base_.val_pipeline
train_pipeline[1].input_size = input_size
train_pipeline[3].encoder.update(codec)
val_pipeline[1].input_size = input_size
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=val_pipeline))
test_dataloader = val_dataloader
