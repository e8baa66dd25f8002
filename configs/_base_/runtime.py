# What every CenterGroup config shares: plug-in, hooks, logging.
_base_ = ['mmpose::_base_/default_runtime.py']

# Schedules say how long is trained.
_base_.pop('train_cfg')

custom_imports = dict(imports=['centergroup_mm'], allow_failed_imports=False)

# Among the default hooks, so that a config with custom hooks of its own keeps them.
default_hooks = dict(
    # Otherwise every validation is logged at step 0.
    logger=dict(log_metric_by_epoch=False),
    # Files are written whole or not at all, so a killed training resumes. Iterations
    # are counted, not epochs.
    checkpoint=dict(
        type='AtomicCheckpointHook',
        by_epoch=False,
        interval=1000,
        max_keep_ckpts=2,
        save_best='coco/AP',
        rule='greater',
    ),
    # Resumed, it goes on as if it had never been killed.
    exact_resume=dict(type='ExactResumeHook'),
    data_loading=dict(type='DataLoadingHook'),
    # Stops at the first loss that is not finite.
    stop_if_not_finite=dict(type='StopIfNotFiniteHook'),
)
custom_hooks = [
    dict(type='SyncBuffersHook'),
    dict(type='FlushDenormalsHook'),
    # Says before the first iteration what the evaluation would miss after the last.
    dict(type='CheckEvaluationHook'),
    # work_dir/training_curves.png, when training has ended.
    dict(type='TrainingCurvesHook'),
]
# Means over the last iterations of the host's values, of each stage's losses and of the
# number of matched centers. The host would log the last two of one iteration only.
log_processor = dict(
    by_epoch=False,
    mean_pattern=r'.*(loss|time|data_time|grad_norm|matched|_stage\d+).*',
)
