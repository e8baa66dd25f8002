# What every CenterGroup config shares: plug-in, hooks, logging.
_base_ = ['mmpose::_base_/default_runtime.py']

custom_imports = dict(imports=['centergroup_mm'], allow_failed_imports=False)

# Files are written whole or not at all, so a killed training resumes. Iterations are
# counted, not epochs.
default_hooks = dict(
    # Otherwise every validation is logged at step 0.
    logger=dict(log_metric_by_epoch=False),
    checkpoint=dict(
        type='AtomicCheckpointHook', by_epoch=False, interval=1000, max_keep_ckpts=2
    ),
)
custom_hooks = [
    dict(type='SyncBuffersHook'),
    dict(type='FlushDenormalsHook'),
    # Stops at the first loss that is not finite.
    dict(type='mmdet.CheckInvalidLossHook', interval=50),
    # work_dir/training_curves.png, when training has ended.
    dict(type='TrainingCurvesHook'),
]
# Means over the last iterations of the host's values, of each stage's losses and of the
# number of matched centers. The host would log the last two of one iteration only.
log_processor = dict(
    by_epoch=False,
    mean_pattern=r'.*(loss|time|data_time|grad_norm|matched|_stage\d+).*',
)
